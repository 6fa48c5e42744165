"""What the commands share: options, one run over a character with its lock and its log file, and how errors end it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, contextmanager, suppress
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console, RenderableType

from roletune.engine.lock import project_lock
from roletune.engine.progress import Progress, RichProgress, Task
from roletune.errors import ProjectError, ResourceError, RoletuneError
from roletune.project import Project
from roletune.workbench import Workbench, open_workbench

T = TypeVar("T")

Character = Annotated[Path, typer.Argument(help="The character's folder (where character.yaml is).")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, everything else on standard error.")
]


def run_session(folder: Path, work: Callable[[Workbench], Awaitable[T]], *, as_json: bool = False) -> T:
    """Open the character in `folder`, hold its lock, and do `work` with progress on the screen and in a log file."""
    return run_sessions([folder], lambda benches: work(benches[0]), as_json=as_json)


def run_sessions(
    folders: Sequence[Path], work: Callable[[list[Workbench]], Awaitable[T]], *, as_json: bool = False
) -> T:
    """The same with several characters; what is told stands in the log of each."""
    projects = [Project.open(folder) for folder in folders]
    places = [project.build.resolve() for project in projects]
    if twice := [folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1]:
        raise ProjectError(f"{twice[0]} is named twice. Name each character once.")
    console = Console(stderr=as_json)
    with ExitStack() as stack:
        logs = []
        for project in projects:
            stack.enter_context(project_lock(project.build))
            logs.append(stack.enter_context(_log(project.build / "logs")))
        progress = LoggedProgress(RichProgress(console), *logs)

        def show(renderable: RenderableType) -> None:
            console.print(renderable)

        async def session() -> T:
            async with AsyncExitStack() as opened:
                benches = [
                    await opened.enter_async_context(open_workbench(project, progress, show=show))
                    for project in projects
                ]
                return await work(benches)

        try:
            return asyncio.run(session())
        except RoletuneError as error:
            progress.log(f"error: {error}")
            raise
        except KeyboardInterrupt:
            progress.log("interrupted")
            typer.echo("\nStopped. What was finished is kept: the same command goes on from here.", err=True)
            raise typer.Exit(130) from None


class LoggedProgress:
    """Progress that also writes what it is told into log files, with the time.

    A log that can't be written (a full disk) stops nothing: what the work itself can't write says so.
    """

    def __init__(self, progress: Progress, *logs: FileIO) -> None:
        self._progress = progress
        self._logs = logs

    def task(self, title: str, total: float | None, unit: str = "") -> AbstractContextManager[Task]:
        """As the progress it stands before."""
        self.log(f"begins: {title}" + (f" ({total:.0f} {unit})".replace(" )", ")") if total else ""))
        return self._progress.task(title, total, unit)

    def say(self, message: str, style: str = "") -> None:
        """On the screen and in the log."""
        self.log(message)
        self._progress.say(message, style)

    def log(self, message: str) -> None:
        """In the logs only."""
        for log in self._logs:
            with suppress(OSError):
                log.write(f"{datetime.now():%H:%M:%S} {message}\n".encode())


@contextmanager
def _log(folder: Path) -> Iterator[FileIO]:
    path = folder / f"{datetime.now():%Y-%m-%d-%H%M%S}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = path.open("ab", buffering=0)  # unbuffered: nothing is left to write when it is closed
        log.write(f"roletune {' '.join(sys.argv[1:])}\n".encode())
    except OSError as error:
        raise ResourceError(
            f"{path} can't be written: {error.strerror}. Free some disk space and run again."
        ) from error
    with log:
        yield log


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def fail(error: RoletuneError, *, as_json: bool) -> NoReturn:
    """One message and exit code 1."""
    if as_json:
        print_json({"error": str(error), "kind": type(error).__name__})
    else:
        Console(stderr=True).print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(1)
