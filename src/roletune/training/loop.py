"""The loop of a supervised fine-tuning: steps, validations, checkpoints, and when to stop.

Guarantees: the loss of a step is the mean over all its supervised tokens, however they fall into micro-batches; what a
step draws depends on seed and step alone, so a run that was killed and goes on from its checkpoint ends with the same
bits; the best weights by validation loss are on disk from the first validation on, and with `keep_steps` those of every
validation. Of several processes (`ranks`) each
computes its share of a step and of the validation; weights, state and decisions are the same in all, the first writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from roletune.engine.progress import Task
from roletune.errors import TrainingError
from roletune.models.trained import kept_step
from roletune.records import LossPoint
from roletune.training import checkpoint
from roletune.training.batch import MicroBatch
from roletune.training.checkpoint import TrainingState
from roletune.training.flat import gradient
from roletune.training.model import TrainableModel
from roletune.training.optimizer import MasterOptimizer
from roletune.training.ranks import Ranks
from roletune.training.recipe import Recipe
from roletune.training.schedule import evaluation_steps, learning_rate
from roletune.training.sequences import TokenSequence, divide, epoch_steps, micro_batches


class StepWork(NamedTuple):
    """One step: this process's micro-batches, and the supervised and all tokens of all processes."""

    batches: list[MicroBatch]
    supervised: int
    tokens: int


class Training:
    """One training that is going on; `state` says how far it is."""

    def __init__(
        self,
        model: TrainableModel,
        recipe: Recipe,
        train: Sequence[TokenSequence],
        validation: Sequence[TokenSequence],
        state: TrainingState,
        *,
        keep_steps: bool = False,
    ) -> None:
        self.model, self.recipe, self.state = model, recipe, state
        self._keep_steps = keep_steps
        self._ranks = Ranks.current()
        self._validation = self._own_batches(validation)
        self._validated = sum(sequence.supervised for sequence in validation)
        self._steps = lru_cache(maxsize=1)(lambda epoch: epoch_steps(train, recipe.batch_sequences, recipe.seed, epoch))
        self._per_epoch = math.ceil(len(train) / recipe.batch_sequences)
        self.total_steps = recipe.epochs * self._per_epoch
        self.total_tokens = recipe.epochs * sum(map(len, train))
        self._evaluations = evaluation_steps(self._per_epoch, recipe.epochs, recipe.evaluations_per_epoch)
        self._optimizer = MasterOptimizer(model.flat.master, recipe, model.flat.matrices)
        self._recent: list[float] = []  # losses of the steps since the last point of the curve

    @property
    def stopped(self) -> bool:
        """Whether validation has not become better for too long."""
        return 0 < self.recipe.patience <= self.state.without_gain

    @property
    def going(self) -> bool:
        """Whether there is a step left to do."""
        return self.state.step < self.total_steps and not self.stopped

    def run(self, run_dir: Path, base_label: str, task: Task, on_point: Callable[[LossPoint], None]) -> None:
        """Train to the end. Raises TrainingError if the loss is no longer a number; the best adapter is then kept."""
        self.begin(on_point)
        while self.going:
            loss = self.step()
            task.update(completed=self.state.tokens, note=self._note(loss))
            self.look(run_dir, base_label, on_point)

    def begin(self, on_point: Callable[[LossPoint], None]) -> None:
        """The point of the curve before the first step."""
        if not self.state.curve:
            self._add_point(on_point, validation_loss=self.validate())

    def look(self, run_dir: Path, base_label: str, on_point: Callable[[LossPoint], None]) -> None:
        """After a step: validate, or add a point to the curve, if it is time to."""
        if self.state.step in self._evaluations:
            self._evaluate(run_dir, base_label, on_point)
        elif self.state.step % self.recipe.log_every == 0:
            self._add_point(on_point)

    def step(self) -> float:
        """One optimizer step; returns its loss in nats per supervised token."""
        started = time.perf_counter()
        work = self.begin_step()
        loss = sum(self._backward(batch, work.supervised) for batch in work.batches)
        loss = self.end_step(loss)
        self.count_step(work, time.perf_counter() - started)
        return loss

    def begin_step(self) -> StepWork:
        """What the next step has to compute; gradients are zero, and dropout is that of the step."""
        self.model.begin_step(self.recipe.seed, self.state.step, self._ranks.rank)
        self.model.flat.zero_grad()
        return self.work(self.state.step)

    def work(self, step: int) -> StepWork:
        """What a step, counted from 0, has to compute."""
        sequences = self._steps(step // self._per_epoch)[step % self._per_epoch]
        supervised = sum(sequence.supervised for sequence in sequences)
        return StepWork(self._own_batches(sequences), supervised, sum(map(len, sequences)))

    def end_step(self, loss: float) -> float:
        """Update the weights with the gradients of this process's micro-batches; returns the loss of all processes."""
        loss = self._ranks.sum(loss)
        if not math.isfinite(loss):  # known to all processes: none waits for one that has given up
            raise self._diverged("training loss")
        self._ranks.sum_(gradient(self.model.flat))
        self._clip()
        self._optimizer.step(self._rate(self.state.step))
        self.model.flat.refresh()
        self._recent.append(loss)
        return loss

    def count_step(self, work: StepWork, seconds: float) -> None:
        """The step is done, and took so long."""
        self._count(step=1, tokens=work.tokens, seconds=seconds, step_seconds=seconds)

    def validate(self) -> float:
        """Loss on the validation sequences in nats per supervised token."""
        started = time.perf_counter()
        with self.model.evaluating():
            loss = sum(self.model.nll(batch, self._validated).item() for batch in self._validation)
        loss = self._ranks.sum(loss)
        self._count(seconds=time.perf_counter() - started)
        if not math.isfinite(loss):
            raise self._diverged("validation loss")
        return loss

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a checkpoint holds beside the state: masters and the optimizer's moments."""
        return {"master": self.model.flat.master.detach(), **self._optimizer.moments}

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from the tensors of a checkpoint whose counters are in `state`; all processes get the first one's."""
        flat = self.model.flat
        with torch.no_grad():
            flat.master.copy_(self._from_first(tensors, "master"))
        flat.refresh()
        moments = {name: self._from_first(tensors, name) for name in ("exp_avg", "exp_avg_sq")}
        self._optimizer.restore(self.state.step, moments)

    def _from_first(self, tensors: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
        master = self.model.flat.master.detach()
        tensor = tensors[name].to(master.device) if self._ranks.first else torch.empty_like(master)
        self._ranks.spread_(tensor)
        return tensor

    def _backward(self, batch: MicroBatch, count: int) -> float:
        """Gradients of a micro-batch's part of the mean over `count` tokens; its value."""
        loss = self.model.nll(batch, count)
        loss.backward()
        return loss.item()

    def _clip(self) -> None:
        grad = gradient(self.model.flat)
        norm = float(grad.norm())
        if not math.isfinite(norm):
            raise self._diverged("gradient")
        if 0 < self.recipe.clip < norm:
            grad.mul_(self.recipe.clip / norm)

    def _diverged(self, what: str) -> TrainingError:
        kept = f"The best adapter so far, of step {self.state.best_step}, is kept." if self.state.best_step else ""
        exact = "" if self.model.device.dtype == "float32" else ", or with dtype: float32"
        return TrainingError(
            f"The {what} is no longer a number at step {self.state.step + 1}. Train with a lower learning rate "
            f"than {self.recipe.learning_rate:g}{exact}. {kept}".rstrip()
        )

    def _evaluate(self, run_dir: Path, base_label: str, on_point: Callable[[LossPoint], None]) -> None:
        loss = self.validate()
        self.state = self.state.validated(loss)
        if self.state.best_step == self.state.step and self._ranks.first:
            self.model.save(run_dir, base_label)
        if self._keep_steps and self._ranks.first:
            self.model.save(kept_step(run_dir, self.state.step), base_label)
        self._add_point(on_point, validation_loss=loss)
        if self._ranks.first:
            checkpoint.save(run_dir, self.state, self.tensors())

    def _add_point(self, on_point: Callable[[LossPoint], None], validation_loss: float | None = None) -> None:
        state = self.state
        point = LossPoint(
            step=state.step,
            epoch=state.step / self._per_epoch,
            tokens=state.tokens,
            seconds=state.seconds,
            train_loss=sum(self._recent) / len(self._recent) if self._recent else None,
            validation_loss=validation_loss,
            learning_rate=self._rate(state.step - 1) if state.step else None,
        )
        self._recent.clear()
        self.state = state.model_copy(update={"curve": (*state.curve, point)})
        on_point(point)

    def _rate(self, step: int) -> float:
        recipe = self.recipe
        return learning_rate(
            step, self.total_steps, peak=recipe.learning_rate, warmup=recipe.warmup, shape=recipe.scheduler
        )

    def _own_batches(self, sequences: Sequence[TokenSequence]) -> list[MicroBatch]:
        """This process's share of the sequences, as micro-batches.

        Where the base is sharded all processes have equally many, each of one forward, and some compute for nothing.
        """
        device, share = self.model.device.name, self.model.packs
        # Taken one by one, sequences have nothing of each other's company but its memory.
        budget = self.recipe.micro_tokens if share else 1
        parts = [micro_batches(own, budget) for own in divide(sequences, self._ranks.size)]
        own = parts[self._ranks.rank]
        if self.model.sharded:
            unlearnt = TokenSequence(sequences[0].ids[:2], (False, False))
            own += [[unlearnt]] * (max(map(len, parts)) - len(own))
        return [MicroBatch.of(part, device, share=share) for part in own]

    def _count(self, **more: float) -> None:
        self.state = self.state.model_copy(update={name: getattr(self.state, name) + n for name, n in more.items()})

    def _note(self, loss: float) -> str:
        state = self.state
        return (
            f"step {state.step}/{self.total_steps}, loss {loss:.3f}, {state.tokens / state.step_seconds:.0f} tokens/s"
        )
