"""Pairwise comparisons: both orders, flips as ties, and Bradley-Terry against solutions that are known."""

import math
import random

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.judging.answers import Answered
from roletune.evaluation.judging.bradley_terry import Game, fit, fit_with_intervals
from roletune.evaluation.judging.contests import pairwise_report, votes_report
from roletune.evaluation.judging.pairs import both_orders
from roletune.records import InterviewItem, InterviewTurn, Vote


def item(contestant, question="q", reply="Yes."):
    turn = InterviewTurn(question="?", reply=reply)
    told = {"id": contestant, "form": "single", "question": question, "topic": "", "contestant": contestant}
    return InterviewItem(**told, turns=(turn,))


def verdict(ab, ba, question="q", a="Yes.", b="No, never."):
    told = [Answered(value, ("raw",), "") for value in (ab, ba)]
    return both_orders(item("adapter", question, a), item("base_prompt", question, b), "sage", *told)


@pytest.mark.parametrize(
    ("ab", "ba", "winner", "flipped"),
    [
        ("first", "second", "a", False),
        ("second", "first", "b", False),
        ("first", "first", "tie", True),
        ("second", "second", "tie", True),
        ("tie", "tie", "tie", False),
        ("first", "tie", "tie", True),
        (None, "first", None, False),
        ("first", None, None, False),
    ],
)
def test_a_pair_has_a_winner_only_if_both_orders_name_it(ab, ba, winner, flipped):
    found = verdict(ab, ba)
    assert (found.winner, found.flipped, found.longer) == (winner, flipped, "b")


def test_two_players_are_as_far_apart_as_the_log_odds():
    games = [Game("a", "b", 1.0)] * 30 + [Game("b", "a", 1.0)] * 10
    strengths = fit(games, prior=0)
    assert strengths["a"] - strengths["b"] == pytest.approx(math.log(3), abs=1e-6)
    assert sum(strengths.values()) == pytest.approx(0, abs=1e-9)


def test_three_players_with_exact_shares_give_their_strengths_back():
    true = {"a": 0.9, "b": -0.2, "c": -0.7}
    games = []
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        share = 1 / (1 + math.exp(true[other] - true[one]))
        games += [Game(one, other, share)] * 10  # a fraction of a win is a tie of another weight
    for name, strength in fit(games, prior=0).items():
        assert strength == pytest.approx(true[name], abs=1e-4)


def test_ties_are_half_wins_and_the_prior_keeps_a_winner_of_everything_finite():
    assert fit([Game("a", "b", 0.5)] * 9)["a"] == pytest.approx(0, abs=1e-9)
    strengths = fit([Game("a", "b", 1.0)] * 10)
    assert strengths["a"] - strengths["b"] == pytest.approx(math.log(10.25 / 0.25), abs=1e-6)


def test_intervals_cover_the_truth_and_are_the_same_every_time():
    generator = random.Random(3)
    games = [Game("a", "b", float(generator.random() < 0.7), str(k)) for k in range(120)]
    found = fit_with_intervals(games, resamples=300)
    assert found == fit_with_intervals(games, resamples=300)
    assert found["a"].low < math.log(0.7 / 0.3) / 2 < found["a"].high
    assert found["b"].high < 0


@pytest.mark.parametrize(
    ("games", "why"),
    [
        ([], "no comparisons"),
        ([Game("a", "a", 1.0)], "can't be compared with itself"),
        ([Game("a", "b", 1.0), Game("c", "d", 1.0)], "never met"),
    ],
)
def test_what_can_t_be_ranked_is_an_error(games, why):
    with pytest.raises(EvaluationError, match=why):
        fit(games)


def test_a_judge_that_always_takes_the_first_ranks_nobody():
    report = pairwise_report([verdict("first", "first", str(k)) for k in range(12)], resamples=100)
    assert (report.flipped.count, report.flipped.n, report.first.value, report.ranked) == (12, 12, 1.0, False)
    assert [standing.ties for standing in report.standings] == [12, 12]
    assert report.duels[0].win_rate is None


def test_a_judge_that_takes_the_longer_one_is_seen():
    verdicts = [verdict("second", "first", str(k)) for k in range(12)]
    report = pairwise_report(verdicts, resamples=100)
    assert (report.longer.value, report.first.value, report.ranked) == (1.0, 0.5, True)
    assert report.standings[0].name == "base_prompt"


def test_unscored_pairs_are_counted_and_in_no_rate():
    report = pairwise_report([verdict(None, "first", "1"), verdict("first", "second", "2")], resamples=100)
    assert (report.unscored, report.duels[0].wins_a, report.flipped.n) == (1, 1, 1)
    assert pairwise_report([]) is None


def test_votes_are_counted_for_who_was_behind_the_letter():
    def vote(left, choice, k):
        right = "base_prompt" if left == "adapter" else "adapter"
        return Vote(
            question=str(k),
            text="?",
            left=left,
            right=right,
            replies=("Yes.", "No."),
            choice=choice,
            voter="ada",
            seed=0,
            adapter="",
            created="",
        )

    votes = [vote("adapter", "left", 1), vote("base_prompt", "right", 2), vote("adapter", "tie", 3)]
    report = votes_report(votes, resamples=100)
    (duel,) = report.duels
    assert (duel.a, duel.wins_a, duel.wins_b, duel.ties, duel.win_rate.n) == ("adapter", 2, 0, 1, 2)
    assert (report.first.count, report.judges) == (1, ("ada",))
    assert votes_report([]) is None
