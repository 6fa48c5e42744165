from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import ProjectError, RenderError
from roletune.inference.conversation import Conversation, chat_scene, estimate_tokens, printable
from roletune.inference.settings import ChatSettings
from roletune.prompts import load_prompt
from roletune.records import Dialogue, Profile, Provenance
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example

PERSONA = Persona(Profile(name="JARVIS", description="He keeps the house."), load_prompt("persona"))
SETTINGS = ChatSettings(partner="Tony Stark", location="the workshop", background="It is late.")
START = SETTINGS.begin(PERSONA)


def exchanges(number, words=5):
    talk = START
    for k in range(number):
        talk = talk.say(f"question {k} " + "word " * words).answer(f"answer {k} " + "word " * words)
    return talk.say("the last question")


def words(messages):
    return sum(len(message.content.split()) for message in messages)


def test_a_conversation_reads_like_a_training_example_of_the_same_turns():
    talk = START.say("Are you up?").say("It is me.").answer("Of course, sir.")
    provenance = Provenance(source="dialogues/a.md")
    dialogue = Dialogue(
        id="d", scene=talk.scene, turns=talk.turns, origin="written", split="train", provenance=provenance
    )
    assert talk.request_messages(1000) == compile_example(dialogue, PERSONA).messages
    assert [message.role for message in talk.messages] == ["user", "assistant"]
    assert talk.messages[0].content == "Are you up?\nIt is me."


def test_steps_leave_the_conversation_before_them_as_it_was():
    before = START.say("Hello.")
    before.answer("Sir.").retry().reset().in_scene("The roof.")
    assert [turn.text for turn in before.turns] == ["Hello."]


def test_retry_takes_back_the_last_answer_only():
    talk = START.say("One.").answer("First.").say("Two.").answer("Second.").answer("And more.")
    assert [turn.text for turn in talk.retry().turns] == ["One.", "First.", "Two."]
    assert talk.retry().awaits_answer
    assert talk.retry().retry() == talk.retry()
    assert START.retry() == START
    assert not START.retry().awaits_answer


def test_a_retried_opening_line_of_the_character_stays():
    opened = START.answer("Good evening, sir.")
    assert opened.retry() == opened


def test_another_scene_is_in_the_prompt_and_begins_empty():
    talk = START.say("Hello.").in_scene("Rain on the roof.")
    (system,) = talk.request_messages(1000)
    assert "Rain on the roof." in system.content
    assert "the workshop" not in system.content
    assert "Tony Stark" in system.content
    assert talk.in_scene(chat_scene("the attic")).scene.location == "the attic"


def test_saying_nothing_changes_nothing():
    assert START.say("  \n ") == START


def test_a_message_can_hold_no_terminal_codes_and_no_half_characters():
    assert printable("\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07x\r\ny\udc80\t\x9b") == "red x\ny�\t"
    assert START.answer("\x1b[2J Sir.").turns[0].text == "Sir."


def test_everything_is_given_while_it_fits():
    talk = exchanges(6)
    assert talk.request_messages(10_000)[1:] == talk.messages


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(1, 40), st.integers(60, 600))
def test_the_prompt_keeps_its_budget_and_holds_whole_recent_messages(number, length, budget):
    talk = exchanges(number, length)
    system, *recent = talk.request_messages(budget, words)
    assert words((system, *recent)) <= budget
    assert system.role == "system"
    assert tuple(recent) == talk.messages[-len(recent) :]
    assert recent[0].role == "user"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 30), st.integers(1, 40), st.integers(60, 600))
def test_at_least_half_of_what_fits_is_given(number, length, budget):
    talk = exchanges(number, length)
    system, *recent = talk.request_messages(budget, words)
    kept = (len(recent) + 1) // 2
    more = talk.messages[-2 * (2 * kept + 1) + 1 :]  # one exchange more than twice as many
    assert tuple(recent) == talk.messages or words((system, *more)) > budget


def test_the_prompt_begins_the_same_for_some_turns_so_that_an_engine_need_not_read_it_again():
    firsts = [exchanges(number).request_messages(150, words)[1].content for number in range(10, 30)]
    changes = sum(before != after for before, after in pairwise(firsts))
    assert changes <= 5


def test_a_message_longer_than_the_prompt_is_refused_with_a_cure():
    with pytest.raises(RenderError, match=r"Shorten the message, or raise chat\.context_tokens"):
        START.say("word " * 500).request_messages(100)


@pytest.mark.parametrize("text", ["Good evening, sir.", "晚上好，先生。", "🦾🦾", ""])
def test_the_estimate_is_on_the_safe_side(text):
    (message, *_) = START.say(text or "x").messages
    assert estimate_tokens([message]) >= len(message.content.encode()) / 4 + 5


def test_the_partner_can_not_be_the_character():
    with pytest.raises(ProjectError, match="is the character itself"):
        Conversation(PERSONA, START.scene, "J.A.R.V.I.S.")
