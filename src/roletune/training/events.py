"""TensorBoard events of a training, beside its adapter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from roletune.records import LossPoint


class PointWriter(Protocol):
    """Where points of the learning curve go."""

    def __call__(self, point: LossPoint) -> None:
        """Write one."""


@contextmanager
def tensorboard(run_dir: Path, step: int) -> Iterator[PointWriter]:
    """Events into `run_dir`; those after `step`, of a run that was killed and is done again from there, are hidden."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run_dir), purge_step=step + 1 if step else None) as writer:

        def write(point: LossPoint) -> None:
            scalars = {
                "loss/train": point.train_loss,
                "loss/validation": point.validation_loss,
                "learning_rate": point.learning_rate,
                "tokens": point.tokens,
            }
            for name, value in scalars.items():
                if value is not None:
                    writer.add_scalar(name, value, point.step)

        yield write
