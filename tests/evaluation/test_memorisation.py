"""Copied passages and repetition, on texts whose answer is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import EvaluationError
from roletune.evaluation.estimates import estimate_mean, jackknife
from roletune.evaluation.memorisation import (
    GRAM,
    SEED_WORDS,
    TrainingText,
    distinct,
    distinct_without,
    measure_copying,
    said_again,
)
from roletune.evaluation.style import words

ROW = "The lamp is green because the keeper is bored and nobody is awake to complain of it."
SAID = st.lists(st.sampled_from("abc"), max_size=14)
OTHER = "Leave the parcel by the stove, for wool freezes long before it burns, my dear."


def slowly(said, rows):
    """The longest common run, the plainest way."""
    runs = {tuple(row[i:j]) for row in map(words, rows) for i in range(len(row)) for j in range(i, len(row) + 1)}
    found = [j - i for i in range(len(said)) for j in range(i, len(said) + 1) if tuple(said[i:j]) in runs]
    return max(found, default=0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from("abc"), max_size=14), st.lists(st.lists(st.sampled_from("abc"), max_size=14), max_size=3)
)
def test_the_longest_run_is_that_of_the_plain_search(said, rows):
    texts = [" ".join(row) for row in rows]
    expected = slowly(said, texts)
    found = TrainingText(texts).copied(" ".join(said))
    assert found.longest == (expected if expected >= SEED_WORDS else 0)
    assert found.passage in " ".join(said)


def test_a_row_said_word_for_word_is_all_copied_whatever_its_case_and_commas():
    found = TrainingText([ROW, OTHER]).copied(ROW.upper().replace("GREEN", "GREEN,"))
    assert found.share == 1
    assert found.longest == len(words(ROW))


def test_no_run_goes_on_from_one_row_into_the_next():
    text = TrainingText(["one two three four", "five six seven eight"])
    assert text.copied("one two three four five six seven eight").longest == 4


def test_half_a_copy_is_counted_by_its_runs():
    said = " ".join(words(ROW)[:GRAM]) + " which I invented just now for your great amusement"
    found = TrainingText([ROW]).copied(said)
    assert found.share == pytest.approx(1 / (len(words(said)) - GRAM + 1))
    assert found.passage == " ".join(words(ROW)[:GRAM])


def test_short_replies_have_no_share_and_are_not_counted_as_original():
    report = measure_copying(["Aye.", ROW], TrainingText([ROW]))
    assert (report.copied.value, report.copied.n, report.longest.n) == (1, 1, 2)
    assert measure_copying(["Aye.", "No."], TrainingText([ROW])).copied is None


def test_saying_the_same_twice_is_seen_and_costs_diversity():
    same, unlike = [words(ROW)] * 3, [words(ROW), words(OTHER)]
    assert said_again(same) == [1, 1, 1]
    assert said_again(unlike) == [0, 0]
    assert distinct(same, 2) < distinct(unlike, 2)
    every = [*same, *unlike, ["one"]]
    assert distinct_without(every, 2) == [distinct([*every[:k], *every[k + 1 :]], 2) for k in range(len(every))]
    assert distinct_without([same[0]], 2) == [0.0]


def test_nothing_said_is_refused():
    with pytest.raises(EvaluationError, match="no replies"):
        measure_copying(["", "..."], TrainingText([ROW]))


def test_intervals_of_means_and_of_figures_of_all():
    found = estimate_mean([0.0, 1.0] * 50)
    assert found.value == 0.5
    assert 0.35 < found.low < 0.45 < 0.55 < found.high < 0.65
    assert estimate_mean([2.0] * 5) == found.model_copy(update={"value": 2, "low": 2, "high": 2, "n": 5})
    again = jackknife(0.5, [50 / 99, 49 / 99] * 50)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=0.02)
    with pytest.raises(EvaluationError):
        jackknife(1.0, [0.0])
