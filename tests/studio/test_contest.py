"""Two contestants in the studio: the same votes as the arena's, one question at a time."""

import pytest
from tests.studio.stage import answers, make_stage, on_stage

from roletune.errors import EvaluationError, ProjectError
from roletune.evaluation.questions import read_questions
from roletune.llm.scripted import ScriptedModel
from roletune.studio.contest import next_round, side_by_side, standings, vote
from roletune.verbs.arena import current_votes

PAIR = ("adapter", "base_prompt")


@pytest.fixture
def folder(tmp_path):
    return make_stage(tmp_path / "mira")


def saying(text):
    return ScriptedModel(lambda _: text)


def test_a_vote_is_the_arenas_and_names_come_with_it(folder):
    async def work(troupe):
        asked = await next_round(troupe, "mira", PAIR, "ada")
        choice = "left" if asked.bout.left == "adapter" else "right"
        found = vote(troupe, asked, choice)
        (kept,) = current_votes(troupe.player("mira").bench)
        return asked, found, kept

    asked, found, kept = on_stage(work, folder)
    assert set(found.names) == set(PAIR)
    assert (kept.voter, kept.question, kept.replies) == ("ada", asked.bout.question.id, asked.bout.replies)
    (duel,) = found.report.duels
    assert (duel.a, duel.wins_a, duel.wins_b) == ("adapter", 1, 0)


def test_only_the_question_at_hand_is_asked(folder):
    character = answers("Salty")
    on_stage(lambda troupe: next_round(troupe, "mira", PAIR, "ada"), folder, character=character)
    assert len(character.requests) == 1


def test_a_question_is_not_asked_twice_and_the_end_is_told(folder):
    async def work(troupe):
        seen = []
        while asked := await next_round(troupe, "mira", PAIR, "ada"):
            seen.append((asked.bout.question.id, asked.left))
            vote(troupe, asked, "tie")
        return seen, read_questions(troupe.player("mira").project.questions)

    seen, questions = on_stage(work, folder)
    assert sorted(identity for identity, _ in seen) == sorted(question.id for question in questions)
    assert [left for _, left in seen] == list(range(len(questions)))[::-1]


def test_equal_replies_are_passed_over(folder):
    models = {"character": saying("Same."), "base": saying("Same.")}
    assert on_stage(lambda troupe: next_round(troupe, "mira", PAIR, "ada"), folder, **models) is None
    with pytest.raises(EvaluationError, match="Both replied the same"):
        on_stage(lambda troupe: next_round(troupe, "mira", PAIR, "ada", "Why?"), folder, **models)


def test_a_question_of_ones_own_can_be_voted_on(folder):
    async def work(troupe):
        asked = await next_round(troupe, "mira", PAIR, "  ada\n lovelace ", "What floats?")
        vote(troupe, asked, "tie")
        return current_votes(troupe.player("mira").bench)

    (kept,) = on_stage(work, folder)
    assert (kept.text, kept.voter) == ("What floats?", "ada lovelace")
    assert kept.question.startswith("own-")


def test_side_by_side_gives_both_in_order_and_no_vote(folder):
    async def work(troupe):
        replies = await side_by_side(troupe, "mira", ("base", "adapter"), "What floats?")
        return replies, standings(troupe, "mira")

    assert on_stage(work, folder) == (("Plain answer number 1.", "Salty answer number 1."), None)


@pytest.mark.parametrize(
    ("pair", "text", "error"),
    [
        (("adapter", "adapter"), "", ProjectError),
        (("adapter", "../../etc"), "", ProjectError),
        (("adapter", "base"), None, EvaluationError),
    ],
)
def test_what_can_not_be_compared_is_told(folder, pair, text, error):
    async def work(troupe):
        if text is None:
            await side_by_side(troupe, "mira", pair, " ")
        await next_round(troupe, "mira", pair, "ada")

    with pytest.raises(error):
        on_stage(work, folder)
