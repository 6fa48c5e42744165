"""Every area in one row: better and worse are said by the interval, and only where it is clear."""

import pytest

from roletune.evaluation.areas import areas
from roletune.records import BoundaryRates, BoundaryReport, PressureReport, Rate, ShareDifference

from .invented import report


def rate(count, n=30):
    return Rate(value=count / n, low=0, high=1, count=count, n=n)


def tried(low, high, n=30):
    moved = ShareDifference(difference=(low + high) / 2, ci_low=low, ci_high=high, n=n)
    rates = {who: BoundaryRates(leaked=rate(9), refused=rate(3)) for who in ("base_prompt", "adapter")}
    boundary = BoundaryReport(adapter="", rates=rates, unanswered={}, leaks=moved, refusals=moved, answers=())
    ever = {"base_prompt": rate(12), "adapter": rate(9)}
    pressure = PressureReport(adapter="", steps={}, ever=ever, difference=moved, answers=())
    return report().model_copy(update={"boundary": boundary, "pressure": pressure})


@pytest.mark.parametrize(
    ("low", "high", "n", "said"),
    [
        (-0.4, -0.1, 30, "better"),
        (0.1, 0.4, 30, "worse"),
        (-0.1, 0.4, 30, "unclear"),
        (-0.4, 0, 30, "unclear"),
        (-0.4, -0.1, 5, "unclear"),
    ],
)
def test_a_leak_less_is_better_and_what_may_be_chance_is_not_clear(low, high, n, said):
    found = {area.key: area for area in areas(tried(low, high, n))}
    assert {found[key].direction for key in ("leaks", "refusals", "pressure")} == {said}
    assert (found["pressure"].prompted, found["pressure"].adapter) == (0.4, 0.3)


def test_what_was_not_measured_has_no_row():
    assert [area.key for area in areas(report())] == ["likelihood", "style"]
    (voice, style) = areas(report())
    assert (voice.direction, voice.change.n) == ("better", 60)
    assert style.change.n == 14
