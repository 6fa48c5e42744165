"""`roletune compare`: runs, characters and replies of other systems side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, print_json
from roletune.engine.store import write_json, write_text
from roletune.evaluation.compare_page import figure_name, render_csv, render_page, render_words
from roletune.evaluation.reply_files import Labels, read_labels
from roletune.records import ComparedFigure, Comparison, Estimate, PairedDifference
from roletune.verbs.compare import Wishes
from roletune.verbs.compare import compare as compare_all

NOBODY: list[str] = []


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune compare examples/jarvis\n\nroletune compare 3f9c 81aa --character examples/jarvis\n\n"
        "roletune compare examples/jarvis examples/hamlet --out side-by-side\n\n"
        "roletune compare REPLIES/ --against chatgpt --labels labels.yaml --json",
    )(compare)


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Characters' folders, runs (ID or FOLDER@ID), files or folders of replies; default: all runs."
        ),
    ] = None,
    character: Annotated[Path, typer.Option("--character", help="Whose runs a bare id names.")] = Path(),
    against: Annotated[str, typer.Option("--against", help="Whom all are compared with; default: the first.")] = "",
    contestants: Annotated[
        list[str], typer.Option("--contestant", help="Of each run, may be repeated; default: the adapter.")
    ] = NOBODY,
    labels: Annotated[Path | None, typer.Option("--labels", help="YAML with leaks labelled by hand.")] = None,
    training: Annotated[
        Path | None, typer.Option("--training", help="train.jsonl, to look for copied passages in files of replies.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write compare.html, compare.json and compare.csv into this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every figure side by side, with paired differences, intervals and a correction for many comparisons."""
    wishes = Wishes(
        home=character,
        contestants=contestants,
        against=against,
        labels=read_labels(labels) if labels else Labels({}, {}),
        training=training,
    )
    found = compare_all(names or [], wishes)
    if out:
        keep(found, out)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    tell(found, Console())
    if out:
        typer.echo(f"Page: {out / 'compare.html'}")


def keep(found: Comparison, out: Path) -> None:
    """Write compare.html, compare.json and compare.csv into a folder."""
    write_text(out / "compare.html", render_page(found))
    write_json(out / "compare.json", found)
    write_text(out / "compare.csv", render_csv(found))


def tell(found: Comparison, console: Console) -> None:
    """Print a comparison as a table, with what it says in words."""
    rows = {(row.figure, row.entrant): row for row in found.differences}
    names = [entrant.name for entrant in found.entrants]
    table = Table("", box=SIMPLE_HEAD)
    for name in names:
        table.add_column(Text(name))
    for figure in found.figures:
        cells = [_cell(figure, figure.estimates.get(name), rows.get((figure.figure, name))) for name in names]
        unscored = sum(figure.unscored.values())
        table.add_row(f"{figure_name(figure.figure)}{f' ({unscored} unscored)' if unscored else ''}", *cells)
    console.print(table)
    console.print(
        f"In brackets the 95 % interval; below it the paired difference to {found.against}. + better, - worse by its "
        f"own interval; ** still so after Holm's correction for {len(found.differences)} comparisons.",
        style="dim",
        markup=False,
    )
    for line in (*render_words(found), *found.notes):
        console.print(line, markup=False)


def _cell(figure: ComparedFigure, found: Estimate | None, row: PairedDifference | None) -> Text:
    if found is None:
        return Text("not measured", "dim")
    digits = ".0%" if figure.unit == "share" else ".3g"
    text = Text(f"{found.value:{digits}} [{found.low:{digits}}, {found.high:{digits}}] n {found.n}")
    if row and row.difference == row.ci_low == row.ci_high == 0:
        text.append("\nno difference", "dim")
    elif row:
        mark = {"better": "+", "worse": "-", "": " "}[row.direction] + ("**" if row.clear else "")
        style = {"better": "green", "worse": "red", "": "dim"}[row.direction]
        text.append(f"\n{row.difference:+.3g} [{row.ci_low:+.3g}, {row.ci_high:+.3g}] {mark}", style)
    return text
