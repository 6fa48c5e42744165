"""Compare: runs, characters and files of replies side by side; nothing is asked and no model is loaded.

What is named becomes entries:

    FOLDER            a character: its run in use; alone, all its measured runs, or the contestants of the only one
    FOLDER@RUN, RUN   a run by the beginning of its id, of that character or of `home`
    FILE, DIRECTORY   replies of other systems (`evaluation.reply_files`), an entry for each model

A run that was not measured, or by another roletune, is left out, and a note says how to measure it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from roletune.character_file import SETTINGS_FILE
from roletune.engine.store import read_records
from roletune.errors import EvaluationError
from roletune.evaluation.comparing import Entry, Said, compare_entries
from roletune.evaluation.judge_free import BY_EXPRESSIONS, BY_HAND, LEAKS, Figures, figures_of
from roletune.evaluation.leaks import agreement, judge_later
from roletune.evaluation.memorisation import TrainingText
from roletune.evaluation.probe_scores import bandit_scores, capability_scores, obedience_scores, pressure_scores
from roletune.evaluation.reply_files import FileReply, Labels, ReplyFile, read_reply_files
from roletune.evaluation.run_scores import (
    boundary_scores,
    evaluation_scores,
    interview_scores,
    replies_of,
    voice_scores,
)
from roletune.evaluation.style import UNANSWERED, Manner, checks_for, inspect
from roletune.project import Project
from roletune.records import (
    BanditReport,
    BoundaryReport,
    CapabilityReport,
    Comparison,
    Entrant,
    Evaluation,
    Example,
    Interviews,
    ObedienceReport,
    PressureReport,
    Record,
    VoiceReport,
)
from roletune.verbs import bandit, boundary, capability, interview, obedience, pressure, voice
from roletune.verbs.measured import read_measured
from roletune.verbs.runs import MEASURED, Run, differing, finished_runs

R = TypeVar("R", bound=Record)
SCORED: tuple[tuple[str, type[Record], Callable[[Any, str], Figures]], ...] = (
    (boundary.FILE, BoundaryReport, boundary_scores),
    (pressure.FILE, PressureReport, pressure_scores),
    (voice.FILE, VoiceReport, voice_scores),
    (interview.FILE, Interviews, interview_scores),
    (capability.FILE, CapabilityReport, capability_scores),
    (bandit.FILE, BanditReport, bandit_scores),
    (obedience.FILE, ObedienceReport, obedience_scores),
)


@dataclass(frozen=True)
class Wishes:
    """What a user may say beside the names."""

    home: Path = Path()
    contestants: Sequence[str] = ()
    against: str = ""
    labels: Labels = field(default_factory=lambda: Labels({}, {}))
    training: Path | None = None
    resamples: int = 4_000


@dataclass(frozen=True)
class _Measured:
    project: Project
    run: Run

    def read(self, file: str, kind: type[R]) -> R | None:
        """None if it was not measured. Raises EvaluationError for a file that another roletune wrote."""
        folder, name = self.project.folder, Path(file).stem
        suite = "" if name == "evaluation" else f" --with {name}"
        cure = f"To measure it anew: roletune use {self.run.adapter.run} {folder}, then roletune evaluate {folder}"
        path = self.project.build / "runs" / self.run.adapter.run / MEASURED / file
        return read_measured(path, kind, f"{cure}{suite} --again")


@dataclass(frozen=True)
class _Found:
    """A measured run with what was found; of each suite, a contestant's scores."""

    measured: _Measured
    evaluation: Evaluation
    suites: Sequence[Callable[[str], Figures]]


def compare(names: Sequence[str], wishes: Wishes) -> Comparison:
    """Everything that is named, side by side. Raises EvaluationError for what can't be found or compared."""
    runs, files, notes = list[_Measured](), list[ReplyFile](), list[str]()
    for name in names or [str(wishes.home)]:
        path = Path(name)
        if path.exists() and not (path / SETTINGS_FILE).is_file() and not (path / "adapter.json").is_file():
            files += read_reply_files(path)
        else:
            runs += _runs(name, wishes.home, alone=len(names) < 2)
    found = [one for run in runs if (one := _found(run, notes))]
    entries = [entry for one in found for entry in _entries(one, found, wishes)]
    entries += (replies := _of_files(files, wishes))
    notes += _agreement(replies)
    notes += [
        f"{one.character}.{one.model}: {one.talks} talks of several rounds left out" for one in files if one.talks
    ]
    if len(entries) < 2 and notes:
        raise EvaluationError("\n".join(["There are not two to compare.", *notes]))
    return compare_entries(entries, wishes.against, notes=notes, resamples=wishes.resamples)


def _runs(name: str, home: Path, *, alone: bool) -> list[_Measured]:
    """The runs that a name stands for. Raises EvaluationError if there is none, or more than one begins like that."""
    path = Path(name)
    if (path / "adapter.json").is_file():
        folder, wanted = path.resolve().parents[2], path.resolve().name
    elif (path / SETTINGS_FILE).is_file():
        folder, wanted = path, ""
    else:
        before, mark, wanted = name.rpartition("@")
        folder = Path(before) if mark else home
    project = Project.open(folder, complete=False)
    every = [_Measured(project, run) for run in finished_runs(project.build)]
    if not wanted:
        found = every if alone else [one for one in every if one.run.in_use]
        if not found:
            raise EvaluationError(f"{folder} has no finished training. Run: roletune run {folder}")
        return found
    found = [one for one in every if one.run.adapter.run.startswith(wanted)]
    if len(found) != 1:
        known = ", ".join(one.run.adapter.run for one in every) or "none is finished"
        wrong = "Several runs begin" if found else "No folder, no file of replies, and no run begins"
        raise EvaluationError(f"{wrong} with {wanted!r}. The runs of {folder}: {known}.")
    return found


def _found(one: _Measured, notes: list[str]) -> _Found | None:
    """What was measured of a run; what was not, or can't be read any more, becomes a note with its cure."""
    run, folder = one.run.adapter.run, one.project.folder
    try:
        evaluation = one.read("evaluation.json", Evaluation)
    except EvaluationError as error:
        notes.append(str(error))
        return None
    if evaluation is None:
        notes.append(f"{run} was not measured: roletune use {run} {folder}, then roletune evaluate {folder}")
        return None
    suites = []
    for file, kind, scores in SCORED:
        try:
            report = one.read(file, kind)
        except EvaluationError as error:
            notes.append(str(error))
            continue
        if report is not None:
            suites.append(partial(scores, report))
    return _Found(one, evaluation, suites)


def _entries(one: _Found, every: Sequence[_Found], wishes: Wishes) -> list[Entry]:
    """The wanted contestants of one run: the adapter, or all where there is only this run."""
    wanted = wishes.contestants or (one.evaluation.contestants if len(every) == 1 else ("adapter",))
    runs = [other.measured.run for other in every]
    run, adapter = one.measured.run, one.measured.run.adapter
    single = len({other.adapter.character for other in runs}) == len(runs)
    label = adapter.character if single else f"{adapter.character} {adapter.run[:6]}"
    training = _training(one.measured.project)
    return [
        Entry(
            Entrant(
                name=f"{label} {name}" if len(wanted) > 1 else label,
                what=f"{adapter.character}, run {adapter.run}, {name}, on {adapter.base}",
                settings={setting: str(run.settings.get(setting)) for setting in differing(runs)},
            ),
            _figures(one, name, said := replies_of(one.evaluation, name, adapter.character), training),
            said,
        )
        for name in wanted
        if name in one.evaluation.contestants
    ]


def _figures(one: _Found, contestant: str, said: dict[str, Said], training: TrainingText | None) -> Figures:
    found = evaluation_scores(one.evaluation, contestant, said, training)
    for scores in one.suites:
        found |= scores(contestant)
    return found


def _training(project: Project) -> TrainingText | None:
    """What was trained on last: rows of another run of the same character differ little, and are not kept."""
    path = project.build / "dataset" / "train.jsonl"
    return _rows(path) if path.is_file() else None


def _rows(path: Path) -> TrainingText:
    examples = read_records(path, Example)
    return TrainingText([message.content for example in examples for message in example.messages if message.loss])


def _of_files(files: Sequence[ReplyFile], wishes: Wishes) -> list[Entry]:
    """An entry a model, over all its characters."""
    models: dict[str, list[ReplyFile]] = {}
    for file in files:
        models.setdefault(file.model, []).append(file)
    training = _rows(wishes.training) if wishes.training else None
    return [_of_model(model, members, wishes, training) for model, members in models.items()]


def _agreement(entries: Sequence[Entry]) -> list[str]:
    """How far leaks by expressions can be trusted, where the same replies were labelled by hand."""
    found, labels = dict[str, bool](), dict[str, bool]()
    for entry in entries:
        judged = entry.scores.get((BY_EXPRESSIONS, LEAKS), {})
        for item, label in entry.scores.get((BY_HAND, LEAKS), {}).items():
            if label and (score := judged.get(item)):
                key = f"{entry.entrant.name} {item}"
                found[key], labels[key] = score.value > 0.5, label.value > 0.5
    if not labels:
        return []
    told = agreement(found, labels)
    figures = [
        f"{name} {rate.value:.0%} ({rate.count} of {rate.n}, 95 % interval {rate.low:.0%} to {rate.high:.0%})"
        for name, rate in (("precision", told.precision), ("recall", told.recall))
        if rate
    ]
    return [f"Leaks by expressions against {len(labels)} labels by hand: {', '.join(figures) or 'no leak in either'}."]


def _of_model(model: str, files: Sequence[ReplyFile], wishes: Wishes, training: TrainingText | None) -> Entry:
    said: dict[str, Said] = {}
    labels: dict[str, bool] = {}
    checks: dict[str, None] = {}
    known: dict[str, tuple[str, ...]] = {}
    for file in files:
        manner = Manner(names=(file.character,), longest=10_000)
        checks |= dict.fromkeys(check for check in checks_for(manner) if check != "too_long")
        by_hand = wishes.labels.leaks.get((file.character, file.model), {})
        for item, reply in file.keyed().items():
            said[item] = _said(file.character, reply, manner)
            known[item] = wishes.labels.known.get(file.character, ())
            if reply.line in by_hand:
                labels[item] = by_hand[reply.line]
    figures = figures_of(said, tuple(checks), training=training, leaked=_leaks(said, known), labels=labels)
    characters = sorted({file.character for file in files})
    what = f"replies as {', '.join(characters)}, from files"
    return Entry(Entrant(name=model, what=what), figures, said)


def _said(character: str, reply: FileReply, manner: Manner) -> Said:
    if reply.reply is None:
        return Said(character, reply.question, reply.topic, "", (UNANSWERED,))
    found = tuple(finding.check for finding in inspect(reply.reply, manner))
    return Said(character, reply.question, reply.topic, reply.reply, found)


def _leaks(said: Mapping[str, Said], known: Mapping[str, tuple[str, ...]]) -> Callable[[str], bool | None]:
    def leaked(item: str) -> bool | None:
        verdict = judge_later(said[item].question, said[item].text, known=known[item])
        return None if verdict is None else verdict.outcome == "leaked"

    return leaked
