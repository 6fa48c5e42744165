"""How much data is enough, for readers: in words, and as one HTML page with its plot in the manner of the report.

The page holds no script and asks for nothing; the figures lie beside it as curve.json.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from roletune.evaluation import templating
from roletune.evaluation.plots import NARROW, WIDE, Canvas, Point, Scale, Tick, path, ticks, upright
from roletune.records import DataCurve

_STEPS = 40  # straight pieces that the law is drawn with


class Whisker(NamedTuple):
    """A measured or foretold value with its interval; `low` is the place of the lower loss, lower on the page."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class DataPlot:
    """Loss over training scenes (each doubling as wide as the next): points, the law through them and beyond."""

    canvas: Canvas
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    points: tuple[Whisker, ...]
    law: str
    beyond: str
    twice: Whisker
    base: float


def data_plot(curve: DataCurve, canvas: Canvas) -> DataPlot:
    """Where everything lies on the canvas."""
    sizes = [point.scenes for point in curve.points]
    last = sizes[-1]
    foretold = _law(curve, 2 * last)
    low, high = (foretold + change - curve.twice.value for change in (curve.twice.low, curve.twice.high))
    losses = [loss for point in curve.points for loss in (point.nll.low, point.nll.high)]
    y = upright([*losses, low, high, curve.base_prompt, _law(curve, sizes[0])], canvas)
    room = 0.06 * math.log2(2 * last / sizes[0])
    x = Scale(
        math.log2(sizes[0]) - room, math.log2(2 * last) + room, canvas.left, canvas.width - canvas.right
    )  # in doublings

    def drawn(first: float, end: float) -> str:
        places = [first * (end / first) ** (k / _STEPS) for k in range(_STEPS + 1)]
        return path(Point(x.at(math.log2(size)), y.at(_law(curve, size))) for size in places)

    return DataPlot(
        canvas=canvas,
        x_ticks=tuple(Tick(x.at(math.log2(size)), f"{size:,}") for size in (*sizes, 2 * last)),
        y_ticks=ticks(y, 6),
        points=tuple(
            Whisker(x.at(math.log2(p.scenes)), y.at(p.nll.value), y.at(p.nll.low), y.at(p.nll.high))
            for p in curve.points
        ),
        law=drawn(sizes[0], last),
        beyond=drawn(last, 2 * last),
        twice=Whisker(x.at(math.log2(2 * last)), y.at(foretold), y.at(low), y.at(high)),
        base=y.at(curve.base_prompt),
    )


def render_curve(curve: DataCurve) -> str:
    """The page as text; write it as UTF-8."""
    return (
        templating.html()
        .get_template("curve.html.jinja")
        .render(
            curve=curve, said=render_curve_words(curve), plots=[data_plot(curve, canvas) for canvas in (WIDE, NARROW)]
        )
    )


def render_curve_words(curve: DataCurve) -> str:
    """What the figures allow to say of more data."""
    return " ".join(templating.text().get_template("curve.txt.jinja").render(curve=curve).split())


def _law(curve: DataCurve, scenes: float) -> float:
    return curve.law.floor + curve.law.factor * scenes**-curve.law.exponent
