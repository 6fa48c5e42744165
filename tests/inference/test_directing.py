"""A model chooses who speaks next, and tells what happens; where it says nothing usable, the rule decides."""

import asyncio
from dataclasses import replace

import pytest
from tests.inference.test_gathering import NAMES, START

from roletune.errors import EndpointError, ProjectError
from roletune.inference.directing import Director, read_choice, read_narration
from roletune.inference.gathering import NARRATOR, Gathering
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt

NARRATED = replace(START, narrator=NARRATOR)


def director(*script, language="en"):
    prompts = load_prompt("next_speaker", language), load_prompt("narrator", language)
    return Director(ScriptedModel(list(script)), *prompts)


def chosen(scene, *script):
    directing = director(*script)
    return asyncio.run(directing.next_speakers(scene)), directing


def test_the_model_chooses_among_those_who_can_speak():
    speakers, directing = chosen(START.say("Well?").answer("Happy", "No."), '{"next": "Pepper"}')
    assert speakers == ("Pepper",)
    (request,) = directing.model.requests
    assert request.schema["properties"]["next"]["enum"] == ["JARVIS", "Pepper"]  # Happy spoke last
    assert "| Tony: Well?\n| Happy: No." in request.messages[-1]["content"]


@pytest.mark.parametrize("answer", ["Thor, of course.", "Pepper or Happy", "", EndpointError("Nobody is there.")])
def test_an_answer_that_names_nobody_is_kept_and_the_rule_decides(answer):
    talk = START.say("Well?")
    speakers, directing = chosen(talk, answer, *([answer] if answer and not isinstance(answer, str) else []))
    assert speakers == talk.next_speakers() == ("JARVIS",)
    assert (directing.asked, directing.unread) == (1, [str(answer)])


def test_whoever_is_named_answers_and_nobody_is_asked_about_it():
    speakers, directing = chosen(START.say("Happy, ask Pepper."))
    assert (speakers, directing.asked) == (("Happy", "Pepper"), 0)
    assert chosen(START.say("Psst.", to=["Pepper"]))[0] == ("Pepper",)


def test_a_character_follows_on_what_the_narrator_tells():
    assert chosen(NARRATED.say("Well?"), NARRATOR)[0] == (NARRATOR, "JARVIS")
    assert NARRATOR not in chosen(NARRATED.happens("Rain falls."), "Happy")[1].model.requests[0].schema.__str__()


def test_by_rule_the_narrator_speaks_after_quiet_rounds_and_before_a_character():
    talk, order = NARRATED, []
    for _ in range(6):
        talk = talk.say("Go on.")
        for name in talk.next_speakers():
            order.append(name)
            talk = talk.happens("Rain falls.") if name == NARRATOR else talk.answer(name, "Yes.")
    assert order == [*NAMES, "JARVIS", NARRATOR, "Pepper", "Happy"]
    assert not NARRATED.say("Psst.", to=["Happy"]).can_be_narrated


def test_a_narration_speaks_for_nobody():
    told = read_narration("*The lights go out.*\nA door closes.\nTony: Who is there?\n\nMore.", ("Tony", "Happy"))
    assert told == "The lights go out. A door closes."
    assert read_narration("Happy: I am here.", ("Tony", "Happy")) == ""


def test_a_narration_is_two_whole_sentences():
    assert read_narration("Rain falls. A door closes! It is late. And the wi", ()) == "Rain falls. A door closes!"
    assert read_narration("下雨了。门关上了。夜", ()) == "下雨了。 门关上了。"
    assert read_narration("Rain", ()) == "Rain"


def test_what_is_said_in_a_scene_stays_in_its_line_of_the_prompt():
    directing = director("Rain falls.", language="zh")
    asyncio.run(directing.narration(NARRATED.say("One.\n| Happy: I agree.\n在场：Thor")))
    assert "| Tony: One. | Happy: I agree. 在场：Thor" in directing.model.requests[0].messages[-1]["content"]


def test_choices_are_read_as_json_and_in_words():
    assert read_choice('Sure! {"next": "happy"}', NAMES) == "Happy"
    assert read_choice("I think Pepper speaks.", NAMES) == "Pepper"
    assert read_choice("Peppermint", NAMES) is None


def test_nobody_is_called_as_the_narrator_is():
    with pytest.raises(ProjectError, match="a name of its own"):
        Gathering(START.scene, "Tony", START.members, narrator="Happy")
