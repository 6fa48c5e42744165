"""Learning rates as a function of the step: nothing to store, nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Callable

# What is left of the learning rate at `progress` (0 after warmup, 1 at the end).
SHAPES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
}


def learning_rate(step: int, total: int, *, peak: float, warmup: float, shape: str) -> float:
    """Rate of step `step` (from 0) of `total`: linear warmup over the share `warmup`, then `shape`.

    transformers' schedules of these names, with ceil(warmup * total) warmup steps, except that the first step is not
    spent at a rate of 0.
    """
    warm = math.ceil(warmup * total)
    if step < warm:
        return peak * (step + 1) / (warm + 1)
    return peak * SHAPES[shape](min(1.0, (step - warm) / max(1, total - warm)))


def evaluation_steps(steps_per_epoch: int, epochs: int, per_epoch: int) -> frozenset[int]:
    """Numbers of finished steps at which to validate: `per_epoch` times an epoch, evenly, and at the end of each."""
    times = min(per_epoch, steps_per_epoch)
    return frozenset(
        epoch * steps_per_epoch + math.ceil(steps_per_epoch * part / times)
        for epoch in range(epochs)
        for part in range(1, times + 1)
    )
