"""One reply on a console: shown while it is written, timed, and stopped by Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.text import Text

from roletune.inference.conversation import printable
from roletune.inference.interrupt import until_interrupted
from roletune.inference.wrapping import LiveWrap
from roletune.llm.request import ChatReply

_WIDEST = 100  # columns: longer lines are hard to read
_ENDLESS = 1_000_000_000  # columns of a pipe


@dataclass(frozen=True)
class Pace:
    """How fast a reply came: seconds to its first piece and to its end, tokens of it and of its prompt.

    Where nobody counted them (`counted`), and for a reply that was stopped, `tokens` are pieces and `prompt_tokens` 0.
    """

    first: float
    seconds: float
    tokens: int
    prompt_tokens: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Speed of writing, after the first token; 0 where that can't be told."""
        writing = self.seconds - self.first
        return (self.tokens - 1) / writing if self.tokens > 1 and writing > 0 else 0.0


@dataclass(frozen=True)
class Delivery:
    """A reply as far as it came; `stopped` by Ctrl-C."""

    text: str
    pace: Pace
    stopped: bool = False

    def counted(self, reply: ChatReply | None) -> Pace:
        """Its pace, in tokens as the model counted them."""
        if self.stopped or reply is None:
            return self.pace
        tokens = reply.completion_tokens or self.pace.tokens
        return replace(self.pace, tokens=tokens, prompt_tokens=reply.prompt_tokens)


async def deliver(
    pieces: AsyncIterator[str],
    console: Console,
    name: str,
    clock: Callable[[], float] = time.perf_counter,
    *,
    labelled: bool = False,
) -> Delivery:
    """Print a reply as it comes, under `name` on a terminal (`labelled`: in a pipe, too), else the bare text.

    Raises what the pieces raise, with the cursor at the beginning of a line.
    """
    stage = _Stage(console, name, clock, labelled=labelled)
    try:
        finished = await until_interrupted(stage.perform(pieces))
    finally:
        stage.close()
    return stage.delivery(stopped=not finished)


@dataclass
class _Stage:
    console: Console
    name: str
    clock: Callable[[], float]
    labelled: bool = False
    pieces: list[str] = field(default_factory=list)
    first: float | None = None

    def __post_init__(self) -> None:
        self.started = self.clock()
        # On a terminal, something moves until the first piece is there.
        self.waiting = self.console.status(Text(self.name, "dim"), spinner="dots") if self._live else None
        label = Text.assemble((self.name, "bold cyan"), " › ")
        self.label = label if self._live or self.labelled else Text()
        width = min(self.console.width, _WIDEST) if self._live else _ENDLESS
        self.wrap = LiveWrap(width, self.label.cell_len, indent=2 if self._live else 0)

    @property
    def _live(self) -> bool:
        return self.console.is_terminal

    async def perform(self, pieces: AsyncIterator[str]) -> None:
        if self.waiting:
            self.waiting.start()
        async for piece in pieces:
            self._show(printable(piece))

    def _show(self, piece: str) -> None:
        if self.first is None:
            self.first = self.clock() - self.started
        self.pieces.append(piece)
        self._print(self.wrap.feed(piece))

    def _print(self, text: str) -> None:
        if not text:
            return
        self._stop_waiting()
        if self.label:
            self.console.print(self.label, end="")
            self.label = Text()
        self.console.out(text, end="", highlight=False)

    def _stop_waiting(self) -> None:
        if self.waiting:
            self.waiting.stop()
            self.waiting = None

    def close(self) -> None:
        """The rest of the text, and an end to its line."""
        self._print(self.wrap.end())
        self._stop_waiting()
        if self.text:
            self.console.out()

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    def delivery(self, *, stopped: bool) -> Delivery:
        seconds = self.clock() - self.started
        first = seconds if self.first is None else self.first
        return Delivery(self.text, Pace(first, seconds, len(self.pieces)), stopped)
