"""TensorBoard events of a training, beside its adapter: written as it learns, and read while it still does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from roletune.errors import MissingExtraError
from roletune.records import LossPoint

_TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "learning_rate": "learning_rate",
    "tokens": "tokens",
    "epoch": "epoch",
    "seconds": "seconds",
}


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
            for name, key in _TAGS.items():
                value = getattr(point, key)
                if value is not None:
                    writer.add_scalar(name, value, point.step)
            writer.flush()  # else whoever watches waits two minutes

        yield write


def read_points(run_dir: Path) -> list[LossPoint]:
    """The learning curve so far, of a run that may still be going on; empty if nothing was written yet.

    Figures are 32-bit floats, as TensorBoard keeps them. Raises MissingExtraError without TensorBoard.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise MissingExtraError("Reading a learning curve", "train") from error
    events = EventAccumulator(str(run_dir), size_guidance={"scalars": 0})
    events.Reload()
    found: dict[int, dict[str, float]] = {}
    for name in set(_TAGS) & set(events.Tags()["scalars"]):
        for event in events.Scalars(name):
            found.setdefault(event.step, {})[_TAGS[name]] = event.value
    missing = {"tokens": 0, "epoch": 0.0, "seconds": 0.0}
    return [LossPoint.model_validate({"step": step} | missing | found[step]) for step in sorted(found)]
