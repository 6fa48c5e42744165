"""`roletune rolebench`: RoleBench's recall of a file of answers, with what shows how far to trust it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from roletune.cli.session import AsJson, print_json
from roletune.engine.progress import RichProgress
from roletune.evaluation.bootstrap import Mean
from roletune.evaluation.rolebench import Language, RoleBench, score_rolebench
from roletune.evaluation.rolebench_files import RowFile, join, read_rows
from roletune.evaluation.rolebench_splits import SplitAudit, audit_splits


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="roletune rolebench answers.jsonl --references role_specific/test.jsonl\n\n"
        "roletune rolebench answers.jsonl --references zh/test.jsonl --language zh --json",
    )(rolebench)


def rolebench(
    predictions: Annotated[Path, typer.Argument(help="JSONL with role, question and generated (the answer).")],
    references: Annotated[Path, typer.Option("--references", help="RoleBench's test file, or original answers.")],
    language: Annotated[str, typer.Option("--language", help="en or zh; default: what the references are.")] = "",
    train: Annotated[Path | None, typer.Option("--train", help="A training file: say what the test shares.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the floor and the intervals.")] = 0,
    as_json: AsJson = False,
) -> None:
    """ROUGE-L recall as the RoleLLM paper counts it, beside F1, a floor and controls for length, with intervals."""
    if language not in ("", "en", "zh"):
        raise typer.BadParameter(f"{language!r} is neither en nor zh", param_hint="--language")
    answers, wanted = read_rows(predictions), read_rows(references)
    audit = audit_splits(read_rows(train), wanted) if train else None
    progress = RichProgress(Console(stderr=True))
    joined = join(answers, wanted)
    chosen = cast(Language, language) if language else None
    found = score_rolebench(joined, wanted.metric, chosen, seed=seed, progress=progress)
    notes = [*_notes(answers), *_notes(wanted)]
    if as_json:
        print_json({**asdict(found), "notes": notes, "split": asdict(audit) if audit else None})
    else:
        _tell(found, notes, audit)


def _tell(found: RoleBench, notes: list[str], audit: SplitAudit | None) -> None:
    console = Console()
    console.print(_table(found))
    unit = "characters" if found.language == "zh" else "words"
    console.print(
        f"{found.words.value:.1f} {unit} an answer, {found.reference_words.value:.1f} a reference "
        f"(x {found.length_ratio:.2f}); {found.empty} empty, {found.unscored} without an answer; "
        f"intervals resample {found.drawn_by}",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )
    for flag in found.flags:
        console.print(Text(f"Note: {flag}", "yellow"), soft_wrap=True)
    for note in notes + _counted(found):
        console.print(Text(note, "dim"), soft_wrap=True)
    if audit:
        console.print(Text(_split(audit)), soft_wrap=True)


def _table(found: RoleBench) -> Table:
    title = f"RoleBench {found.metric}, {found.language}: {found.n:,} answers of {found.roles} roles"
    table = Table(
        title=title,
        caption="with 95 % bootstrap intervals; + and -: against the answers as they are",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # so that nothing is cut on 80 columns
    )
    for column in ("", "recall", "", "F1", ""):
        table.add_column(column, no_wrap=True)
    table.add_row("as they are", _figure(found.recall), "", _figure(found.f1), "", style="bold")
    for kind, (of_kind, f1) in found.by_kind.items():
        table.add_row(Text(f"{kind} {of_kind.n:,}"), _figure(of_kind), "", _figure(f1), "")
    table.add_section()
    rows = {"others' (floor)": found.floor, "padded with others'": found.padded, "cut to length": found.cut}
    for name, control in rows.items():
        recall = (_figure(control.recall), _signed(control.recall_change))
        table.add_row(name, *recall, _figure(control.f1), _signed(control.f1_change))
    return table


def _figure(mean: Mean) -> str:
    """A mean with its interval; without leading zeros, so that the table fits on 80 columns."""
    return f"{mean.value:.4f} ({mean.low:.3f}-{mean.high:.3f})".replace("(0.", "(.").replace("-0.", "-.")


def _signed(change: Mean) -> str:
    return f"{change.value:+.3f}".replace("0.", ".", 1)


def _notes(file: RowFile) -> list[str]:
    notes = []
    if file.repeated:
        notes.append(f"{file.path.name}: {file.repeated} rows repeat the role and question of another; all are scored.")
    if file.unread:
        lines = ", ".join(map(str, file.unread[:5]))
        notes.append(f"{file.path.name}: {len(file.unread)} lines are no row and were left out: {lines}.")
    return notes


def _counted(found: RoleBench) -> list[str]:
    notes = []
    if found.strange:
        notes.append(f"{found.strange} answers belong to no reference and were left out.")
    if found.several:
        notes.append(f"{found.several} rows hold several answers; the first of each was scored.")
    return notes


def _split(audit: SplitAudit) -> str:
    return (
        f"Training and test share {len(audit.shared_roles)} of {audit.roles} roles, {audit.shared_questions} of "
        f"{audit.questions} questions, {audit.shared_pairs} of {audit.pairs} pairs: it tests {audit.kind}."
        if audit.kind != "leaking"
        else f"The split leaks: {audit.shared_pairs} of {audit.pairs} test pairs are in training as well."
    )
