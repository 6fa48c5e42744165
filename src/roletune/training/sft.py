"""Supervised fine-tuning: token sequences become an adapter, or a model whose every weight was trained.

    run/adapter_model.safetensors, adapter_config.json   the best adapter by validation loss, as PEFT writes it
    run/model/                                           or the best whole model, with its tokenizer
    run/steps/STEP/adapter/                              the state of every validation, with `keep_steps`
    run/adapter.json                                     the `Adapter` record; if it is there, the run is finished
    run/checkpoint.safetensors                           while the run goes on
    run/events.out.tfevents.*                            for TensorBoard

The same call again goes on where it was interrupted, to the same bits, and returns a finished run at once. In a launch
of several processes (`ranks`) all make the same call; the first reads and writes the run's folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from roletune.engine.progress import Progress
from roletune.engine.store import write_text
from roletune.errors import ModelError, TrainingError
from roletune.models.architecture import from_folder
from roletune.models.device import Device, device_for, free_memory, free_unused, short_memory
from roletune.models.trained import RECORD, STEPS, trained_weights
from roletune.records import Adapter, LossPoint, fingerprint
from roletune.training import checkpoint
from roletune.training.checkpoint import TrainingState
from roletune.training.events import tensorboard
from roletune.training.loop import Training
from roletune.training.model import TrainableModel
from roletune.training.parts import Place
from roletune.training.plan import check_memory, plan_memory
from roletune.training.ranks import Ranks
from roletune.training.recipe import Recipe, check_recipe
from roletune.training.sequences import SequenceStatistics, TokenSequence, prepare


@dataclass(frozen=True)
class Job:
    """One adapter that is to be trained, of the base in `base_folder` into `run_dir`, whose name is the run's id.

    `base_label` (a hub id) is what the adapter names as its base; `base_identity` and `data_hash` decide, with the
    recipe, whether what is in `run_dir` is this training. What clearly can't fit into memory is refused before any
    weight is loaded, if `memory_checked`. With `keep_steps` the state of every validation is kept beside the best one.
    """

    train: Sequence[TokenSequence]
    validation: Sequence[TokenSequence]
    base_folder: Path
    base_label: str
    base_identity: str
    character: str
    data_hash: str
    recipe: Recipe
    run_dir: Path
    memory_checked: bool = True
    keep_steps: bool = False

    @property
    def key(self) -> str:
        """What another training in the same folder differs in."""
        return fingerprint(self.recipe.settings, self.data_hash, self.base_identity, self.character)

    def prepared(self) -> tuple[list[TokenSequence], list[TokenSequence], SequenceStatistics]:
        """The sequences to learn and those held out, and the figures of the first. Raises DatasetError."""
        learnt, statistics = prepare(self.train, self.recipe.max_tokens)
        held_out, _ = prepare(self.validation, self.recipe.max_tokens, "validation")
        return learnt, held_out, statistics


def train(
    train: Sequence[TokenSequence],
    validation: Sequence[TokenSequence],
    *,
    base_folder: Path,
    base_label: str,
    base_identity: str,
    character: str,
    data_hash: str,
    recipe: Recipe,
    run_dir: Path,
    progress: Progress,
    on_point: Callable[[LossPoint], None] | None = None,
    memory_checked: bool = True,
    keep_steps: bool = False,
) -> Adapter:
    """Train an adapter; the arguments are those of a `Job`. `on_point` sees each point of the curve as it is made.

    Raises DatasetError (nothing to learn, no validation), TrainingError (another training in `run_dir`, a loss that is
    no number, a recipe this machine can't follow), ModelError (the base), ResourceError (disk, memory).
    """
    job = Job(
        train=train,
        validation=validation,
        base_folder=base_folder,
        base_label=base_label,
        base_identity=base_identity,
        character=character,
        data_hash=data_hash,
        recipe=recipe,
        run_dir=run_dir,
        memory_checked=memory_checked,
        keep_steps=keep_steps,
    )
    return train_job(job, progress, on_point)


def train_job(
    job: Job,
    progress: Progress,
    on_point: Callable[[LossPoint], None] | None = None,
    load: Callable[[Path, Recipe, Device], TrainableModel] = TrainableModel.load,
) -> Adapter:
    """The same of a `Job`; `load` gives the model that is trained."""
    try:
        return _train_job(job, progress, on_point, load)
    finally:
        free_unused()  # the next model may not fit beside what this one left


def _train_job(
    job: Job,
    progress: Progress,
    on_point: Callable[[LossPoint], None] | None,
    load: Callable[[Path, Recipe, Device], TrainableModel],
) -> Adapter:
    recipe, ranks = job.recipe, Ranks.current()
    finished = ranks.from_first(finished_run(job.run_dir, job.key) if ranks.first else None)
    if finished is not None:
        return finished
    if ranks.first:
        (job.run_dir / RECORD).unlink(missing_ok=True)  # of a run whose weights are gone: not finished while it is made
    check_recipe(recipe, ranks.size)
    learnt, held_out, statistics = job.prepared()
    device = device_for(recipe.dtype)
    if job.memory_checked:
        _check_memory(job.base_folder, job.base_label, recipe, device, progress)
    with memory_explained(recipe):
        training = begin(load(job.base_folder, recipe, device), job, learnt, held_out)
        progress.say(
            f"Training {len(training.model.flat):,} weights on {statistics.sequences} examples "
            f"({statistics.tokens:,} tokens, {statistics.supervised_share:.0%} learnt) for {recipe.epochs} epochs, "
            f"{device.dtype} on {device.name}{training.model.kernels}{_shared(training.model, ranks)}"
        )
        with (
            followed(training, job, progress, on_point) as tell,
            progress.task("training", recipe.epochs * statistics.tokens, "tokens") as task,
        ):
            task.update(completed=training.state.tokens)
            training.run(job.run_dir, job.base_label, task, tell)
    return finish(training, job, device)


def _shared(model: TrainableModel, ranks: Ranks) -> str:
    """What is told of a launch."""
    if model.sharded:
        read = "the whole base" if model.sharded.read is None else f"{model.sharded.read / 1e9:.3g} GB of it"
        return f", {model.sharded.layers} layers divided between {ranks.size} processes ({read} read by each)"
    return f", in {ranks.size} processes" if ranks.size > 1 else ""


def finished_run(run_dir: Path, key: str) -> Adapter | None:
    """The record of a finished run; None if it is not finished, or its weights are gone.

    Raises TrainingError if it is another training.
    """
    path = run_dir / RECORD
    if not path.exists() or not trained_weights(run_dir):
        return None
    try:
        adapter = Adapter.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} can't be read. Remove the folder {run_dir} to train again.") from error
    if fingerprint(adapter.recipe, adapter.data, adapter.base_identity, adapter.character) != key:
        raise TrainingError(
            f"{run_dir} holds a training with other data, settings or weights. Choose another run folder, or remove it."
        )
    return adapter


def forget_run(run_dir: Path) -> None:
    """Remove what makes a run finished or lets it go on; its weights stay until there are new ones."""
    for path in (run_dir / RECORD, run_dir / checkpoint.FILE, *run_dir.glob("events.out.tfevents.*")):
        path.unlink(missing_ok=True)
    if (run_dir / STEPS).is_dir():
        shutil.rmtree(run_dir / STEPS)


def _check_memory(folder: Path, label: str, recipe: Recipe, device: Device, progress: Progress) -> None:
    """Tell or refuse what will not fit. A base whose sizes can't be told is tried."""
    try:
        base = from_folder(folder, label)
    except ModelError:
        return
    free = free_memory(device, Ranks.current().here)
    warning = check_memory(plan_memory(base, recipe, Place(device.name, device.dtype, free, Ranks.current().size)))
    if warning:
        progress.say(warning)


def memory_explained(recipe: Recipe) -> AbstractContextManager[None]:
    """What the plan did not foresee: another program that took the memory, or an allocator that left holes."""
    checkpointing = "" if recipe.gradient_checkpointing else ", set gradient_checkpointing: true"
    return short_memory(
        f"There is not enough memory to train. Lower micro_tokens (now {recipe.micro_tokens}){checkpointing}, or "
        "take a smaller base: roletune train --plan says what each saves. If other programs held the memory, end "
        "them and run again: it goes on from the last checkpoint."
    )


def begin(
    model: TrainableModel, job: Job, train: Sequence[TokenSequence], validation: Sequence[TokenSequence]
) -> Training:
    """A fresh training, or the one whose checkpoint is in the run's folder."""
    ranks = Ranks.current()
    found = checkpoint.load(job.run_dir, job.key) if ranks.first else None
    state = ranks.from_first(found[0] if found else None)
    training = Training(
        model, job.recipe, train, validation, state or TrainingState(key=job.key), keep_steps=job.keep_steps
    )
    if state is not None:
        training.restore(found[1] if found else {})
    return training


@contextmanager
def followed(
    training: Training, job: Job, progress: Progress, on_point: Callable[[LossPoint], None] | None = None, who: str = ""
) -> Iterator[Callable[[LossPoint], None]]:
    """Where the points of a training's curve go: TensorBoard, the progress (with `who` before it), `on_point`."""
    state, first = training.state, Ranks.current().first
    if first:
        job.run_dir.mkdir(parents=True, exist_ok=True)
    if state.step:
        progress.say(f"{who}Going on from step {state.step} of {training.total_steps}")
    with tensorboard(job.run_dir, state.step) if first else nullcontext(_nowhere) as write:

        def tell(point: LossPoint) -> None:
            write(point)
            if point.validation_loss is not None:
                progress.say(f"{who}Step {point.step}: validation loss {point.validation_loss:.4f} nats per token")
            if on_point is not None:
                on_point(point)

        yield tell


def _nowhere(point: LossPoint) -> None:
    """Where processes that write nothing put their points."""


def finish(training: Training, job: Job, device: Device) -> Adapter:
    """The record of a training that has ended, written; its checkpoint is no longer needed."""
    state = training.state
    adapter = Adapter(
        run=job.run_dir.name,
        character=job.character,
        base=job.base_label,
        base_identity=job.base_identity,
        data=job.data_hash,
        recipe=training.recipe.settings,
        curve=state.curve,
        best_step=state.best_step,
        best_validation_loss=state.best_loss,
        stopped_early=state.step < training.total_steps,
        tokens=state.tokens,
        seconds=state.seconds,
        tokens_per_second=state.tokens / state.step_seconds,
        trainable_parameters=len(training.model.flat),
        device=device.name,
        dtype=device.dtype,
    )
    if Ranks.current().first:
        write_text(job.run_dir / RECORD, adapter.model_dump_json(indent=2))
        (job.run_dir / checkpoint.FILE).unlink(missing_ok=True)
    return adapter
