import shlex

import pytest

from roletune.errors import SourceError
from roletune.sources import text as module
from roletune.sources.text import decode, read_text

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000100000001008060000001ff3ff61") + bytes(range(256)) * 8
GERMAN = "Der König läßt grüßen und wünscht dem Hause fröhliche Nächte. " * 5


def write(tmp_path, raw, name="profile.md"):
    path = tmp_path / name
    path.write_bytes(raw)
    return path


def refused(path):
    with pytest.raises(SourceError) as error:
        read_text(path)
    return str(error.value)


def test_utf8_is_read_with_or_without_a_byte_order_mark_and_with_any_line_ends(tmp_path):
    assert read_text(write(tmp_path, "König\r\nJARVIS\rTony\n".encode())) == "König\nJARVIS\nTony\n"
    assert read_text(write(tmp_path, b"\xef\xbb\xbfK\xc3\xb6nig")) == "König"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed(encoding):
    assert decode("König\r\nTony".encode(encoding), "a.srt") == "König\nTony"


@pytest.mark.parametrize("order", ["be", "le"])
def test_either_byte_order_is_read(order):
    assert decode("\ufeffKönig".encode(f"utf-16-{order}"), "a.srt") == "König"
    assert decode("\ufeffKönig".encode(f"utf-32-{order}"), "a.srt") == "König"


def test_a_mark_that_lies_is_refused():
    with pytest.raises(SourceError, match=r"a\.srt is "):
        decode(b"\xff\xfe" + b"abc", "a.srt")  # half a character at the end


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
def test_another_encoding_is_named_with_a_command_that_mends_it(tmp_path, encoding):
    message = refused(write(tmp_path, GERMAN.encode(encoding), "the profile.md"))
    assert "is not UTF-8 but looks like" in message
    assert "iconv -f" in message
    command = shlex.split(message[message.index("iconv") :])
    assert command[5] == "the profile.md"
    assert GERMAN.encode(encoding).decode(command[2]).strip("\ufeff") == GERMAN


def test_plain_english_in_utf16_is_not_taken_for_utf8(tmp_path):
    assert "iconv" in refused(write(tmp_path, ("Good morning, sir. " * 9).encode("utf-16-le")))


@pytest.mark.parametrize("raw", [PNG, b"\x00" * 100], ids=["png", "zeros"])
def test_binary_data_is_called_so(tmp_path, raw):
    assert "binary data. Export it as plain text first" in refused(write(tmp_path, raw))


def test_a_missing_file_a_folder_and_a_huge_file_are_refused_with_a_cure(tmp_path):
    assert "does not exist. Write it" in refused(tmp_path / "none.md")
    assert "Name a text file" in refused(tmp_path)
    huge = tmp_path / "huge.md"
    with huge.open("wb") as file:
        file.truncate(module.MAX_BYTES + 1)  # sparse: takes no room
    assert "over 50 MB. Give the part" in refused(huge)


def test_an_empty_file_is_an_empty_text(tmp_path):
    assert read_text(write(tmp_path, b"")) == ""
