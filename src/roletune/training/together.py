"""Several adapters trained in one run on one base that is loaded once.

Each keeps what it has alone: recipe, seed, curve, run folder, checkpoint, record; what is begun together can be ended
alone and the other way round. Where the adapters are fused (`lora`), steps are done together: micro-batches of several
characters go through the frozen products as one, as far as `micro_tokens` allows, and every character draws the dropout
and sees the micro-batches that it has alone, so that its losses are the same but for rounding. Everywhere else, and
where no two micro-batches fit into one, the characters are trained one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from roletune.engine.progress import Progress
from roletune.errors import ModelError, TrainingError
from roletune.models.architecture import from_folder
from roletune.models.device import Device, device_for, free_memory
from roletune.models.trained import RECORD
from roletune.records import Adapter
from roletune.training.batch import MicroBatch
from roletune.training.loop import StepWork, Training
from roletune.training.lora import Share
from roletune.training.model import TrainableModel
from roletune.training.parts import Place
from roletune.training.plan import check_memory, plan_memory
from roletune.training.ranks import Ranks
from roletune.training.recipe import Recipe, check_recipe
from roletune.training.segments import Sections
from roletune.training.sft import (
    Job,
    begin,
    finish,
    finished_run,
    followed,
    memory_explained,
    train_job,
)

# What is decided with the base, not with an adapter.
_OF_THE_BASE = ("dtype", "quantisation", "double_quantisation", "gradient_checkpointing", "sharding")
_LOOKED_AT = 8  # steps, to tell whether micro-batches fit into each other


class Own(NamedTuple):
    """A micro-batch and whose it is: the number of its training."""

    training: int
    batch: MicroBatch


def train_together(jobs: Sequence[Job], progress: Progress) -> list[Adapter]:
    """Train every job that is not finished; the adapters of all, in the order of the jobs.

    Raises TrainingError for jobs that can't share a base, or a launch of several processes, and what `sft.train` does.
    """
    if Ranks.current().size > 1:
        raise TrainingError(
            "Several characters are trained together in one process. Run the command without the launch, or launch one "
            "training after the other, each with one folder and without --together: all processes share each."
        )
    found = [finished_run(job.run_dir, job.key) for job in jobs]
    left = [job for job, adapter in zip(jobs, found, strict=True) if adapter is None]
    made = iter(_train(left, progress) if len(left) > 1 else [train_job(job, progress) for job in left])
    return [next(made) if adapter is None else adapter for adapter in found]


def joined(works: Sequence[Sequence[MicroBatch]], budget: int) -> list[list[Own]]:
    """The micro-batches of several trainings, put together into parts of at most `budget` rows.

    Those of one training stay in their order. One that is longer than the budget is a part of its own.
    """
    waiting = [list(reversed(batches)) for batches in works]
    parts: list[list[Own]] = []
    while any(waiting):
        part: list[Own] = []
        room = budget
        for number, batches in enumerate(waiting):
            if batches and (_rows(batches[-1]) <= room or not part):
                room -= _rows(batches[-1])
                part.append(Own(number, batches.pop()))
        parts.append(part)
    return parts


def _train(jobs: Sequence[Job], progress: Progress) -> list[Adapter]:
    first = jobs[0]
    _check_alike(jobs)
    for job in jobs:
        check_recipe(job.recipe)
        (job.run_dir / RECORD).unlink(missing_ok=True)  # as in `sft`
    device = device_for(first.recipe.dtype)
    _check_memory(jobs, device, progress)
    with memory_explained(max((job.recipe for job in jobs), key=lambda recipe: recipe.micro_tokens)):
        base = _Base(first.base_folder, first.recipe, device)
        if base.takes_several and len({str(job.recipe.target_modules) for job in jobs}) == 1:
            _check_memory(jobs, device, progress, beside=True)
            models = base.models([job.recipe for job in jobs])
            trainings = [begin(model, job, *job.prepared()[:2]) for model, job in zip(models, jobs, strict=True)]
            if _pays(trainings):
                return _side_by_side(jobs, trainings, device, progress)
            del models, trainings
        return [train_job(job, progress, load=base.model) for job in jobs]


class _Base:
    """The loaded base, for one model after the other, or for several at once."""

    def __init__(self, folder: Path, recipe: Recipe, device: Device) -> None:
        self._device = device
        self._model: TrainableModel = TrainableModel.load(folder, recipe, device)

    @property
    def takes_several(self) -> bool:
        """Whether rows of several adapters can go through it at once."""
        return self._model.packs and self._model.fast.lora > 0

    def models(self, recipes: Sequence[Recipe]) -> list[TrainableModel]:
        """One for each recipe, beside each other; the first is that of the recipe it was loaded with."""
        return [self._model, *(self._model.beside(recipe) for recipe in recipes[1:])]

    def model(self, folder: Path, recipe: Recipe, device: Device) -> TrainableModel:
        """The only one, in place of those before it."""
        causal_lm = self._model.release()
        del self._model  # its adapters' memory is wanted
        self._model = TrainableModel(causal_lm, recipe, device)
        return self._model


def _check_alike(jobs: Sequence[Job]) -> None:
    """Raise TrainingError for what can't be on one base."""
    if len({job.run_dir.resolve() for job in jobs}) < len(jobs):
        raise TrainingError("A character is named twice. Name each once.")
    if full := [job.character for job in jobs if job.recipe.method == "full"]:
        raise TrainingError(
            f"{full[0]} is trained with method: full, which changes every weight: there is no base to share. Set "
            "method: lora, or train it by itself (without --together)."
        )
    for job in jobs:
        if job.base_identity != jobs[0].base_identity:
            raise TrainingError(
                f"{jobs[0].character} is made on {jobs[0].base_label} and {job.character} on {job.base_label}: "
                "together they need the same `base` in character.yaml. Train them one by one (without --together)."
            )
        for name in _OF_THE_BASE:
            ours, theirs = (getattr(one.recipe, name) for one in (jobs[0], job))
            if ours != theirs:
                raise TrainingError(
                    f"{job.character} can't be trained together with {jobs[0].character}: {name} is {theirs} and "
                    f"{ours}. On one base it must be the same for all. Set it in "
                    "`train.overrides`, or train them one by one (without --together)."
                )


def _check_memory(jobs: Sequence[Job], device: Device, progress: Progress, *, beside: bool = False) -> None:
    """As for the one that takes most; with the adapters of the others too if they are to stand `beside` it."""
    if not all(job.memory_checked for job in jobs):
        return
    try:
        base = from_folder(jobs[0].base_folder, jobs[0].base_label)
    except ModelError:
        return
    place = Place(device.name, device.dtype, free_memory(device))
    plans = sorted((plan_memory(base, job.recipe, place) for job in jobs), key=lambda plan: plan.needed)
    others = [part for plan in plans[:-1] for part in plan.parts if beside and part.name.startswith("adapters")]
    if warning := check_memory(replace(plans[-1], parts=(*plans[-1].parts, *others))):
        progress.say(f"{warning}{'; or one by one (without --together)' if beside else ''}")


def _pays(trainings: Sequence[Training]) -> bool:
    """Whether micro-batches of several fit into one."""
    steps = min(_LOOKED_AT, *(training.total_steps for training in trainings))
    works = [[training.work(step).batches for training in trainings] for step in range(steps)]
    return any(len(part) > 1 for work in works for part in joined(work, _budget(trainings)))


def _side_by_side(
    jobs: Sequence[Job], trainings: Sequence[Training], device: Device, progress: Progress
) -> list[Adapter]:
    """All of them step by step, each until its own end."""
    names = ", ".join(job.character for job in jobs)
    weights = sum(len(training.model.flat) for training in trainings)
    progress.say(f"Training {names} together: {weights:,} weights, {device.dtype} on {device.name}")
    adapters: dict[int, Adapter] = {}
    with ExitStack() as stack:
        tells = [
            stack.enter_context(followed(training, job, progress, who=f"{job.character}: "))
            for training, job in zip(trainings, jobs, strict=True)
        ]
        task = stack.enter_context(progress.task(f"training {names}", sum(t.total_tokens for t in trainings), "tokens"))
        for training, tell in zip(trainings, tells, strict=True):
            training.begin(tell)
        while True:
            going = [number for number, training in enumerate(trainings) if training.going]
            for number in set(range(len(jobs))) - set(going) - set(adapters):
                adapters[number] = finish(trainings[number], jobs[number], device)
            if not going:
                return [adapters[number] for number in range(len(jobs))]
            note = _step([trainings[number] for number in going], [jobs[number].character for number in going])
            task.update(completed=sum(training.state.tokens for training in trainings), note=note)
            for number in going:
                trainings[number].look(jobs[number].run_dir, jobs[number].base_label, tells[number])


def _step(trainings: Sequence[Training], names: Sequence[str]) -> str:
    """One step of each, its time divided by their tokens; returns what there is to tell."""
    started = time.perf_counter()
    works = [training.begin_step() for training in trainings]
    losses = [0.0] * len(trainings)
    for part in joined([work.batches for work in works], _budget(trainings)):
        for own, loss in zip(part, _backward(trainings, works, part), strict=True):
            losses[own.training] += loss
    for training, loss, name in zip(trainings, losses, names, strict=True):
        try:
            training.end_step(loss)
        except TrainingError as error:
            raise TrainingError(f"{name}: {error}") from error
    tokens = sum(work.tokens for work in works)
    seconds = time.perf_counter() - started
    for training, work in zip(trainings, works, strict=True):
        training.count_step(work, seconds * work.tokens / tokens)
    return f"loss {', '.join(f'{loss:.3f}' for loss in losses)}, {tokens / seconds:.0f} tokens/s"


def _backward(trainings: Sequence[Training], works: Sequence[StepWork], part: Sequence[Own]) -> list[float]:
    """Gradients of micro-batches that go through the base as one; the loss of each."""
    starts = list(accumulate((_rows(own.batch) for own in part), initial=0))
    models = [trainings[own.training].model for own in part]
    models[0].cast.shares = [
        Share(model.number, start, end) for model, start, end in zip(models, starts[:-1], starts[1:], strict=True)
    ]
    hidden = models[0].hidden(
        torch.cat([own.batch.ids for own in part], 1),
        torch.cat([own.batch.positions for own in part], 1),
        Sections(tuple((start, own.batch.segments) for start, own in zip(starts, part, strict=False))),
    )
    losses: list[Tensor] = [
        model.scored(hidden[start + own.batch.rows], own.batch, works[own.training].supervised)
        for model, start, own in zip(models, starts, part, strict=False)
    ]
    torch.stack(losses).sum().backward()
    return [loss.item() for loss in losses]


def _rows(batch: MicroBatch) -> int:
    return batch.ids.shape[1]


def _budget(trainings: Sequence[Training]) -> int:
    """The rows that the widest of the recipes allows."""
    return max(training.recipe.micro_tokens for training in trainings)
