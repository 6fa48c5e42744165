"""Preference training: a fine-tuned adapter learns which of two replies to give (DPO), or what was liked (KTO).

The loops and losses are TRL's (DPO https://arxiv.org/abs/2305.18290, KTO https://arxiv.org/abs/2402.01306); what goes
into them is ours. Guarantees: the tokens are those that the renderer made, never TRL's own rendering of a template; the
reference is the adapter that it starts from, not the bare base model; nothing is truncated; the weights that are kept
are the best by validation loss, or the last ones where nothing was held out.

    run/adapter_model.safetensors, adapter_config.json   as PEFT writes them
    run/adapter.json                                     the `Adapter` record; `recipe.preference` tells what was done
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roletune.engine.progress import Progress, Task
from roletune.engine.store import write_text
from roletune.errors import DatasetError, MissingExtraError, TrainingError
from roletune.models.device import Device, short_memory
from roletune.models.frozen import Frozen
from roletune.models.load import load_tokenizer, quiet
from roletune.models.trained import RECORD
from roletune.records import Adapter, LossPoint, fingerprint
from roletune.training.events import tensorboard
from roletune.training.preference_data import (
    PreferSettings,
    Start,
    TokenPair,
    TokenThumb,
    preference_recipe,
    rows_of,
)
from roletune.training.recipe import Recipe
from roletune.training.sft import finished_run

_SHORT_MEMORY = (
    "There is not enough memory for preference training. Lower prefer.batch, end other programs that hold memory, or "
    "start from a run that was trained with gradient_checkpointing: true."
)


def prefer(
    train: Sequence[TokenPair] | Sequence[TokenThumb],
    validation: Sequence[TokenPair] | Sequence[TokenThumb],
    start: Start,
    settings: PreferSettings,
    *,
    data_hash: str,
    run_dir: Path,
    progress: Progress,
) -> Adapter:
    """Train on from `start` into `run_dir`, whose name is the run's id; pairs for DPO, thumbs for KTO.

    A finished run of the same settings and data is returned at once. Raises DatasetError (nothing to learn from),
    TrainingError (another training in `run_dir`, a loss that is no number), ModelError, MissingExtraError.
    """
    recipe = preference_recipe(start.adapter, settings)
    finished = finished_run(run_dir, run_key(start.adapter, recipe, data_hash))
    if finished is not None:
        return finished
    _check(train, settings)
    device = Frozen.of(start.adapter.recipe).device()
    watch = _Watch(run_dir, start.adapter.base)
    total = settings.epochs * -(-len(train) // settings.batch)
    with (
        _silence(),
        short_memory(_SHORT_MEMORY),
        tensorboard(run_dir, 0) as write,
        progress.task(settings.method, total, "steps") as task,
    ):
        watch.told, watch.write = task, write
        trainer = _trainer(train, validation, start, settings, run_dir, device, watch)
        trainer.train()
        watch.last(trainer)
    adapter = start.adapter.model_copy(
        update={
            "run": run_dir.name,
            "data": data_hash,
            "recipe": recipe,
            "stopped_early": False,
            "device": device.name,
            "dtype": device.dtype,
            **watch.results(),
        }
    )
    write_text(run_dir / RECORD, adapter.model_dump_json(indent=2))
    return adapter


def run_key(start: Adapter, recipe: dict[str, Any], data_hash: str) -> str:
    """What tells one training from another, as `finished_run` counts it."""
    return fingerprint(recipe, data_hash, start.base_identity, start.character)


def _check(train: Sequence[TokenPair] | Sequence[TokenThumb], settings: PreferSettings) -> None:
    if len(train) < settings.batch:
        raise DatasetError(
            f"There are {len(train)} {'pairs' if settings.method == 'dpo' else 'thumbs'} to train on, and one step "
            f"takes {settings.batch}. Collect more (docs/prefer.md says how), or lower prefer.batch."
        )
    liked = {row.liked for row in train if isinstance(row, TokenThumb)}
    if settings.method == "kto" and len(liked) < 2:
        raise DatasetError(
            f"Every reply is {'liked' if True in liked else 'disliked'}: there is no preference in that. Rate some of "
            "the other kind too."
        )


def _trainer(
    train: Sequence[TokenPair] | Sequence[TokenThumb],
    validation: Sequence[TokenPair] | Sequence[TokenThumb],
    start: Start,
    settings: PreferSettings,
    run_dir: Path,
    device: Device,
    watch: _Watch,
) -> Any:
    try:
        import trl
        from datasets import Dataset
        from transformers import PrinterCallback
    except ImportError as error:
        raise MissingExtraError("Preference training", "preference") from error

    parent: Any = trl.DPOTrainer if settings.method == "dpo" else trl.KTOTrainer
    config: Any = trl.DPOConfig if settings.method == "dpo" else trl.KTOConfig

    class OnOurTokens(parent):
        """TRL would render and tokenise messages by itself; ours come as token ids."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    args = config(**_arguments(settings, run_dir, device, start.adapter.recipe, bool(validation)), **balance(train))
    # Of several GPUs the first is used: transformers would copy the model to all of them, which TRL refuses.
    args._n_gpu = min(args.n_gpu, 1)
    trainer = OnOurTokens(
        model=_model(start, device),
        args=args,
        train_dataset=Dataset.from_list(rows_of(train, settings.batch)),
        eval_dataset=Dataset.from_list(rows_of(validation, settings.batch)) if validation else None,
        processing_class=load_tokenizer(start.base),
        callbacks=[watch.callback()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _model(start: Start, device: Device) -> Any:
    """The base with the adapter, ready to be trained on; TRL makes the reference, a frozen copy of the adapter."""
    from peft import PeftModel

    base: Any = Frozen.of(start.adapter.recipe).load(start.base, device)
    model: Any = PeftModel.from_pretrained(base, str(start.folder), is_trainable=True)
    # In 4 bits TRL would round the adapter, which is all that is trained, to bfloat16: small steps would be lost.
    base.is_loaded_in_4bit = False
    return model.to(device.name)


def _arguments(
    settings: PreferSettings, run_dir: Path, device: Device, recipe: dict[str, Any], validated: bool
) -> dict[str, Any]:
    return {
        "output_dir": str(run_dir),
        "beta": settings.beta,
        "learning_rate": settings.learning_rate,
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch,
        "per_device_eval_batch_size": settings.batch,
        "warmup_steps": 0.1,  # below 1: a share of all steps
        "lr_scheduler_type": "cosine",
        "max_length": None,  # TRL would cut silently; what is too long is refused before
        "disable_dropout": True,
        "gradient_checkpointing": {**Recipe().settings, **recipe}["gradient_checkpointing"],  # a field may be younger
        "bf16": device.dtype == "bfloat16",
        "use_cpu": device.name == "cpu",
        "dataloader_pin_memory": False,
        "eval_strategy": "epoch" if validated else "no",
        "eval_on_start": validated,
        "save_strategy": "no",
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": settings.seed,
    }


def balance(train: Sequence[TokenPair] | Sequence[TokenThumb]) -> dict[str, float]:
    """For KTO: the rarer kind of thumbs counts for as much as the other one (section 4.2 of the paper)."""
    liked = [row.liked for row in train if isinstance(row, TokenThumb)]
    if not liked:
        return {}
    good, bad = liked.count(True), liked.count(False)
    return {"desirable_weight": max(1.0, bad / good), "undesirable_weight": max(1.0, good / bad)}


class _Watch:
    """Follows TRL's trainer: the curve, the progress, and the best weights."""

    def __init__(self, run_dir: Path, base_label: str) -> None:
        self.told: Task | None = None
        self.write: Any = None
        self._run_dir, self._base = run_dir, base_label
        self._points: list[LossPoint] = []
        self._best: tuple[float, int] | None = None
        self._started = time.perf_counter()

    def callback(self) -> Any:
        """For transformers' trainer, which asks for a class of its own."""
        from transformers import TrainerCallback

        watch = self

        class Callback(TrainerCallback):
            def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, float], **_: Any) -> None:
                watch.note(state, logs)

            def on_evaluate(
                self, _args: Any, state: Any, _control: Any, metrics: dict[str, float], model: Any, **_: Any
            ) -> None:
                watch.judge(state.global_step, metrics["eval_loss"], model)

        return Callback()

    def note(self, state: Any, logs: dict[str, float]) -> None:
        """One point of the curve."""
        loss, validation = logs.get("loss"), logs.get("eval_loss")
        if loss is None and validation is None:
            return
        if any(value is not None and value != value for value in (loss, validation)):
            raise TrainingError(
                f"The loss is no longer a number at step {state.global_step}. Train with a lower prefer.learning_rate."
            )
        point = LossPoint(
            step=state.global_step,
            epoch=state.epoch or 0.0,
            tokens=int(logs.get("num_tokens", self._points[-1].tokens if self._points else 0)),
            seconds=time.perf_counter() - self._started,
            train_loss=loss,
            validation_loss=validation,
            learning_rate=logs.get("learning_rate"),
        )
        self._points.append(point)
        self.write(point)
        if self.told is not None:
            self.told.update(completed=state.global_step, note=f"loss {loss if loss is not None else validation:.3f}")

    def judge(self, step: int, loss: float, model: Any) -> None:
        """Keep the weights if they are the best so far."""
        if self._best is None or loss < self._best[0]:
            self._best = (loss, step)
            self._save(model)

    def last(self, trainer: Any) -> None:
        """Keep the last weights where nothing was held out."""
        if self._best is None:
            losses = [point.train_loss for point in self._points if point.train_loss is not None]
            self._best = (losses[-1], trainer.state.global_step)
            self._save(trainer.model)

    def results(self) -> dict[str, Any]:
        """What the record tells about the training."""
        assert self._best is not None
        loss, step = self._best
        seconds, tokens = time.perf_counter() - self._started, self._points[-1].tokens
        return {
            "curve": tuple(self._points),
            "best_step": step,
            "best_validation_loss": loss,
            "tokens": tokens,
            "seconds": seconds,
            "tokens_per_second": tokens / seconds,
        }

    def _save(self, model: Any) -> None:
        from roletune.training.model import write_adapter

        write_adapter(model, self._run_dir, self._base)


@contextmanager
def _silence() -> Iterator[None]:
    """TRL's and datasets' bars and advice stay off the terminal, which belongs to our own progress."""
    try:
        from datasets.utils.logging import disable_progress_bar, enable_progress_bar
    except ImportError as error:
        raise MissingExtraError("Preference training", "preference") from error
    level = logging.getLogger("trl").level
    logging.getLogger("trl").setLevel(logging.ERROR)
    disable_progress_bar()
    try:
        with quiet():
            yield
    finally:
        enable_progress_bar()
        logging.getLogger("trl").setLevel(level)
