"""Files are whole or not there, whatever happens while they are written."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from roletune.engine.store import append_record, file_hash, read_records, write_json, write_records, write_text
from roletune.errors import ResourceError, SourceError


class Line(BaseModel):
    number: int
    text: str


LINES = [Line(number=1, text="Good evening, sir."), Line(number=2, text='Zürich, "quoted" \\ and 😀\u2028 a separator')]


def fill_the_disk(code: str, path: Path) -> subprocess.CompletedProcess:
    """Run `code` in a process whose files may not grow over 64 KiB: writing fails there as on a full disk."""
    script = f"""
import resource, sys
from pathlib import Path
from pydantic import BaseModel
from roletune.engine.store import append_record, write_records
from roletune.errors import ResourceError
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
class Line(BaseModel):
    number: int
    text: str
path = Path(sys.argv[1])
try:
{code}
except ResourceError as error:
    print(error)
"""
    return subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)


def test_records_come_back_as_they_were(tmp_path):
    path = tmp_path / "new" / "lines.jsonl"
    write_records(path, LINES)
    assert read_records(path, Line) == LINES


def test_a_line_separator_inside_a_text_does_not_end_a_line(tmp_path):
    path = tmp_path / "lines.jsonl"
    write_records(path, LINES)
    assert path.read_bytes().count(b"\n") == 2


def test_a_last_line_cut_at_any_byte_is_left_out(tmp_path):
    path = tmp_path / "lines.jsonl"
    write_records(path, LINES)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert read_records(path, Line) == LINES[:1], whole[:end]
    path.write_bytes(whole[:-1])  # only the newline is missing: the record is whole
    assert read_records(path, Line) == LINES


def test_zeros_that_a_power_cut_left_at_the_end_are_left_out(tmp_path):
    path = tmp_path / "lines.jsonl"
    write_records(path, LINES)
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    assert read_records(path, Line) == LINES


@pytest.mark.parametrize(
    "line", ['{"number": 1, "text"', '{"number": "one", "text": "x"}', "hello", '{"number": 1}', "\xff"]
)
def test_a_bad_line_in_the_middle_is_named(tmp_path, line):
    path = tmp_path / "lines.jsonl"
    write_records(path, LINES)
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n" + LINES[0].model_dump_json().encode() + b"\n")
    with pytest.raises(SourceError, match=r"lines\.jsonl:3 is not a Line"):
        read_records(path, Line)


def test_a_mistake_made_by_hand_in_the_last_line_is_not_taken_for_a_torn_one(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"number": 1,, "text": "x"}', encoding="utf-8")
    with pytest.raises(SourceError, match=":1"):
        read_records(path, Line)


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(line.model_dump_json().encode() for line in LINES) + b"\r\n\r\n")
    assert read_records(path, Line) == LINES


def test_a_missing_file_is_reported_with_a_cure(tmp_path):
    with pytest.raises(SourceError, match="Run the stage"):
        read_records(tmp_path / "none.jsonl", Line)
    with pytest.raises(SourceError):
        file_hash(tmp_path / "none.jsonl")


def test_records_that_can_not_be_made_leave_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "lines.jsonl"
    write_records(path, LINES[:1])

    def broken():
        yield LINES[1]
        raise SourceError("the source ended")

    with pytest.raises(SourceError, match="the source ended"):
        write_records(path, broken())
    assert read_records(path, Line) == LINES[:1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["lines.jsonl"]


def test_a_full_disk_leaves_the_old_file_and_tells_the_cure(tmp_path):
    path = tmp_path / "lines.jsonl"
    write_records(path, LINES)
    done = fill_the_disk("    write_records(path, [Line(number=n, text='x' * 1000) for n in range(100)])", path)
    assert "full" in done.stdout
    assert "free some space" in done.stdout
    assert read_records(path, Line) == LINES
    assert [entry.name for entry in tmp_path.iterdir()] == ["lines.jsonl"]


def test_a_full_disk_leaves_a_journal_without_half_a_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = "    for n in range(100):\n        append_record(path, Line(number=n, text='x' * 1000))"
    done = fill_the_disk(code, path)
    assert "free some space" in done.stdout
    assert path.read_bytes().endswith(b"\n")
    assert [line.number for line in read_records(path, Line)] == list(range(64))


def test_a_link_stays_a_link_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "real.txt").write_text("old", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "new\n")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text(encoding="utf-8") == "new\n"


def test_a_folder_in_the_way_is_reported(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(ResourceError, match="can't be written"):
        write_text(tmp_path / "taken", "x")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ResourceError, match="can't be written"):
        append_record(tmp_path / "file" / "journal.jsonl", LINES[0])


def test_json_is_readable_and_takes_models(tmp_path):
    write_json(tmp_path / "a.json", LINES[1])
    assert '"number": 2' in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "Zürich" in (tmp_path / "a.json").read_text(encoding="utf-8")
    write_json(tmp_path / "a.json", {"a": [1, 2]})
    assert (tmp_path / "a.json").read_text(encoding="utf-8").endswith("}\n")


def test_a_journal_grows_by_one_line_each(tmp_path):
    path = tmp_path / "journal" / "edits.jsonl"
    for line in LINES:
        append_record(path, line)
    assert read_records(path, Line) == LINES


@pytest.mark.parametrize("torn", [b'{"number": 7, "te', b'{"number": 7, "text": "\xc3', b"\0\0\0"])
def test_a_torn_last_line_is_removed_before_the_next_is_added(tmp_path, torn):
    path = tmp_path / "journal.jsonl"
    append_record(path, LINES[0])
    path.write_bytes(path.read_bytes() + torn)
    append_record(path, LINES[1])
    assert read_records(path, Line) == LINES


def test_a_last_line_without_a_newline_is_finished_before_the_next_is_added(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text(LINES[0].model_dump_json(), encoding="utf-8")
    append_record(path, LINES[1])
    assert read_records(path, Line) == LINES


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    assert file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
