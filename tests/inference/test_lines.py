import asyncio
import io
import stat

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from roletune.errors import SourceError
from roletune.inference.lines import PipedLines, TypedLines


def typed(keys, history=None):
    async def read_all(lines):
        read = []
        while (line := await lines.read()) is not None:
            read.append(line)
        return read

    with create_pipe_input() as source:
        source.send_text(keys)
        return asyncio.run(read_all(TypedLines("Tony", history, source=source, output=DummyOutput())))


def test_enter_sends_and_alt_enter_begins_a_new_line():
    assert typed("Hello.\rone\x1b\rtwo\r\x04") == ["Hello.", "one\ntwo"]


def test_ctrl_c_empties_the_line_and_is_an_interrupt_on_an_empty_one():
    assert typed("half\x03whole\r\x04") == ["whole"]
    with pytest.raises(KeyboardInterrupt):
        typed("\x03")


def test_what_was_typed_in_the_last_chat_can_be_had_again(tmp_path):
    history = tmp_path / "journal" / "history"
    assert typed("Hello.\r\x04", history) == ["Hello."]
    assert typed("\x1b[A\r\x04", history) == ["Hello."]


def test_what_was_typed_is_for_its_writer_only(tmp_path):
    typed("Hello.\r\x04", tmp_path / "history")
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) == 0o600


def test_a_history_that_can_not_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    assert typed("Hello.\r\x04", tmp_path / "file" / "history") == ["Hello."]


def test_piped_lines_end_with_their_file():
    async def read():
        lines = PipedLines(io.StringIO("one\n\ntwo"))
        return [await lines.read() for _ in range(4)]

    assert asyncio.run(read()) == ["one\n", "\n", "two", None]


def test_a_pipe_that_is_not_text_is_refused_with_a_cure():
    lines = PipedLines(io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), encoding="utf-8"))
    with pytest.raises(SourceError, match="Convert it to UTF-8"):
        asyncio.run(lines.read())
