"""The bandit, with policies whose answer is known."""

import asyncio

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.bandit import bandit_report, chances_of, play, read_arm
from roletune.records import BanditGame


def always(arm):
    async def policy(history):
        return arm

    return policy


async def win_stay_lose_move(history):
    if not history:
        return 0
    arm, reward = history[-1]
    return arm if reward else 1 - arm


async def in_turn(history):
    return len(history) % 2


def played(policy, chances=(0.8, 0.2), rounds=50, games=1):
    """The scores of a policy over its games."""
    made = []
    for game in range(games):
        found = asyncio.run(play(policy, chances_of(game, chances), rounds, seed=game))
        made.append(BanditGame(contestant="adapter", game=game, arms=found.arms, rewards=found.rewards, replies=()))
    return bandit_report(made, adapter="x", chances=chances, resamples=100).scores["adapter"]


def test_the_regret_of_fixed_policies_is_known():
    assert played(always(0)).regret.value == 0
    assert played(always(1)).regret.value == pytest.approx(0.6)
    assert played(in_turn).regret.value == pytest.approx(0.3)
    assert played(always(1), chances=(0.2, 0.8)).share_best.value == 1


def test_who_always_pulls_one_lever_is_no_better_than_chance_over_games():
    found = played(always(0), games=4)
    assert found.regret.value == pytest.approx(0.3)
    assert (found.share_best.count, found.share_best.n) == (100, 200)


def test_a_policy_that_learns_loses_less_and_is_seen_to_stay_and_move():
    found = played(win_stay_lose_move, games=4)
    assert 0 < found.regret.high < 0.3
    assert found.stayed_after_win.value == found.moved_after_loss.value == 1
    assert played(always(0)).moved_after_loss.value == 0


def test_rounds_without_an_arm_are_unscored_and_luck_is_the_same_for_all():
    async def mumbles(history):
        mumbles.turn += 1
        return 0 if mumbles.turn % 2 else None

    mumbles.turn = 0
    found = played(mumbles)
    assert (found.unscored, found.share_best.n) == (25, 25)
    assert played(always(0)) == played(always(0))
    nothing = played(always(None))
    assert (nothing.regret, nothing.share_best, nothing.unscored) == (None, None, 50)
    with pytest.raises(EvaluationError, match="different chances"):
        played(always(0), chances=(0.5, 0.5))


@pytest.mark.parametrize(
    ("reply", "arm"), [("Left.", 0), ("the RIGHT one", 1), ("left or right?", None), ("upright", None), ("", None)]
)
def test_one_lever_is_named_or_none(reply, arm):
    assert read_arm(reply, ("left", "right")) == arm
