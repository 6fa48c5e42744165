"""A character from Python: its turns, both forms of every method, and what must not happen to its history."""

import asyncio
import subprocess
import sys

import pytest
from tests.character import make_character, workbench
from tests.inference.stage import conversation

import roletune
from roletune import pipeline
from roletune.errors import EndpointError, ModelError, ProjectError
from roletune.inference.actor import Actor
from roletune.inference.character import Character, LineScore
from roletune.inference.settings import ChatSettings
from roletune.llm.scripted import ScriptedModel

SETTINGS = ChatSettings(partner="Tony Stark", location="the workshop", background="It is late.")


def character(script, **options):
    model = ScriptedModel(script)
    return Character(conversation(), Actor(lambda strength: model, SETTINGS), **options)


def spoken(one):
    return [(turn.speaker, turn.text) for turn in one.history]


def test_a_reply_is_a_turn_of_each():
    with character(["For you, sir, always."]) as jarvis:
        assert jarvis.reply("Are you up?") == "For you, sir, always."
        assert spoken(jarvis) == [("Tony Stark", "Are you up?"), ("JARVIS", "For you, sir, always.")]
        assert jarvis.last.completion_tokens == 4
        system = jarvis.model.requests[0].messages[0]
        assert system["role"] == "system"
        assert "the workshop" in system["content"]


def test_a_stream_joins_to_the_reply_and_counts_when_it_is_over():
    with character(["One two three", "Four"]) as jarvis:
        pieces = jarvis.stream("Count.")
        first = next(pieces)
        assert jarvis.history == ()
        assert first + "".join(pieces) == "One two three"
        assert len(jarvis.history) == 2


def test_who_leaves_a_stream_early_has_said_nothing():
    with character(["One two three", "Again"]) as jarvis:
        pieces = jarvis.stream("Count.")
        next(pieces)
        pieces.close()
        assert jarvis.history == ()
        assert jarvis.reply("Count.") == "Again"


def test_a_failed_reply_leaves_the_history_as_it_was():
    with character([EndpointError("gone"), "Back."]) as jarvis:
        with pytest.raises(EndpointError, match="gone"):
            jarvis.reply("Hello?")
        assert jarvis.history == ()
        assert jarvis.reply("Hello?") == "Back."


def test_another_answer_takes_the_place_of_the_first_and_is_another_call():
    with character(["First.", "Second."]) as jarvis:
        jarvis.reply("Well?")
        assert jarvis.retry() == "Second."
        assert spoken(jarvis)[1:] == [("JARVIS", "Second.")]
        assert [request.sample for request in jarvis.model.requests] == [0, 1]


def test_an_earlier_answer_can_be_gone_back_to():
    with character(["First.", "Second.", "On."]) as jarvis:
        jarvis.reply("Well?")
        jarvis.retry()
        assert jarvis.swipes == ("First.", "Second.")
        assert jarvis.swipe(0) == "First."
        jarvis.reply("Go on.")
        assert [text for _, text in spoken(jarvis)] == ["Well?", "First.", "Go on.", "On."]
        assert jarvis.swipes == ("On.",)
        with pytest.raises(ProjectError, match="1 answers"):
            jarvis.swipe(1)


def test_what_was_said_last_can_be_said_otherwise():
    with character(["Yes.", "No."]) as jarvis:
        jarvis.reply("Is it on?")
        assert jarvis.edit("Is it off?") == "No."
        assert spoken(jarvis) == [("Tony Stark", "Is it off?"), ("JARVIS", "No.")]


def test_the_strength_can_be_changed_while_one_talks():
    opened = []

    def on_stage(strength):
        opened.append(strength)
        return ScriptedModel([f"At {strength}."] * 2)

    with Character(conversation(), Actor(on_stage, SETTINGS)) as jarvis:
        jarvis.reply("One")
        jarvis.strength = 0.7
        assert jarvis.reply("Two") == "At 0.7."
        with pytest.raises(ProjectError, match="between 0"):
            jarvis.strength = 9
        assert (jarvis.strength, opened) == (0.7, [1.0, 0.7])


def test_thoughts_are_hidden_unless_they_are_asked_for():
    said = "<thought>He is late.</thought>\nGood evening."
    with character([said]) as jarvis:
        assert jarvis.reply("Hello") == "Good evening."
    open_minded = SETTINGS.model_copy(update={"thoughts": True})
    with Character(conversation(), Actor(lambda strength: ScriptedModel([said]), open_minded)) as jarvis:
        assert "He is late." in jarvis.reply("Hello")


def test_the_async_forms_do_the_same():
    async def main():
        async with character(["One two", "Three", "Four"], score=measured) as jarvis:
            assert [piece async for piece in jarvis.astream("Count.")] == ["One", " two"]
            assert await jarvis.areply("More.") == "Three"
            assert await jarvis.aretry() == "Four"
            assert len(jarvis.history) == 4
            assert (await jarvis.ascore("Sir.")).tokens == 4

    asyncio.run(main())


def test_the_plain_forms_work_where_a_loop_runs_already():
    async def notebook():
        with character(["Yes."]) as jarvis:
            return jarvis.reply("Here?")

    assert asyncio.run(notebook()) == "Yes."


async def measured(talk, line):
    return LineScore(-2.0 * len((*talk.turns, line)), 4)


def test_a_score_changes_nothing_and_tells_the_perplexity():
    with character(["Yes."], score=measured) as jarvis:
        score = jarvis.score("Good evening.")
        assert jarvis.history == ()
        assert score.per_token == -0.5
        assert score.perplexity == pytest.approx(1.6487, abs=1e-4)


def test_without_weights_a_score_says_what_to_do():
    with character(["Yes."]) as jarvis, pytest.raises(ModelError, match=r"roletune\.load"):
        jarvis.score("Good evening.")


def test_a_reset_begins_again_in_another_scene():
    with character(["Yes.", "No."]) as jarvis:
        jarvis.reply("Here?")
        jarvis.reset("The roof at dawn.")
        assert jarvis.history == ()
        jarvis.reply("Here?")
        assert "The roof at dawn." in jarvis.model.requests[1].messages[0]["content"]


# ---------------------------------------------------------------------------------------------------------------------
# roletune.load


def made(folder):
    async def session():
        async with workbench(folder) as bench:
            await pipeline.make(bench, "profile")

    asyncio.run(session())
    return folder


def test_another_model_can_speak_for_a_character_that_was_not_trained(tmp_path):
    folder = made(make_character(tmp_path / "mira"))
    with roletune.load(folder, model=ScriptedModel(["Only the night."]), partner="Olaf") as mira:
        assert mira.reply("Who goes there?") == "Only the night."
        assert mira.history[0].speaker == "Olaf"
        assert "AI character" in mira.notice
        assert "Mira" in mira.model.requests[0].messages[0]["content"]


def test_an_untrained_character_says_how_to_train_it(tmp_path):
    with pytest.raises(ProjectError, match="roletune run"):
        roletune.load(make_character(tmp_path / "mira"))


def test_a_living_person_without_consent_is_not_loaded(tmp_path):
    folder = made(make_character(tmp_path / "mira"))
    file = folder / "character.yaml"
    file.write_text(file.read_text("utf-8") + "subject: living\n", "utf-8")
    with pytest.raises(ProjectError, match="consent"):
        roletune.load(folder, model=ScriptedModel(["no"]))


def test_importing_roletune_is_light():
    code = "import sys, roletune; print([name for name in ('pydantic', 'torch', 'openai') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
