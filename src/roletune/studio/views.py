"""What is only read in the studio: profile, training and report, as pieces of HTML with everything in them escaped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from roletune.engine.store import read_records
from roletune.evaluation.plots import NARROW, WIDE, learning_plot
from roletune.evaluation.templating import environment
from roletune.project import Project
from roletune.records import Dialogue, Finding, LossPoint, Profile
from roletune.training.events import read_points
from roletune.verbs.runs import Run, finished_runs, unfinished_runs


@dataclass(frozen=True)
class Curve:
    """The learning curve of one run; `best_loss` is None before the first validation."""

    run: str
    points: tuple[LossPoint, ...]
    best_step: int
    best_loss: float | None
    going_on: bool

    @property
    def plots(self) -> list[Any]:
        """Laid out for a wide page and for a phone; None twice without a loss."""
        return [learning_plot(self.points, self.best_step, canvas) for canvas in (WIDE, NARROW)]


def render(template: str, **values: Any) -> str:
    """A template of the studio with `values`, all of them escaped."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    return environment(autoescape=True, packages=("roletune.studio", "roletune.evaluation"))


def profile_view(project: Project) -> str:
    """Who the character is, what is known about it, and what the linter found."""
    (profile,) = read_records(project.records("profile"), Profile)
    dialogues = _records(project.records("dialogues"), Dialogue)
    sources = groupby(profile.passages, key=lambda passage: passage.source.partition("#")[0])
    return render(
        "profile.html.jinja",
        profile=profile,
        sources=[(source, list(passages)) for source, passages in sources],
        dialogues=Counter(dialogue.split for dialogue in dialogues),
        findings=_records(project.records("lint"), Finding),
        folder=project.folder,
    )


def training_view(project: Project) -> str:
    """Every run, and the curve of the one that goes on, else of the one in use."""
    runs, curve = finished_runs(project.build), current_curve(project.build)
    return render("training.html.jinja", runs=list(reversed(runs)), curve=curve, folder=project.folder)


def training_stamp(build: Path) -> str:
    """Changes when there is something new to see in the training view."""
    files = [build / "adapter", *(build / "runs").glob("*/adapter.json"), *(build / "runs").glob("*/events.*")]
    return " ".join(f"{path}:{path.lstat().st_mtime_ns}:{path.lstat().st_size}" for path in files if path.exists())


def current_curve(build: Path) -> Curve | None:
    """The curve of the run that was begun last and is not finished, else of the one in use; None without runs.

    A run that was killed counts as going on: nothing in its folder tells it from one that is.
    """
    runs = finished_runs(build)
    used = next((run for run in runs if run.in_use), runs[-1] if runs else None)
    unfinished = [build / "runs" / name for name in unfinished_runs(build)]
    begun = {folder: max(map(_changed, folder.glob("events.*")), default=0) for folder in unfinished}
    latest = max(begun, key=lambda folder: begun[folder], default=None)
    if latest and begun[latest] > (used.finished.timestamp() * 1e9 if used else 0):
        return _unfinished(latest)
    return _finished(used) if used else None


def report_view(name: str, project: Project) -> str:
    """The report in a frame of its own, or how to get one."""
    made = (project.build / "report" / "report.html").is_file()
    return render("report_frame.html.jinja" if made else "no_report.html.jinja", name=name, folder=project.folder)


def _unfinished(folder: Path) -> Curve:
    points = tuple(read_points(folder))
    losses = {point.validation_loss: point.step for point in points if point.validation_loss is not None}
    best = min(losses, default=None)
    return Curve(folder.name, points, losses[best] if best is not None else -1, best, going_on=True)


def _finished(run: Run) -> Curve:
    adapter = run.adapter
    return Curve(adapter.run, adapter.curve, adapter.best_step, adapter.best_validation_loss, going_on=False)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


def _records(path: Path, model: type[Any]) -> list[Any]:
    return read_records(path, model) if path.is_file() else []
