"""A scene is played turn by turn: each speaker is asked in person, and sees what was said."""

import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.synthesis.experiences import ExperienceSettings
from roletune.synthesis.play import parse_turn, play_scene

from .made import GOOD, PASSAGE, PROFILE, SCENE, dialogue, reply

SETTINGS = ExperienceSettings(how="play", turns=4, turn_tokens=50)


def played(answer, language="en"):
    model = ScriptedModel(answer)
    made = asyncio.run(
        play_scene(
            SCENE,
            model,
            profile=PROFILE,
            passage=PASSAGE,
            prompt=load_prompt("experiences_turn", language),
            examples=[dialogue(*GOOD)],
            partner="Tony",
            settings=SETTINGS,
        )
    )
    return made, model.requests


def in_turn(request):
    asked = request.messages[-1]["content"]
    return GOOD[asked.count("\nTony: ") + asked.count("\nJARVIS: ")].partition(": ")[2]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_take_turns_and_each_sees_what_was_said(language):
    made, requests = played(in_turn, language)
    assert [f"{turn.speaker}: {turn.text}" for turn in made.turns] == list(GOOD)
    assert all(one in requests[3].messages[-1]["content"] for one in GOOD[:3])
    assert {request.max_tokens for request in requests} == {50}
    assert (made.origin, made.split, made.provenance.passage) == ("generated", "train", "p1")
    assert made.provenance.request


def test_only_the_character_is_shown_the_passage_and_its_own_lines():
    _, (first, second, *_) = played(in_turn)
    theirs, own = ("\n".join(message["content"] for message in request.messages) for request in (first, second))
    assert PASSAGE.text not in theirs
    assert PASSAGE.text in own
    assert "You once said: For you, sir, always." in own


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Very well, sir.", "Very well, sir."),
        ('"Very well,\nsir."', "Very well, sir."),
        ("J.A.R.V.I.S.: Very well, sir.\nTony: Good.", "Very well, sir."),
    ],
    ids=["plain", "quoted, over lines", "goes on for others"],
)
def test_a_turn_is_what_its_speaker_says(text, said):
    assert parse_turn(reply(text), "JARVIS", PROFILE).text == said


@pytest.mark.parametrize("text", ["", "  ", '""', "Tony: I speak for myself."])
def test_a_reply_in_which_the_speaker_says_nothing_is_an_error_with_its_text(text):
    with pytest.raises(ReplyError, match="nothing that the speaker says") as caught:
        parse_turn(reply(text), "JARVIS", PROFILE)
    assert caught.value.raw == text
