import re

import pytest

from roletune.evaluation.plots import (
    MOST_POINTS,
    NARROW,
    WIDE,
    Canvas,
    learning_plot,
    nice_ticks,
    paired_plot,
    ratio_plot,
)
from roletune.records import LossPoint

from . import invented


def numbers(path):
    return [float(x) for x in re.findall(r"-?\d+\.?\d*", path)]


@pytest.mark.parametrize(
    ("low", "high", "about", "ticks"),
    [(0, 10, 5, [0, 2, 4, 6, 8, 10]), (1.44, 2.31, 4, [1.5, 2.0]), (0.72, 1.03, 4, [0.8, 0.9, 1.0]), (-3, 3, 2, [0])],
)
def test_ticks_are_round_values_within_the_axis(low, high, about, ticks):
    assert nice_ticks(low, high, about) == pytest.approx(ticks)


@pytest.mark.parametrize("canvas", [WIDE, NARROW])
def test_the_learning_plot_stays_on_its_canvas_and_marks_the_best_step(canvas):
    plot = learning_plot(invented.curve(), 48, canvas)
    xs, ys = zip(*plot.validation, strict=True)
    assert all(canvas.left <= x <= canvas.width - canvas.right for x in xs)
    assert all(canvas.top <= y <= canvas.height - canvas.bottom for y in ys)
    assert plot.best.y == max(ys)  # lowest loss, lowest on the page
    assert plot.past_best == plot.best.x


def test_nothing_is_past_the_best_when_the_last_step_is_it():
    assert learning_plot(invented.curve(steps=60, best=60), 60, WIDE).past_best is None


def test_a_long_training_is_drawn_with_few_points():
    curve = [LossPoint(step=k, epoch=0, tokens=0, seconds=0, train_loss=2.0 + k % 2) for k in range(50_000)]
    plot = learning_plot(curve, 0, WIDE)
    assert plot.train.count("L") < MOST_POINTS
    assert plot.best is None


def test_a_curve_without_losses_and_one_with_a_single_point_are_no_trouble():
    assert learning_plot([], 0, WIDE) is None
    one = [LossPoint(step=0, epoch=0, tokens=0, seconds=0, validation_loss=2.0)]
    assert learning_plot(one, 0, WIDE).best is not None
    broken = [*one, LossPoint(step=1, epoch=0, tokens=0, seconds=0, train_loss=float("nan"))]
    assert "nan" not in learning_plot(broken, 0, WIDE).train


@pytest.mark.parametrize("canvas", [WIDE, NARROW])
def test_every_line_has_a_bar_and_better_ones_hang_below_zero(canvas):
    found = invented.likelihood()
    plot = paired_plot(found.lines, found.adapter_vs_base_prompt, canvas)
    assert plot.better.count("M") == plot.n_better == sum(line.adapter < line.base_prompt for line in found.lines)
    assert plot.better.count("M") + plot.worse.count("M") == len(found.lines)
    assert plot.band[0] < plot.mean < plot.band[1]
    assert plot.mean > plot.zero
    assert max(numbers(plot.better + plot.worse)) <= max(canvas.width, canvas.height)


def test_without_lines_there_is_no_plot():
    assert paired_plot([], invented.likelihood().adapter_vs_base_prompt, WIDE) is None


@pytest.mark.parametrize("shift", [-0.24, 0.0, 0.5])
def test_the_ratio_and_no_difference_are_both_on_the_axis(shift):
    canvas = Canvas(320, 64, 10, 10, 22, 22)
    plot = ratio_plot(invented.likelihood(shift).adapter_vs_base_prompt, canvas)
    assert 10 <= plot.low < plot.value < plot.high <= 310
    assert 10 <= plot.one <= 310
    assert plot.ticks
