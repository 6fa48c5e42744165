import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.cards.png import (
    MAX_BYTES,
    MAX_CHUNKS,
    MAX_TEXT,
    SIGNATURE,
    make_chunk,
    plain_picture,
    read_texts,
    write_texts,
)

END = make_chunk(b"IEND", b"")


def with_chunks(*chunks):
    return plain_picture(2, 2)[: -len(END)] + b"".join(chunks) + END


def refused(png):
    with pytest.raises(SourceError) as error:
        read_texts(png, ("chara",), "x.png")
    return str(error.value)


@pytest.mark.parametrize(
    "chunk",
    [
        make_chunk(b"tEXt", b"Chara\0hello"),
        make_chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"hello")),
        make_chunk(b"iTXt", b"chara\0\0\0en\0wort\0hello"),
        make_chunk(b"iTXt", b"chara\0\1\0\0\0" + zlib.compress(b"hello")),
    ],
    ids=["tEXt", "zTXt", "iTXt", "packed iTXt"],
)
def test_every_kind_of_text_is_read(chunk):
    assert read_texts(with_chunks(chunk), ("chara",), "x.png") == {"chara": b"hello"}


def test_the_first_of_several_texts_counts():
    png = with_chunks(make_chunk(b"tEXt", b"chara\0one"), make_chunk(b"tEXt", b"chara\0two"))
    assert read_texts(png, ("chara", "ccv3"), "x.png") == {"chara": b"one"}


def test_writing_replaces_older_texts_and_leaves_all_else_in_its_order():
    other = make_chunk(b"tEXt", b"Comment\0mine"), make_chunk(b"acTL", b"\0" * 8)
    before = with_chunks(other[0], make_chunk(b"zTXt", b"CHARA\0\0" + zlib.compress(b"old")), other[1]) + b"trailing"
    after = write_texts(before, {"chara": b"new"}, "x.png")
    assert after == with_chunks(*other, make_chunk(b"tEXt", b"chara\0new")) + b"trailing"


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = zlib.compress(b"\0" * (MAX_TEXT + 1), 9)
    assert "over 48 MB" in refused(with_chunks(make_chunk(b"zTXt", b"chara\0\0" + bomb)))


def test_texts_that_nobody_asked_for_are_never_unpacked():
    bombs = [make_chunk(b"zTXt", b"other\0\0not zlib at all")] * 50
    assert read_texts(with_chunks(*bombs), ("chara",), "x.png") == {}


def test_too_many_chunks_are_refused():
    png = SIGNATURE + make_chunk(b"tEXt", b"") * (MAX_CHUNKS + 1) + END
    assert "over 200,000 chunks" in refused(png)


def test_a_picture_of_over_100_mb_is_refused():
    assert "over 100 MB" in refused(SIGNATURE + bytes(MAX_BYTES))


@pytest.mark.parametrize(
    ("png", "fault"),
    [
        (b"GIF89a", "is no PNG"),
        (with_chunks()[:-5], "is cut off"),
        (SIGNATURE + struct.pack(">I", 2**31) + b"tEXt", "is cut off"),
        (with_chunks(make_chunk(b"tEXt", b"chara\0a")[:-1] + b"!"), "checksum"),
        (with_chunks(make_chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"hello" * 99)[:-8])), "cut off"),
        (with_chunks(make_chunk(b"zTXt", b"chara\0\0hello")), "can't be unpacked"),
    ],
    ids=["no png", "no end", "length", "checksum", "short stream", "no stream"],
)
def test_a_damaged_picture_is_told_with_a_cure(png, fault):
    message = refused(png)
    assert fault in message
    assert "x.png" in message


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["chara", "ccv3"]), st.binary(max_size=300)), st.booleans())
def test_what_is_written_is_read(texts, twice):
    png = write_texts(plain_picture(2, 2), texts, "x.png")
    png = write_texts(png, texts, "x.png") if twice else png
    assert read_texts(png, ("chara", "ccv3"), "x.png") == texts
