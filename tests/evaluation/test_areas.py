"""Every area in one row: better and worse are said by the interval, and only where it is clear."""

import pytest

from roletune.evaluation.areas import areas
from roletune.evaluation.examples import obeyed
from roletune.evaluation.report_html import render_html
from roletune.records import (
    BoundaryRates,
    BoundaryReport,
    Estimate,
    InterviewDifference,
    InterviewReport,
    ObedienceReport,
    PressureReport,
    Rate,
    RuledAnswer,
    RuleRates,
    ShareDifference,
)

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


def test_rules_kept_are_a_row_with_what_is_shown_of_them():
    moved = ShareDifference(difference=0.4, ci_low=0.1, ci_high=0.7, n=9)
    rates = {
        who: RuleRates(per_rule={}, all_rules=rate(n, 9), unanswered=0)
        for who, n in (("base_prompt", 2), ("adapter", 6))
    }
    answers = tuple(
        RuledAnswer(question=f"q{k}", rules=("a", "b"), replies={"adapter": "yes"}, broken={"adapter": broken})
        for k, broken in enumerate([(), ("a",), ("a", "b"), None])
    )
    told = {"a": "A.", "b": "B."}
    found = ObedienceReport(adapter="", told=told, rates=rates, untold={}, difference=moved, answers=answers)
    whole = report().model_copy(update={"obedience": found})
    row = next(area for area in areas(whole) if area.key == "obedience")
    assert (row.prompted, row.adapter, row.direction) == (2 / 9, 6 / 9, "better")
    shown = obeyed(answers)
    assert ([one.question for one in shown["kept"]], [one.question for one in shown["broken"]]) == (
        ["q0"],
        ["q2", "q1"],
    )
    assert 'href="#obedience"' in render_html(whole).split("</table>")[0]


@pytest.mark.parametrize(("trust", "said"), [("calibrated", "better"), ("uncalibrated", ""), ("refused", "")])
def test_interviews_are_paired_and_ranked_only_by_a_judge_that_people_agree_with(trust, said):
    row = InterviewDifference(
        form="single", dimension="values", difference=1, ci_low=0.5, ci_high=2, n=9, clear=True, trust=trust
    )
    overall = Estimate(value=1, low=0.5, high=2, n=9)
    held = InterviewReport(
        adapter="", judges=("sage",), questions=9, talks=0, failed={}, differences=(row,), overall=overall
    )
    found = next(area for area in areas(report().model_copy(update={"interview": held})) if area.key == "interview")
    assert (found.change.value, found.direction) == (1, said)


def test_what_stays_when_all_rows_are_corrected_together_is_clear():
    found = {area.key: area for area in areas(tried(-0.42, -0.004))}
    assert {key for key, area in found.items() if area.clear} == {"likelihood"}
    assert {found[key].direction for key in ("leaks", "refusals", "pressure")} == {"better"}
    assert all(area.clear or area.key == "style" for area in areas(tried(-0.4, -0.3)))
    assert "better, clear" in render_html(report())
