"""`roletune batches`: what was handed to a provider's batch interface, and what came back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, Character, print_json
from roletune.llm.batch_journal import BatchJournal
from roletune.project import Project
from roletune.workbench import BATCHES


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="roletune batches examples/jarvis")(batches)


def batches(character: Character = Path(), as_json: AsJson = False) -> None:
    """List the batches of endpoints with `batch: true`, as far as this machine knows; nothing is asked."""
    found = BatchJournal(Project.open(character).journal / BATCHES).batches()
    if as_json:
        print_json([asdict(batch) for batch in found])
        return
    table = Table("batch", "model", "handed over", "status", "requests", "answered")
    for batch in found:
        answered = "" if batch.open else f"{batch.answered:,}"
        told = (batch.id or "not yet", batch.identity, batch.created, batch.status, f"{batch.requests:,}", answered)
        table.add_row(*map(Text, told))
    console = Console()
    console.print(table if found else "No batch was handed over yet.")
    if any(batch.open for batch in found):
        console.print("To go on waiting, run the command that was stopped again.")
