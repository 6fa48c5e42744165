"""The trainings of a character: what differs between them, which one is in use, and going back to one.

    build/runs/ID    one training each, kept
    build/adapter    link to the run in use
    build/runs/ID/measured   what `evaluate` and the suites found about it, kept when another run is measured
    journal/run      the id of the run that somebody chose; without it the settings decide

A chosen run stays in use whatever the settings say, and nothing is trained in its place: if it is gone, that is an
error. `unpin` (also `roletune train --again`) gives the decision back to the settings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from roletune.engine.store import write_bytes, write_text
from roletune.errors import TrainingError
from roletune.models.trained import RECORD, STEPS, trained_weights
from roletune.models.weights import Weights
from roletune.project import Project
from roletune.records import Adapter
from roletune.training.recipe import Recipe
from roletune.workbench import Workbench

MEASURED = "measured"


@dataclass(frozen=True)
class Run:
    """One finished training; `finished` is when its record was written."""

    adapter: Adapter
    finished: datetime
    in_use: bool

    @property
    def settings(self) -> dict[str, Any]:
        """What decides what a training makes: recipe, base, data; a field younger than the run has its default."""
        return {
            **Recipe().settings,
            **self.adapter.recipe,
            "base": f"{self.adapter.base} ({self.adapter.base_identity})",
            "data": self.adapter.data,
            "chosen by": self.adapter.choice.by if self.adapter.choice else "loss",
        }


def finished_runs(build: Path) -> list[Run]:
    """Every finished training, oldest first. Raises TrainingError for a record that can't be read."""
    current = (build / "adapter").resolve()
    records = [path for path in (build / "runs").glob(f"*/{RECORD}") if trained_weights(path.parent)]
    runs = [Run(_read(path), _time(path), path.parent.resolve() == current) for path in records]
    runs = [run for run in runs if not _is_choosing(build, run.adapter)]
    return sorted(runs, key=lambda run: (run.finished, run.adapter.run))


def keep_with_run(build: Path, files: Sequence[str]) -> None:
    """Copy what was measured of the run in use beside it, so that comparing runs asks nothing anew."""
    for file in files:
        if (build / file).is_file():
            write_bytes(build / "adapter" / MEASURED / file, (build / file).read_bytes())


def unfinished_runs(build: Path) -> list[str]:
    """Ids of the trainings that were begun and have no record or no weights, or whose state is still to be chosen."""
    finished = {run.adapter.run for run in finished_runs(build)}
    return sorted(path.name for path in (build / "runs").glob("*") if path.is_dir() and path.name not in finished)


def differing(runs: Sequence[Run]) -> list[str]:
    """Names of the settings that are not the same in all runs."""
    every = [run.settings for run in runs]
    names = list(dict.fromkeys(name for settings in every for name in settings))
    return [name for name in names if any(settings.get(name) != every[0].get(name) for settings in every)]


def chosen_run(project: Project) -> str | None:
    """The id of the run that somebody chose; None if the settings decide."""
    with suppress(FileNotFoundError):
        return project.pin.read_text("utf-8").strip() or None
    return None


def unpin(project: Project) -> bool:
    """Let the settings decide again; returns whether a run was chosen."""
    was = chosen_run(project) is not None
    project.pin.unlink(missing_ok=True)
    return was


def choose_run(bench: Workbench, name: str) -> Run:
    """Put a run to use, by its id or the beginning of it, and keep it there.

    Raises TrainingError if there is no such run, more than one, or if it was trained on another base.
    """
    runs = finished_runs(bench.project.build)
    found = [run for run in runs if run.adapter.run == name] or [
        run for run in runs if name and run.adapter.run.startswith(name)
    ]
    if len(found) != 1:
        known = ", ".join(run.adapter.run for run in runs) or "none is finished"
        wrong = "several runs begin" if found else "no finished run begins"
        raise TrainingError(f"In {bench.project.build / 'runs'} {wrong} with '{name}'. The runs: {known}.")
    _put_to_use(bench, found[0].adapter)
    write_text(bench.project.pin, f"{found[0].adapter.run}\n")
    # What the pipeline knows of the stage is about another run; without it, the link's new end is no edit by hand.
    bench.manifest.forget("train")
    return found[0]


def use_chosen(bench: Workbench, name: str) -> Adapter:
    """The chosen run, in use. Raises TrainingError if it is gone: something else must not take its place silently."""
    folder = bench.project.folder
    run = next((run for run in finished_runs(bench.project.build) if run.adapter.run == name), None)
    if run is None:
        raise TrainingError(
            f"The run {name} was chosen for use, and {bench.project.build / 'runs' / name} is gone. Let the settings "
            f"decide again: roletune use settings {folder}"
        )
    _put_to_use(bench, run.adapter)
    return run.adapter


def point_at(build: Path, run_dir: Path) -> None:
    """Point `build/adapter` at a run, in one step. Raises TrainingError if it is a folder."""
    check_link(build)
    link, temporary = build / "adapter", build / ".adapter.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run_dir.relative_to(build), target_is_directory=True)
    os.replace(temporary, link)


def check_link(build: Path) -> None:
    """Raise TrainingError if `build/adapter` is a folder of its own, as a copy without links leaves it."""
    link = build / "adapter"
    if link.exists() and not link.is_symlink():
        raise TrainingError(
            f"{link} is a folder, where a link to the run in use belongs. If it is a training of yours, move it to "
            f"{build / 'runs'}/NAME and put it to use with roletune use NAME; otherwise remove it."
        )


def check_base(project: Project, base: Weights) -> None:
    """Raise TrainingError if the run in use was trained on another base than `base`: sizes may fit all the same."""
    record = project.build / "adapter" / RECORD
    if record.is_file():
        _check_base(project, _read(record.resolve()), base)


def _check_base(project: Project, adapter: Adapter, base: Weights) -> None:
    if adapter.base_identity != base.identity():
        raise TrainingError(
            f"The run {adapter.run} was trained on {adapter.base} ({adapter.base_identity}), and the base of "
            f"{project.character.name} is {base.label} ({base.identity()}). Set `base` in character.yaml to the model "
            "it was trained on, or use another run."
        )


def _put_to_use(bench: Workbench, adapter: Adapter) -> None:
    _check_base(bench.project, adapter, bench.base)
    point_at(bench.project.build, bench.project.build / "runs" / adapter.run)


def _is_choosing(build: Path, adapter: Adapter) -> bool:
    """Whether one of its states is still to be chosen by its replies (`verbs.steps`)."""
    return adapter.choice is None and (build / "runs" / adapter.run / STEPS).is_dir()


def _read(path: Path) -> Adapter:
    try:
        adapter = Adapter.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} can't be read. Remove the folder {path.parent}.") from error
    return adapter.model_copy(update={"run": path.parent.name})  # a folder that was moved has the name it has now


def _time(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
