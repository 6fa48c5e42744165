"""`roletune calibrate`: judges against human scores, and the sheet that people fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, print_json
from roletune.engine.store import write_text
from roletune.errors import SourceError
from roletune.evaluation.judging.calibration import calibrate as calibrated
from roletune.evaluation.judging.human import human_sheet, read_human
from roletune.records import Agreement, CalibrationReport, Interviews, JudgeBias


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune calibrate build/suites/interview.json --sheet human.csv\n\n"
        "roletune calibrate build/suites/interview.json human.csv"
    )(calibrate)


def calibrate(
    judged: Annotated[Path, typer.Argument(help="build/suites/interview.json of a character.")],
    human: Annotated[Path | None, typer.Argument(help="CSV with the columns item, dimension, score.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Write a CSV file for people to fill in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what judges scored with what people scored, and look for the judges' biases."""
    if (human is None) == (sheet is None):
        raise typer.BadParameter("give either the file of human scores, or --sheet FILE to have one made")
    interviews = _read(judged)
    if sheet:
        if sheet.exists():
            raise SourceError(f"{sheet} exists and may hold somebody's scores. Name another file.")
        write_text(sheet, human_sheet(interviews.items))
        Console(stderr=True).print(Text(f"Fill in the column score, from 1 to 7: {sheet}"))
    elif human:
        report = calibrated(interviews, read_human(human))
        if as_json:
            print_json(report.model_dump(mode="json"))
        else:
            _print(report, Console())


def _read(path: Path) -> Interviews:
    try:
        return Interviews.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}. Give build/suites/interview.json.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        told = f"{path} holds no interviews ({where}: {first['msg']})"
        raise SourceError(f"{told}. Make them: roletune run CHARACTER --with interview") from error


def _print(report: CalibrationReport, console: Console) -> None:
    if not report.agreement:
        console.print(Text("No human score belongs to a judged item. Is it the sheet of these interviews?", "bold"))
    table = Table("judge", "dimension", "n", "Pearson", "Spearman", "kappa", "bias", "error (constant)", "usable")
    for row in report.agreement:
        table.add_row(*map(Text, _cells(row)))
    console.print(table)
    for row in report.agreement:
        if not row.usable:
            console.print(Text(f"Nobody is ranked by {row.judge} in {row.dimension}: {row.why}.", "yellow"))
    for bias in report.biases:
        console.print(Text(_bias(bias), "bold red" if bias.found else "dim"))
    if report.unmatched:
        console.print(Text(f"{report.unmatched} human scores belong to no judged item.", "yellow"))


def _cells(row: Agreement) -> list[str]:
    correlations = ["-" if value is None else f"{value:.2f}" for value in (row.pearson, row.spearman, row.kappa)]
    unscored = f" ({row.unscored} unscored)" if row.unscored else ""
    return [
        row.judge,
        row.dimension,
        f"{row.n}{unscored}",
        *correlations,
        f"{row.bias:+.2f} [{row.bias_low:+.2f}, {row.bias_high:+.2f}]",
        f"{row.error:.2f} ({row.constant_error:.2f})",
        "yes" if row.usable else "no",
    ]


def _bias(bias: JudgeBias) -> str:
    kind, told = bias.kind.replace("_", " "), "found" if bias.found else "not found"
    interval = f"{bias.value:.2f} [{bias.low:.2f}, {bias.high:.2f}]"
    return f"{kind} bias of {bias.judge} {told}: {interval}, none would be {bias.neutral:g}, n {bias.n}"
