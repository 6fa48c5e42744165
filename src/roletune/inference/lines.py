"""What a person says to the chat, line by line: typed at a terminal, or from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from roletune.errors import SourceError

if TYPE_CHECKING:
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.output import Output


class Lines(Protocol):
    """Where a chat takes its lines from."""

    @property
    def interactive(self) -> bool:
        """Whether a person sits there, who can do something about an error."""

    async def read(self) -> str | None:
        """The next line or, of a person, message of several; None at the end. KeyboardInterrupt for Ctrl-C."""


class PipedLines:
    """Lines of a file or pipe. Raises SourceError if it is not text."""

    interactive = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    async def read(self) -> str | None:
        """The next line; nothing else goes on in a chat meanwhile, so this simply waits."""
        try:
            return self._stream.readline() or None
        except UnicodeDecodeError as error:
            raise SourceError(
                f"The input is not valid {error.encoding}: {error.reason}. Convert it to UTF-8."
            ) from error


class TypedLines:
    """A line editor: history across chats, completed commands, Enter sends and Alt-Enter begins a new line."""

    interactive = True

    def __init__(
        self,
        partner: str,
        history: Path | None = None,
        commands: Sequence[str] = (),
        *,
        source: Input | None = None,
        output: Output | None = None,
    ) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter

        self._session: PromptSession[str] = PromptSession(
            [("bold ansigreen", partner), ("", " › ")],
            multiline=True,
            prompt_continuation="  ",
            history=_history(history),
            key_bindings=_keys(),
            completer=WordCompleter(list(commands), sentence=True),
            complete_while_typing=True,
            reserve_space_for_menu=0,
            input=source,
            output=output,
        )

    async def read(self) -> str | None:
        """What was typed, when it is sent. Ctrl-C empties the line first."""
        try:
            return await self._session.prompt_async()
        except EOFError:
            return None


def open_lines(partner: str, history: Path | None, commands: Sequence[str]) -> Lines:
    """An editor if this is a terminal, else the lines of standard input."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return TypedLines(partner, history, commands)
    return PipedLines(sys.stdin)


def _history(path: Path | None) -> History:
    """The history kept at `path`, for its writer to read; only of this chat if that can't be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.open("ab").close()
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


def _keys() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def break_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add("c-c")
    def empty(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt)

    return keys
