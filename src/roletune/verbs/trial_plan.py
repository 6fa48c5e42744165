"""What ablations will cost: how many trainings there are, which of them are there, and about how long the others take.

The time is that of the trainings, from the speed of the character's last run, else from `training.forecast`. How many
tokens a variant has is known when its dataset is made; before that it counts as many as the full recipe, or its share
of the scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roletune.engine.store import read_records
from roletune.models.architecture import from_folder
from roletune.records import Adapter, DataStatistics, LineLikelihood
from roletune.verbs import train
from roletune.verbs.ablate import LINES
from roletune.verbs.runs import finished_runs
from roletune.verbs.stage import is_current
from roletune.verbs.variants import Variant, variant_bench
from roletune.workbench import Workbench


@dataclass(frozen=True)
class PlannedTraining:
    """One training; `seconds` is None where no speed is known."""

    variant: str
    about: str
    seed: int
    finished: bool
    tokens: int
    seconds: float | None


def plan_trials(bench: Workbench, variants: Sequence[Variant], seeds: int) -> list[PlannedTraining]:
    """Every training of these variants; the dataset of the full recipe must be made."""
    path = bench.project.build / "dataset" / "statistics.json"
    full = DataStatistics.model_validate_json(path.read_text("utf-8"))
    first = bench.project.recipe.seed
    found = []
    for variant in variants:
        for number in range(seeds):
            seeded = variant.seeded(first, number)
            own = variant_bench(bench, seeded)
            tokens = _tokens(own, variant, full) * own.project.recipe.epochs
            speed = _speed(own, bench)
            found.append(
                PlannedTraining(
                    seeded.name,
                    variant.about,
                    first + number,
                    _is_there(own),
                    tokens,
                    tokens / speed if speed else None,
                )
            )
    return found


def _is_there(own: Workbench) -> bool:
    lines = own.project.build / LINES
    return lines.is_file() and bool(read_records(lines, LineLikelihood)) and is_current(own, train.STAGE)


def _tokens(own: Workbench, variant: Variant, full: DataStatistics) -> int:
    path = own.project.build / "dataset" / "statistics.json"
    if path.is_file():
        return DataStatistics.model_validate_json(path.read_text("utf-8")).train_tokens
    return round(full.train_tokens * variant.share)


def _speed(own: Workbench, bench: Workbench) -> float | None:
    """Tokens a second: as the last run of this base went, else as is forecast."""
    from roletune.models.device import free_memory, pick_device
    from roletune.training.forecast import forecast

    runs: list[Adapter] = [run.adapter for run in finished_runs(bench.project.build)]
    known = [run.tokens_per_second for run in runs if run.base_identity == bench.base.identity()]
    if known:
        return known[-1]
    if bench.base.folder is None:
        return None
    device = pick_device()
    base = from_folder(bench.base.folder, bench.base.label)
    return forecast(base, own.project.recipe, device, free_memory(device)).tokens_per_second
