"""`roletune review`: rows of a stage, one by one, to accept, reject or edit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import click
import typer
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from roletune.cli.session import Character
from roletune.engine.lock import project_lock
from roletune.engine.manifest import Manifest
from roletune.engine.progress import SilentProgress
from roletune.errors import DatasetError
from roletune.llm.ledger import Ledger
from roletune.project import Project
from roletune.verbs.review import REVIEWED, Review, decide, identity
from roletune.workbench import Workbench

KEYS = "[a]ccept  [r]eject  [e]dit  [s]kip  [b]ack  [q]uit"
NONE: list[str] = []


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune review experiences examples/jarvis\n\nroletune review scenes examples/jarvis --rejected"
    )(review)


def review(
    stage: Annotated[str, typer.Argument(help=f"One of {', '.join(REVIEWED)}.")],
    character: Character = Path(),
    rejected: Annotated[bool, typer.Option("--rejected", help="Rows that were not kept; accepting adds them.")] = False,
    accept: Annotated[list[str], typer.Option("--accept", help="Accept the row with this id, and ask nothing.")] = NONE,
    reject: Annotated[list[str], typer.Option("--reject", help="Reject the row with this id, and ask nothing.")] = NONE,
) -> None:
    """Show the rows nobody has decided about; decisions are kept, and the next run applies them."""
    project = Project.open(character)
    with project_lock(project.build), Ledger(project.journal / "ledger.sqlite") as ledger:
        bench = Workbench(project, SilentProgress(), ledger, Manifest(project.build / "manifest.json"))
        rows = Review(bench, stage, rejected=rejected)
        if accept or reject:
            decide(rows, accept, reject)
        else:
            _ask(rows, Console())
        counts = Counter(rows.decided[identity(row)].action for row in rows.rows if identity(row) in rows.decided)
    told = ", ".join(f"{number} {action}" for action, number in sorted(counts.items())) or "nothing decided"
    typer.echo(f"{stage}: {told}; {len(rows.pending())} rows left. Decisions: {project.journal / 'edits.jsonl'}")
    if counts:
        typer.echo(f"They are applied by: roletune {stage.partition('/')[0]} {character}")


def _ask(rows: Review, console: Console) -> None:
    """Go through the rows; a skipped one comes again in the next review."""
    pending = rows.pending()
    place = 0
    while place < len(pending):
        row = pending[place]
        _show(rows, row, console, f"{place + 1} of {len(pending)}")
        key = _key()
        if key == "q":
            return
        if key == "b":
            place = max(0, place - 1)
            continue
        if key == "e" and not _edit(rows, row, console):
            continue
        if key == "a":
            rows.accept(row)
        elif key == "r":
            rows.reject(row)
        place += 1


def _key() -> str:
    """What to do; the end of the input is the end of the review."""
    while True:
        try:
            key = str(typer.prompt(KEYS, default="a", show_default=False, prompt_suffix="  > ")).strip().lower()[:1]
        except click.Abort:
            typer.echo()
            return "q"
        if key and key in "aresbq":
            return key


def _edit(rows: Review, row: BaseModel, console: Console) -> bool:
    """Let somebody change the row in $EDITOR; whether it was changed into a row."""
    text = click.edit(row.model_dump_json(indent=2) + "\n", extension=".json")
    if text is None:
        console.print("Nothing was changed.", style="yellow")
        return False
    try:
        rows.edit(row, text)
    except DatasetError as error:
        console.print(Text(str(error), "red"))
        return False
    return True


def _show(rows: Review, row: BaseModel, console: Console, place: str) -> None:
    console.rule(Text(f"{rows.stage} {identity(row)}  {place}", "dim"))
    if reason := rows.reasons.get(identity(row)):
        console.print(Text(f"not kept: {reason}", "yellow"))
    if earlier := rows.decided.get(identity(row)):
        console.print(Text(f"decided: {earlier.action}", "yellow"))
    console.print(Text(rows.readable(row)))
