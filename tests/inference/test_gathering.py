"""Group scenes: everybody knows only what it perceived, in everything that its prompt is made of."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.inference.stage import SETTINGS

from roletune.errors import ProjectError
from roletune.inference.actor import Actor, Backstage
from roletune.inference.conversation import chat_scene
from roletune.inference.directing import Director
from roletune.inference.gathering import NARRATOR, Gathering
from roletune.inference.recall.memory_file import MemoryFile
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import Lorebook, LoreEntry, Profile
from roletune.rendering.persona import Persona

PROMPT = load_prompt("persona")
NAMES = ("JARVIS", "Pepper", "Happy")
MEMBERS = tuple(Persona(Profile(name=name, description=f"You are {name}."), PROMPT) for name in NAMES)
SMALL = SETTINGS.model_copy(update={"context_tokens": 600})
START = Gathering(chat_scene("the workshop", present=NAMES), "Tony", MEMBERS)


def texts(gathering, name):
    return [turn.text for turn in gathering.view(name).heard]


def test_a_whisper_reaches_its_audience_and_is_answered_in_a_whisper():
    talk = START.say("Hello all.").say("The code is 7731.", to=["Pepper"]).answer("Pepper", "7731, noted.")
    assert texts(talk, "JARVIS") == ["Hello all."]
    assert texts(talk, "Pepper") == ["Hello all.", "The code is 7731.", "7731, noted."]


def test_who_is_away_perceives_nothing_until_it_comes_back():
    talk = START.leave("Happy").say("He must not know.").answer("JARVIS", "Indeed.").enter("Happy").say("Welcome.")
    assert texts(talk, "Happy") == ["Happy leaves.", "Happy enters.", "Welcome."]
    assert talk.present == NAMES


def test_several_are_told_apart_by_their_names():
    talk = START.say("Who is here?").answer("Pepper", "I am.")
    assert talk.view("JARVIS").messages[0].content == "Tony: Who is here?\nPepper: I am."
    assert "Tony, Pepper, Happy" in talk.view("JARVIS").system.content


def test_thoughts_of_one_are_unknown_to_the_others():
    talk = START.say("Well?").answer("Pepper", "<thought>He lies.</thought>\nLovely.")
    assert texts(talk, "JARVIS") == ["Well?", "Lovely."]
    assert "He lies." not in str(talk.view("Pepper").messages)


def test_the_named_speak_next_else_who_was_silent_longest():
    assert START.say("Happy, ask Pepper.").next_speakers() == ("Happy", "Pepper")
    talk = START.say("Hello.")
    order = []
    for _ in range(4):
        (name,) = talk.next_speakers()
        order.append(name)
        talk = talk.answer(name, "Yes.")
    assert order == ["JARVIS", "Pepper", "Happy", "JARVIS"]
    assert START.leave("Happy").say("Happy?").next_speakers() == ("JARVIS",)
    assert START.say("Psst.", to=["Happy"]).next_speakers() == ("Happy",)


def test_answers_and_messages_can_be_taken_back():
    talk = START.say("One.").answer("JARVIS", "First.").answer("JARVIS", "More.")
    assert talk.unanswered().turns == START.say("One.").turns
    assert talk.unanswered().unanswered() == talk.unanswered()
    assert talk.unsaid().turns == ()


def test_names_are_found_by_a_part_and_two_can_not_share_one():
    assert START.named(" pepper") == "Pepper"
    with pytest.raises(ProjectError, match="Here are: JARVIS"):
        START.named("Thor")
    with pytest.raises(ProjectError, match="a name of its own"):
        Gathering(START.scene, "Tony", (MEMBERS[0], MEMBERS[0]))


# ---------------------------------------------------------------------------------------------------------------------
# Whatever happens, a secret stays with those who perceived it

SECRET = "zanzibar"
STEPS = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["Rain again.", "I like tea.", "What was the password?", "Go on."])),
    st.tuples(st.just("whisper"), st.sampled_from(NAMES)),
    st.tuples(st.just("secret"), st.sampled_from(["My password is zanzibar.", "Remember that it is zanzibar."])),
    st.tuples(st.just("leave"), st.sampled_from(NAMES)),
    st.tuples(st.just("enter"), st.sampled_from(NAMES)),
    st.tuples(st.just("happens"), st.sampled_from(["Rain falls.", "A note falls down: zanzibar."])),
    st.tuples(st.just("narrate"), st.just("")),
)


def repeats(request):
    """A tactless model: it says all that it was told."""
    return " ".join(message["content"] for message in request.messages[1:])[-300:]


def actors(folder):
    made = {}
    for name in NAMES:
        writer = ScriptedModel(lambda request: f"They spoke: {request.messages[-1]['content'][-400:]}")
        lore = Lorebook(entries=(LoreEntry(id=name, text=f"{name} knows passwords.", keys=(SECRET,)),))
        back = Backstage(
            recall=load_prompt("recall"),
            lorebook=lore,
            memory=MemoryFile(folder / name / "memory.sqlite"),
            writer=writer,
            summary=load_prompt("memory"),
        )
        model = ScriptedModel(repeats)
        made[name] = (Actor(lambda strength, model=model: model, SMALL, back), model, writer)
    return made


def tactless():
    return Director(
        ScriptedModel(lambda request: repeats(request)[-100:]), load_prompt("next_speaker"), load_prompt("narrator")
    )


async def play(steps, cast):
    """The gathering, and who came to know the secret, found by who was there and nothing else."""
    talk, knowing, director = replace(START, narrator=NARRATOR), set(), tactless()
    for what, value in steps:
        before = len(talk.turns)
        if what in ("leave", "enter"):
            talk = getattr(talk, what)(value)
        elif what == "happens":
            talk = talk.happens(value)
        elif what == "narrate":
            talk = talk.happens(await director.narration(talk)) if talk.can_be_narrated else talk
        else:
            talk = talk.say("It is zanzibar." if what == "whisper" else value, to=[value] if what == "whisper" else ())
        speakers = await director.next_speakers(talk) if what not in ("leave", "enter") else ()
        for name in [name for name in speakers if name != NARRATOR][:1]:
            said = talk.view(name)
            answer = "".join([piece async for piece in cast[name][0].perform(said)])
            talk = talk.answer(name, answer)
            cast[name][0].answered(talk.view(name))
            await cast[name][0].settled()
        for turn in talk.turns[before:]:
            if SECRET in turn.text:
                knowing |= set(NAMES) if turn.audience is None else set(turn.audience)
        if not set(talk.present) <= knowing:  # what it tells and whom it chooses is known to all who are here
            assert SECRET not in str(await asked_now(talk))
        for name in set(NAMES) - knowing:
            assert SECRET not in str(cast[name][1].requests)
            assert SECRET not in str(cast[name][2].requests)
            assert SECRET not in str([memory.text for memory in cast[name][0].backstage.memory.all()])
            assert f"{name} knows passwords" not in str(cast[name][1].requests)
    return knowing


async def asked_now(talk):
    """What a director would be told now."""
    director = tactless()
    await director.narration(talk)
    await director.next_speakers(talk)
    return director.model.requests


# Enough before and after to outgrow the prompt: turns are left out of it, summed up and searched for again.
EARLIER = [("say", "Rain again.")] * 8
LATER = [("say", "Go on."), ("say", "What was the password?")] * 5


@given(st.lists(STEPS, min_size=3, max_size=22))
@settings(max_examples=12, deadline=None)
def test_a_secret_told_in_the_absence_of_somebody_is_in_nothing_that_it_is_given(steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play([*EARLIER, *steps, *LATER], actors(Path(folder))))


def test_the_property_sees_a_secret_that_is_known():
    with tempfile.TemporaryDirectory() as folder:
        cast = actors(Path(folder))
        steps = [("leave", "Happy"), ("secret", "My password is zanzibar."), *[("say", "Go on.")] * 12]
        knowing = asyncio.run(play(steps, cast))
        assert "Happy" not in knowing
        assert SECRET in str(cast["JARVIS"][1].requests)


def test_a_secret_that_was_summed_up_stays_with_those_who_perceived_it():
    with tempfile.TemporaryDirectory() as folder:
        cast = actors(Path(folder))
        talked = [("say", "Go on.")] * 20
        steps = [*talked, ("leave", "Happy"), ("secret", "My password is zanzibar."), *talked]
        knowing = asyncio.run(play(steps, cast))
        assert "Happy" not in knowing
        assert cast["Happy"][2].requests  # its own summaries were written, too
        assert SECRET in str(cast["JARVIS"][2].requests)
