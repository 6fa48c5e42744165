"""How long work tells where it stands, without knowing whether anybody looks.

Work takes a `Progress` and opens a task for what it does; `SilentProgress` is for tests and libraries, `RichProgress`
draws bars on a terminal and writes plain lines into a pipe or a log file. Nothing here ever raises about its input: no
number that work reports is wrong enough to stop it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.progress import Task as BarTask
from rich.text import Text

_PLAIN_EVERY = 15.0  # seconds between two lines about one task where bars can't be drawn


class Task(Protocol):
    """One piece of work that is going on."""

    def advance(self, n: float = 1, note: str = "") -> None:
        """`n` more units are done; an empty `note` leaves the note as it is."""

    def update(self, completed: float | None = None, total: float | None = None, note: str = "") -> None:
        """Set what is known now; None and an empty `note` leave things as they are."""


class Progress(Protocol):
    """Where work is reported."""

    def task(self, title: str, total: float | None, unit: str = "") -> AbstractContextManager[Task]:
        """A task for the length of a `with` block; `total` None if unknown; unit "B" is shown as kB, MB, GB."""

    def say(self, message: str, style: str = "") -> None:
        """One line, above the bars; `style` is one of rich's ("dim", "bold red") and for all of it."""


class SilentProgress:
    """Progress that nobody looks at."""

    @contextmanager
    def task(self, title: str, total: float | None, unit: str = "") -> Iterator[Task]:
        """A task that tells nobody."""
        yield _SilentTask()

    def say(self, message: str, style: str = "") -> None:
        """Nothing."""


class _SilentTask:
    def advance(self, n: float = 1, note: str = "") -> None:
        pass

    def update(self, completed: float | None = None, total: float | None = None, note: str = "") -> None:
        pass


class RichProgress:
    """Bars with counts, elapsed and remaining time on a terminal; a line now and then elsewhere."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._bars: Bars | None = None  # lives as long as any task is open
        self._open = 0

    def task(self, title: str, total: float | None, unit: str = "") -> AbstractContextManager[Task]:
        """A bar, or plain lines where the console is not a terminal."""
        return self._bar(title, total, unit) if self._console.is_terminal else self._lines(title, total, unit)

    def say(self, message: str, style: str = "") -> None:
        """One line as it is: brackets in it (file names, a model's words) are not taken for markup."""
        self._console.print(message, style=style or None, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def _bar(self, title: str, total: float | None, unit: str) -> Iterator[Task]:
        if self._bars is None:
            self._bars = Bars(*_columns(), console=self._console)
            self._bars.start()
        bars = self._bars
        self._open += 1
        number = bars.add_task(title, total=total, unit=unit, note="")
        try:
            yield _BarTask(bars, number)
        finally:
            self._close(bars, number)

    def _close(self, bars: Bars, number: TaskID) -> None:
        """The last task leaves its line standing, as done; one within another makes room for the next."""
        self._open -= 1
        for each in bars.tasks:
            if each.id == number and each.total is None:
                bars.update(number, total=each.completed)  # else its bar would pulse on where it stands
        if self._open:
            bars.remove_task(number)
        else:
            bars.stop()
            self._bars = None

    @contextmanager
    def _lines(self, title: str, total: float | None, unit: str) -> Iterator[Task]:
        task = _LineTask(self.say, self._clock, title, total, unit)
        try:
            yield task
        finally:
            task.end()


class _BarTask:
    def __init__(self, bars: Bars, number: TaskID) -> None:
        self._bars = bars
        self._number = number

    def advance(self, n: float = 1, note: str = "") -> None:
        self._bars.update(self._number, advance=n, **_fields(note))

    def update(self, completed: float | None = None, total: float | None = None, note: str = "") -> None:
        self._bars.update(self._number, completed=completed, total=total, **_fields(note))


def _fields(note: str) -> dict[str, Any]:
    return {"note": note} if note else {}


class _LineTask:
    """Tells in lines: at most one every `_PLAIN_EVERY` seconds, and one at the end."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float], title: str, total: float | None, unit: str
    ) -> None:
        self._say, self._clock = say, clock
        self._title, self._total, self._unit = title, total, unit
        self._completed = 0.0
        self._note = ""
        self._started = self._told = clock()

    def advance(self, n: float = 1, note: str = "") -> None:
        self.update(self._completed + n, note=note)

    def update(self, completed: float | None = None, total: float | None = None, note: str = "") -> None:
        self._completed = self._completed if completed is None else completed
        self._total = self._total if total is None else total
        self._note = note or self._note
        if self._clock() - self._told >= _PLAIN_EVERY:
            self._told = self._clock()
            left = remaining(self._clock() - self._started, self._completed, self._total)
            self._tell("" if left is None else f", {duration(left)} left")

    def end(self) -> None:
        self._tell(f" in {duration(self._clock() - self._started)}")

    def _tell(self, time_told: str) -> None:
        note = f" ({self._note})" if self._note else ""
        counted = count(self._completed, self._total, self._unit)
        self._say(f"{self._title}{f': {counted}' if counted else ''}{time_told}{note}")


class _CountColumn(ProgressColumn):
    def render(self, task: BarTask) -> Text:
        return Text(count(task.completed, task.total, task.fields["unit"]), style="progress.download")


class _LeftColumn(ProgressColumn):
    """Time left by the mean speed so far: the speed of the last seconds jumps where replies come in bursts."""

    def render(self, task: BarTask) -> Text:
        left = None if task.finished else remaining(task.elapsed or 0.0, task.completed, task.total)
        return Text("" if left is None else f"{duration(left)} left", style="progress.remaining")


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _CountColumn(),
        TimeElapsedColumn(),
        _LeftColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )


def count(completed: float, total: float | None, unit: str) -> str:
    """`3/10 scenes`, `3 scenes` where the total is unknown, `1.2 MB/3.0 MB` for bytes; empty if nothing is counted."""
    if not completed and not total and not unit:
        return ""
    if unit == "B":
        done, whole, unit = decimal(int(completed)), "" if total is None else decimal(int(total)), ""
    else:
        done, whole = f"{completed:,.0f}", "" if total is None else f"{total:,.0f}"
    return " ".join(part for part in ("/".join(filter(None, (done, whole))), unit) if part)


def remaining(elapsed: float, completed: float, total: float | None) -> float | None:
    """Seconds left at the mean speed so far; None while nothing can be said."""
    if not total or completed <= 0:
        return None
    return max(0.0, elapsed * (total - completed) / completed)


def duration(seconds: float) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
