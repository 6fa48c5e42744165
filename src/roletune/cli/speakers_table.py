"""Who speaks in the sources, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from roletune.records import Speaker

ROWS = 20


def speakers_table(speakers: Sequence[Speaker]) -> Table:
    """Those with most speeches, and everybody who may be the character."""
    shown = [each for number, each in enumerate(speakers) if number < ROWS or each.character or each.hint]
    rest = len(speakers) - len(shown)
    table = Table(title="Speakers", caption=f"and {rest} more" if rest else None)
    for column in ("name", "speeches", "words", "scenes"):
        table.add_column(column, justify="left" if column == "name" else "right")
    table.add_column("")
    for each in shown:
        note = Text("the character", "green") if each.character else Text(each.hint, "yellow")
        table.add_row(Text(each.name), str(each.speeches), str(each.words), str(each.scenes), note)
    return table
