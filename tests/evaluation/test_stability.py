"""Questionnaires, what a persona costs, and the bandit: each with policies whose answer is known."""

import asyncio
from collections import Counter

import pytest

from roletune.errors import EvaluationError
from roletune.evaluation.stability import (
    Asked,
    Choice,
    Item,
    Questionnaire,
    gamble,
    knowledge,
    persona_tax,
    read_letter,
    read_scale,
    score_questionnaire,
    shuffled,
)

SCALE = Questionnaire(
    items=(
        Item(id="a", text="I like company.", dimension="warmth"),
        Item(id="b", text="I prefer to be left alone.", dimension="warmth", reverse=True),
        Item(id="c", text="I keep lists.", dimension="order"),
    )
)


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        ("4", 4),
        ("I'd say 4, sir.", 4),
        ("4, definitely 4", 4),
        ("**4**", 4),
        ("4 or 5", None),
        ("9", None),
        ("Four.", None),
        ("3.5", None),
        ("4/5", None),
        ("", None),
        ("It is 1942 and I say 2", None),
    ],
)
def test_one_number_of_the_scale_is_an_answer(reply, number):
    assert read_scale(reply, 1, 5) == number


def test_reverse_keyed_items_are_turned_round_and_what_is_no_answer_is_counted():
    found = score_questionnaire(SCALE, {"a": [5, 5, None], "b": [1, 1, 1], "c": [1, 5]})
    assert found["warmth"].score.value == 5
    assert found["warmth"].spread.value == 0
    assert (found["warmth"].answered, found["warmth"].unscored) == (5, 1)
    assert found["order"].score.value == 3
    assert found["order"].spread.value == pytest.approx(8**0.5)


def test_an_unanswered_dimension_has_no_score_rather_than_nought():
    found = score_questionnaire(SCALE, {"c": [None, None]})
    assert (found["order"].score, found["order"].unscored) == (None, 2)
    assert found["warmth"].score is None


def test_items_and_answers_that_do_not_belong_are_refused():
    with pytest.raises(EvaluationError, match="no item 'z'"):
        score_questionnaire(SCALE, {"z": [1]})
    with pytest.raises(EvaluationError, match="from 1 to 5"):
        score_questionnaire(SCALE, {"a": [6]})


def test_the_questions_of_knowledge_are_forty_with_unlike_options():
    asked = knowledge()
    assert len(asked) == len({one.id for one in asked}) == len({one.text for one in asked}) == 40
    assert all(len(set(one.options)) == 4 for one in asked)
    with pytest.raises(EvaluationError, match="add a file"):
        knowledge("tlh")


def test_the_right_option_is_at_every_letter_and_always_at_the_same_with_one_seed():
    asked = [shuffled(one) for one in knowledge()]
    letters = Counter(one.right for one in asked)
    assert set(letters) == set("ABCD")
    assert max(letters.values()) < 20
    assert asked == [shuffled(one) for one in knowledge()]
    assert all(one.options["ABCD".index(one.right)] == one.choice.options[0] for one in asked)


ASKED = Asked(Choice(id="q", text="?", options=("sea", "hill", "road", "moon")), ("hill", "sea", "moon", "road"), "B")


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("B) sea", "B"),
        ("The answer is B.", "B"),
        ("The sea, my dear.", "B"),
        ("(C)", "C"),
        ("I think C, surely", "C"),
        ("A hill, or a road", None),
        ("A pity. I can't say.", None),
        ("", None),
        ("A sea, I suppose.", "B"),
        ("A. hill", "A"),
    ],
)
def test_a_letter_or_the_words_of_one_option_are_an_answer(reply, letter):
    assert read_letter(reply, ASKED) == letter


def test_the_tax_is_paired_and_unread_replies_are_wrong_and_counted():
    asked = [ASKED] * 10
    tax = persona_tax(asked, ["B"] * 10, ["B"] * 5 + ["Arr!"] * 5)
    assert (tax.without.count, tax.persona.count, tax.unread) == (10, 5, (0, 5))
    assert tax.difference.difference == -0.5
    assert tax.difference.ci_high < 0
    with pytest.raises(EvaluationError, match="Every question"):
        persona_tax(asked, ["B"], ["B"])


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


def play(policy, chances=(0.8, 0.2), rounds=50):
    return asyncio.run(gamble(policy, chances, rounds))


def test_the_regret_of_fixed_policies_is_known():
    assert play(always(0)).regret == 0
    assert play(always(1)).regret == pytest.approx(50 * 0.6)
    assert play(in_turn).regret == pytest.approx(25 * 0.6)
    assert play(always(1), chances=(0.2, 0.8)).share_best.value == 1


def test_a_policy_that_learns_loses_less_and_is_seen_to_stay_and_move():
    found = play(win_stay_lose_move)
    assert 0 < found.regret < play(in_turn).regret
    assert found.stayed_after_win.value == found.moved_after_loss.value == 1
    assert play(always(0)).moved_after_loss.value == 0


def test_rounds_without_an_arm_are_unscored_and_luck_is_the_same_for_all():
    async def mumbles(history):
        mumbles.turn += 1
        return 0 if mumbles.turn % 2 else None

    mumbles.turn = 0
    found = play(mumbles)
    assert (found.unscored, found.share_best.n) == (25, 25)
    assert play(always(0)) == play(always(0))
    with pytest.raises(EvaluationError, match="ever pulled"):
        play(always(None))
    with pytest.raises(EvaluationError, match="different chances"):
        play(always(0), chances=(0.5, 0.5))
