"""The geometry of the report's plots: from figures to places on a canvas. Templates draw them as inline SVG.

Nothing is drawn here and nothing is styled: text stays text (it can be searched and read aloud), colours are the page's
own and follow light and dark, and each plot is laid out twice, for a wide page and for a phone, because SVG that is
merely scaled down can't be read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from roletune.records import Difference, LossPoint, PairedLine

MOST_POINTS = 240  # more points than this of a training loss are averaged: a phone has no more pixels


class Canvas(NamedTuple):
    """A drawing surface in CSS pixels and the margins around its plot."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


WIDE = Canvas(920, 300, 52, 16, 18, 36)
NARROW = Canvas(340, 240, 40, 8, 18, 34)


class Scale(NamedTuple):
    """Linear map of [low, high] onto [start, end] in pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of `value`."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    label: str


class Point(NamedTuple):
    """A place on the canvas."""

    x: float
    y: float


@dataclass(frozen=True)
class LearningPlot:
    """Training and validation loss over optimiser steps; `past_best` is where what was not kept begins."""

    canvas: Canvas
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    train: str
    validation: tuple[Point, ...]
    best: Point | None
    past_best: float | None


@dataclass(frozen=True)
class PairedPlot:
    """A bar for each held-out line, its difference per token, in order; with the mean and its interval."""

    canvas: Canvas
    y_ticks: tuple[Tick, ...]
    zero: float
    better: str
    worse: str
    mean: float
    band: tuple[float, float]
    n_better: int


@dataclass(frozen=True)
class RatioPlot:
    """A ratio with its interval on an axis that contains 1."""

    canvas: Canvas
    ticks: tuple[Tick, ...]
    one: float
    value: float
    low: float
    high: float


def learning_plot(curve: Sequence[LossPoint], best_step: int, canvas: Canvas) -> LearningPlot | None:
    """None if the curve has no point with a loss."""
    train = _thinned([(p.step, p.train_loss) for p in curve if p.train_loss is not None])
    checked = [(p.step, p.validation_loss) for p in curve if p.validation_loss is not None]
    losses = [loss for _, loss in (*train, *checked) if math.isfinite(loss)]
    if not losses:
        return None
    steps = [step for step, _ in (*train, *checked)]
    x = Scale(0, max(1, *steps), canvas.left, canvas.width - canvas.right)
    y = upright(losses, canvas)
    points = [Point(x.at(step), y.at(loss)) for step, loss in checked if math.isfinite(loss)]
    best = next((Point(x.at(step), y.at(loss)) for step, loss in checked if step == best_step), None)
    last = max((step for step, _ in checked), default=best_step)
    return LearningPlot(
        canvas=canvas,
        x_ticks=ticks(x, canvas.width // 100, whole=True),
        y_ticks=ticks(y, 6),
        train=path(Point(x.at(step), y.at(loss)) for step, loss in train if math.isfinite(loss)),
        validation=tuple(points),
        best=best,
        past_best=x.at(best_step) if best and best_step < last else None,
    )


def paired_plot(lines: Sequence[PairedLine], against: Difference, canvas: Canvas) -> PairedPlot | None:
    """Adapter minus base with prompt in nats per token; None without lines."""
    values = sorted((line.adapter - line.base_prompt) / line.tokens for line in lines if line.tokens)
    if not values:
        return None
    y = upright([0.0, against.ci_low, against.ci_high, *values], canvas)
    width = (canvas.width - canvas.left - canvas.right) / len(values)
    gap = 1.0 if width > 3 else 0.0

    def bars(wanted: bool) -> str:
        return "".join(
            f"M{canvas.left + k * width:.2f} {y.at(0)}h{width - gap:.2f}V{y.at(value)}h{gap - width:.2f}z"
            for k, value in enumerate(values)
            if (value < 0) is wanted
        )

    return PairedPlot(
        canvas=canvas,
        y_ticks=ticks(y, 6),
        zero=y.at(0),
        better=bars(True),
        worse=bars(False),
        mean=y.at(against.difference),
        band=(y.at(against.ci_high), y.at(against.ci_low)),
        n_better=sum(value < 0 for value in values),
    )


def ratio_plot(against: Difference, canvas: Canvas) -> RatioPlot:
    """The ratio of perplexities; the axis is long enough to show where no difference would be."""
    low, high = min(against.ratio_low, 1.0), max(against.ratio_high, 1.0)
    room = 0.12 * max(high - low, 0.05)
    x = Scale(max(0.0, low - room), high + room, canvas.left, canvas.width - canvas.right)
    return RatioPlot(
        canvas=canvas,
        ticks=ticks(x, 4),
        one=x.at(1),
        value=x.at(against.perplexity_ratio),
        low=x.at(against.ratio_low),
        high=x.at(against.ratio_high),
    )


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Round values within [low, high], about `about` of them: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def ticks(scale: Scale, about: int, *, whole: bool = False) -> tuple[Tick, ...]:
    """About so many round values of a scale, with their places; `whole` leaves out fractions."""
    values = nice_ticks(scale.low, scale.high, max(2, about))
    if whole:
        values = [value for value in values if value == int(value)]
    gaps = [b - a for a, b in pairwise(values)] or [1.0]
    decimals = max(0, -math.floor(math.log10(gaps[0]) + 1e-9))
    return tuple(Tick(scale.at(v), f"{v:,.{decimals}f}".replace("-", "−")) for v in values)


def upright(values: Sequence[float], canvas: Canvas) -> Scale:
    """The vertical scale that holds these values with some room, larger ones higher."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.5
    return Scale(low - room, high + room, canvas.height - canvas.bottom, canvas.top)


def path(points: Iterable[Point]) -> str:
    """A line through the points, as SVG has it."""
    return " ".join(f"{'L' if k else 'M'}{point.x} {point.y}" for k, point in enumerate(points))


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """At most `MOST_POINTS` points, each the mean of its neighbours."""
    size = math.ceil(len(points) / MOST_POINTS) or 1
    groups = [points[k : k + size] for k in range(0, len(points), size)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
