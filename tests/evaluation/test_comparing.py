"""Entries side by side, and how they are told."""

import pytest
from tests.evaluation.test_report_html import Page

from roletune.errors import EvaluationError
from roletune.evaluation.compare_page import render_csv, render_page, render_words
from roletune.evaluation.comparing import Entry, Kind, Said, Score, compare_entries
from roletune.evaluation.judge_free import figures_of
from roletune.evaluation.memorisation import TrainingText
from roletune.records import Entrant

PASSED = Kind("style", "share", "high")
NATS = Kind("likelihood", "nats", "low")


def entry(name, scores, said=None):
    return Entry(Entrant(name=name, what=f"{name}, invented"), scores, said or {})


def passes(*values):
    return {f"q{k}": None if value is None else Score(value) for k, value in enumerate(values)}


def test_only_items_that_both_have_are_compared_and_unscored_ones_are_counted():
    ours = {**passes(1, 1, None, 1), "only ours": Score(0)}
    found = compare_entries([entry("a", {("x", PASSED): passes(0, 1, 1, 0)}), entry("b", {("x", PASSED): ours})])
    (figure,), (difference,) = found.figures, found.differences
    assert (figure.unscored, figure.estimates["b"].n, figure.estimates["b"].value) == ({"a": 0, "b": 1}, 4, 0.75)
    assert (difference.n, difference.difference, difference.against) == (3, pytest.approx(2 / 3), "a")


def test_lines_count_by_tokens_are_drawn_by_scene_and_paired_by_what_was_measured():
    a = {f"{s} {k}": Score(10.0 + s, 5, str(s)) for s in range(8) for k in range(2)}
    b = {item: Score(score.value - 2.5, score.weight, score.group) for item, score in a.items()}
    b["0 0"] = Score(1.0, 6, "0")  # other tokens: another line
    (difference,) = compare_entries([entry("a", {("nats", NATS): a}), entry("b", {("nats", NATS): b})]).differences
    assert (difference.n, difference.units, difference.direction) == (15, 8, "better")
    assert (difference.difference, difference.ci_low, difference.ci_high) == pytest.approx((-0.5, -0.5, -0.5))
    assert difference.p == pytest.approx(2 / 2**8)


def test_many_comparisons_are_corrected_together():
    strong, weak = passes(*[1] * 10), passes(*[0] * 10)
    one = compare_entries([entry("a", {("x", PASSED): weak}), entry("b", {("x", PASSED): strong})])
    many = {(f"x{k}", PASSED): weak for k in range(40)}
    other = {(f"x{k}", PASSED): strong if k == 0 else weak for k in range(40)}
    forty = compare_entries([entry("a", many), entry("b", other)])
    assert (one.differences[0].clear, forty.differences[0].clear) == (True, False)
    assert forty.differences[0].p == one.differences[0].p
    assert (
        "worse in x (0 % against 100 %"
        in render_words(compare_entries([entry("a", {("x", PASSED): weak}), entry("b", {("x", PASSED): strong})], "b"))[
            0
        ]
    )
    assert "not clear after correction for 40 comparisons" in render_words(forty)[0]


def test_distinct_pairs_of_words_are_a_figure_of_all_replies_and_nobody_s_merit():
    def talk(*texts):
        return {f"q{k}": Said("Mira", f"q{k}", "", text) for k, text in enumerate(texts)}

    same, other = (
        talk(*["the lamp is lit"] * 9, ""),
        talk(*[f"lamp {k} burns" + " on" * (k % 3) for k in range(9)], "a b"),
    )
    found = compare_entries([entry("a", {}, same), entry("b", {}, other)])
    (figure,), (difference,) = found.figures, found.differences
    assert figure.estimates["a"].value == pytest.approx(3 / 27)
    assert (difference.n, difference.direction, difference.clear) == (9, "", True)
    assert difference.ci_low < difference.difference < difference.ci_high


def test_it_takes_two_and_every_name_once():
    with pytest.raises(EvaluationError, match="two to compare"):
        compare_entries([entry("a", {})])
    with pytest.raises(EvaluationError, match="every name once"):
        compare_entries([entry("a", {}), entry("a", {})])
    with pytest.raises(EvaluationError, match="'c' among them"):
        compare_entries([entry("a", {}), entry("b", {})], "c")


def test_the_suite_without_a_judge_scores_what_came():
    texts = ["Good morning to you all, sir.", "Good morning to you all, madam.", "", "Yes.", "None came."]
    marks = [(), ("emoji",), ("says_nothing",), ("address",), ("unanswered",)]
    said = {
        f"q{k}": Said("Mira", f"q{k}", "", text, mark) for k, (text, mark) in enumerate(zip(texts, marks, strict=True))
    }
    found = figures_of(
        said,
        ("emoji",),
        training=TrainingText(["good morning to you all sir and a fine day"]),
        leaked={"q0": True, "q1": False}.get,
        labels={"q0": False},
    )
    scores = {name: {item: score and score.value for item, score in one.items()} for (name, _), one in found.items()}
    assert scores["no warning"] == {"q0": 1, "q1": 0, "q2": 0, "q3": 1, "q4": None}
    assert scores["emoji"] == {"q0": 1, "q1": 0, "q2": 0, "q3": 1, "q4": None}
    assert scores["words"] == {"q0": 6, "q1": 6, "q2": 0, "q3": 1, "q4": None}
    assert scores["said again"] == pytest.approx({"q0": 2 / 3, "q1": 2 / 3})
    assert (scores["leaks, by expressions"], scores["leaks, by hand"]) == ({"q0": 1, "q1": 0}, {"q0": 0})


def test_what_models_wrote_can_not_become_part_of_the_page_or_a_formula():
    evil = "</style><script>alert(1)</script><img src=x onerror=alert(1)>"
    said = {"q": Said(evil, evil, evil, evil, ("emoji",))}
    found = compare_entries(
        [entry("=1+1", {("x", PASSED): passes(1, 0)}, said), entry(evil, {("x", PASSED): passes(1, 1)}, said)]
    )
    page = Page(render_html := render_page(found))
    assert page.all("script", "img") == []
    assert "http-equiv" in render_html
    assert "\nstyle,x,'=1+1," in render_csv(found)
