"""`roletune quality`: somebody else's data through roletune's own filters, with counts by reason."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, print_json
from roletune.engine.duplicates import Repeats
from roletune.project import Project
from roletune.sources.formats import AUTO, READERS
from roletune.verbs.quality import Quality, audit


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune quality examples/jarvis their-dialogues.json\n\nroletune quality ada *.jsonl --json")(
        quality
    )


def quality(
    character: Annotated[Path, typer.Argument(help="The character's folder: its names and its filters' settings.")],
    files: Annotated[list[Path], typer.Argument(help="Scenes and dialogues in any format that can be imported.")],
    form: Annotated[
        str, typer.Option("--as", help=f"The format, if it is not recognised: {', '.join(READERS)}.")
    ] = AUTO,
    as_json: AsJson = False,
) -> None:
    """Count what the quality filters would keep of data from elsewhere, and how much of it repeats itself."""
    if form not in (AUTO, *READERS):
        raise typer.BadParameter(f"there is no format {form!r}; the formats are {', '.join(READERS)}")
    found = audit(Project.open(character, complete=False), files, form)
    if as_json:
        print_json(asdict(found) | {name: getattr(found, name)._asdict() for name in ("backgrounds", "spoken")})
        return
    console = Console()
    console.print(_table(found))
    for what, repeats in (("backgrounds", found.backgrounds), ("dialogues", found.spoken)):
        if repeats.texts:
            console.print(Text(_told(what, repeats, found.overlap)))
    if found.not_read:
        console.print(Text(f"{found.not_read:,} lines belong to nothing that was read."))


def _table(found: Quality) -> Table:
    rows: dict[str, Any] = {"kept": found.kept, **found.failed, "to be played: no turn yet": found.to_be_played}
    table = Table("", "scenes", title=f"{found.scenes:,} scenes")
    table.columns[1].justify = "right"
    for name, count in rows.items():
        table.add_row(Text(name), f"{count:,} ({count / max(1, found.scenes):.0%})")
    return table


def _told(what: str, repeats: Repeats, overlap: float) -> str:
    def share(count: int) -> str:
        return f"{count:,} ({count / repeats.texts:.1%})"

    return (
        f"Of {repeats.texts:,} {what}, {share(repeats.like_another)} are near-duplicates of another one, "
        f"{share(repeats.like_an_earlier)} of an earlier one (word overlap from {overlap:g})."
    )
