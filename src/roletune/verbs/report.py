"""Stage `report`: everything that was measured, as a page, as JSON and as Markdown; and the adapter's card."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from roletune.engine.store import read_records, write_json, write_text
from roletune.evaluation.model_card import render_card
from roletune.evaluation.report import build_report
from roletune.evaluation.report_html import render_html
from roletune.evaluation.report_markdown import render_markdown
from roletune.evaluation.report_tables import interviews_table, report_tables
from roletune.records import (
    BanditReport,
    BoundaryReport,
    CapabilityReport,
    DataStatistics,
    Evaluation,
    Example,
    Finding,
    Interviews,
    ObedienceReport,
    PressureReport,
    QuestionnaireReport,
    Record,
    Report,
    Suites,
    Timings,
    VoiceReport,
    WikiRoleReport,
)
from roletune.sources.licences import Restriction, restriction
from roletune.verbs import bandit, boundary, capability, interview, obedience, pressure, questionnaire, voice, wikirole
from roletune.verbs.contestants import adapter_hash
from roletune.verbs.measured import read_evaluation, read_measured, versions
from roletune.verbs.notices import notices
from roletune.verbs.stage import Stage
from roletune.workbench import Workbench

R = TypeVar("R", bound=Record)
_SUITES: dict[str, tuple[str, type[Record]]] = {
    "boundary": (boundary.FILE, BoundaryReport),
    "pressure": (pressure.FILE, PressureReport),
    "voice": (voice.FILE, VoiceReport),
    "capability": (capability.FILE, CapabilityReport),
    "questionnaire": (questionnaire.FILE, QuestionnaireReport),
    "bandit": (bandit.FILE, BanditReport),
    "obedience": (obedience.FILE, ObedienceReport),
    "wikirole": (wikirole.FILE, WikiRoleReport),
}
TABLES = "tables"


async def write_report(bench: Workbench) -> str:
    """`build/report/report.{html,json,md}`, its tables as CSV, and README.md beside the adapter."""
    report = collect(bench)
    folder = bench.project.build / "report"
    write_text(folder / "report.html", render_html(report))
    write_text(folder / "report.md", render_markdown(report))
    write_json(folder / "report.json", report)
    _write_tables(bench, report, folder / TABLES)
    write_text(bench.project.build / "adapter" / "README.md", card(bench, report))
    return f"{folder / 'report.html'}"


def report_in_use(bench: Workbench) -> Report | None:
    """The report of the run in use; None if there is none, as after a training that was not measured yet."""
    path = bench.project.build / "report" / "report.json"
    if not path.is_file():
        return None
    report = Report.model_validate_json(path.read_text("utf-8"))
    return report if report.training.run == bench.adapter().run else None


def card(bench: Workbench, report: Report, *, merged: bool = False) -> str:
    """The card of the adapter, or of the model that it was merged into."""
    character = bench.project.character
    return render_card(
        report,
        subject=character.subject,
        language=character.language,
        licence=_licence(bench),
        gguf=bench.local.adapter_gguf() is not None,
        merged=merged,
    )


def collect(bench: Workbench) -> Report:
    """The report, from the files of the stages before it."""
    project, build = bench.project, bench.project.build
    before = (*MADE_BEFORE, *bench.project.character.methods)
    entries = {stage: entry for stage in before if (entry := bench.manifest.entry(stage))}
    seconds = {stage: entry.seconds for stage, entry in entries.items()}
    return build_report(
        adapter=bench.adapter(),
        data=DataStatistics.model_validate_json((build / "dataset" / "statistics.json").read_text("utf-8")),
        evaluation=_evaluation(bench),
        timings=Timings(stages=seconds, total_seconds=sum(seconds.values())),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        suites=suites(bench),
        peak_memory_bytes=max(entry.peak_memory_bytes for entry in entries.values()),
        lint=read_records(project.records("lint"), Finding),
        notices=notices(bench.project),
    )


def _evaluation(bench: Workbench) -> Evaluation:
    """What was measured, the held-out lines with their words."""
    build = bench.project.build
    found = read_evaluation(bench)
    said: dict[str, list[str]] = {}
    held_out = build / "dataset" / "test.jsonl"
    for example in read_records(held_out, Example) if held_out.is_file() else ():
        said.setdefault(example.dialogue, []).extend(one.content for one in example.messages if one.loss)
    lines = tuple(
        line.model_copy(update={"text": words[line.line]})
        if line.line < len(words := said.get(line.dialogue, []))
        else line
        for line in found.likelihood.lines
    )
    return found.model_copy(update={"likelihood": found.likelihood.model_copy(update={"lines": lines})})


def _write_tables(bench: Workbench, report: Report, folder: Path) -> None:
    """One CSV file for each table; those of suites that were not run on this adapter go."""
    texts = {name: table.text for name, table in report_tables(report).items()}
    held = _read(bench, interview.FILE, Interviews)
    if held and report.interview and held.report.judges:
        texts["interviews"] = interviews_table(held)
    for name, text in texts.items():
        write_text(folder / f"{name}.csv", text)
    for path in folder.glob("*.csv"):
        if path.stem not in texts:
            path.unlink()


def suites(bench: Workbench) -> Suites:
    """The reports of the suites; those of other weights are left out."""
    found: dict[str, Any] = {name: _read(bench, file, kind) for name, (file, kind) in _SUITES.items()}
    held = _read(bench, interview.FILE, Interviews)
    found[interview.NAME] = held.report if held else None
    here = adapter_hash(bench) if any(found.values()) else ""
    return Suites(**{name: one for name, one in found.items() if one and one.adapter == here})


def _read(bench: Workbench, file: str, kind: type[R]) -> R | None:
    """What a suite found; None if it was not run. Raises EvaluationError for a file that an older roletune wrote."""
    path = bench.project.build / file
    cure = f"Delete it; this makes it again: roletune evaluate {bench.project.folder} --with {path.stem}"
    return read_measured(path, kind, cure)


def _told_on_the_card(bench: Workbench) -> tuple[str | bool, ...]:
    """What the card tells beside the report."""
    character = bench.project.character
    return character.subject, character.language, _licence(bench), bench.local.adapter_gguf() is not None


def _licence(bench: Workbench) -> str:
    """That of all sources together, which may ask more than that of what was written."""
    licence = bench.profile.licence
    unclear = restriction(licence) is Restriction.UNKNOWN  # the others say themselves whether they allow it
    told = f"{licence} (commercial use is not known to be allowed)" if unclear else licence
    return told if licence else bench.project.character.licence


MADE_BEFORE = ("profile", "scenes", "experiences", "protective", "dataset", "train", "evaluate")

STAGE = Stage(
    "report",
    "write the report as HTML, JSON and Markdown, and the adapter's card",
    write_report,
    reads=("lint.jsonl", "dataset/statistics.json", "adapter/adapter.json", "evaluation.json"),
    writes=("report/report.html", "report/report.json", "report/report.md", "adapter/README.md"),
    settings=lambda bench: (
        notices(bench.project),
        *_told_on_the_card(bench),
        suites(bench),
    ),
)
