import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.synthesis.experiences import ExperienceSettings, parse_experience, provenance_of, write_experience

from .made import EXPERIENCES_PROMPT, GOOD, PASSAGE, PROFILE, PROVENANCE, SCENE, dialogue, reply

SPOKEN = [("Tony", "JARVIS, are you up?"), ("JARVIS", "For you, sir, always.")]
FORMS = {
    "plain": "Tony: JARVIS, are you up?\nJARVIS: For you, sir, always.",
    "bold": "**Tony:** JARVIS, are you up?\n\n**JARVIS:** For you, sir, always.",
    "quoted": 'Tony: "JARVIS, are you up?"\nJ.A.R.V.I.S.: "For you, sir, always."',
    "bullets": "- Tony: JARVIS, are you up?\n- JARVIS: For you, sir, always.",
    "manner": "Tony (speaking): JARVIS, are you up?\nJarvis (speaking): For you, sir, always.",
    "announced": "Sure! Here is the scene:\n\nTony: JARVIS, are you up?\nJARVIS: For you, sir, always.",
    "headed": "## Scene: Late\nLocation: workshop\n\nTony: JARVIS, are you up?\nJARVIS: For you, sir, always.",
    "two scenes": "Tony: JARVIS, are you up?\nJARVIS: For you, sir, always.\n\n## Scene: Next\n\nTony: No.\nJARVIS: O.",
    "empty cue": "Tony: JARVIS, are you up?\nJARVIS: For you, sir, always.\nTony:",
}


def parsed(text, finish_reason="stop"):
    return parse_experience(reply(text, finish_reason), SCENE, PROFILE, PROVENANCE)


def spoken(made):
    return [(turn.speaker, turn.text) for turn in made.turns]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_dialogue_is_read_in_the_forms_that_writers_use(text):
    assert spoken(parsed(text)) == SPOKEN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no turn"),
        ("I'm sorry, but I can't help with that.", "no turn"),
        ('{"dialogue": [{"speaker": "JARVIS", "text": "Sir."}]}', "no turn"),
        ("Tony: Hello?\nPepper: He is out.", "no line of the character"),
        ("Tony: Hello?\nJARVIS (thinking): He is back.", "no line of the character"),
        ("Tony: Hello?\nJARVIS:", "no line of the character"),
    ],
    ids=["empty", "refusal", "json", "others only", "thoughts only", "empty cue"],
)
def test_a_reply_without_a_line_of_the_character_is_an_error_that_keeps_every_word(text, reason):
    with pytest.raises(ReplyError, match=reason) as caught:
        parsed(text)
    assert caught.value.raw == text


def test_a_reply_that_was_cut_off_loses_its_unfinished_turn():
    assert spoken(parsed(FORMS["plain"] + "\nTony: And what about", "length")) == SPOKEN


def test_a_finished_scene_loses_nothing_when_the_next_one_was_cut_off():
    assert spoken(parsed(FORMS["two scenes"], "length")) == SPOKEN
    assert spoken(parsed(FORMS["plain"] + "\n\n## Scene: Next\nLocation: the ro", "length")) == SPOKEN


def test_a_thought_of_somebody_else_is_what_is_cut_off_and_not_the_line_before():
    assert spoken(parsed(FORMS["plain"] + "\nTony (thinking): He is getting", "length")) == SPOKEN


def test_others_keep_their_thoughts_to_themselves_and_what_is_cut_is_counted():
    made = parsed("Tony: Up?\nTony (thinking): Poor thing.\nJARVIS (thinking): Again.\nJARVIS: Always, sir.")
    assert [(turn.speaker, turn.kind) for turn in made.turns] == [
        ("Tony", "speech"),
        ("JARVIS", "thought"),
        ("JARVIS", "speech"),
    ]
    assert made.notes == {"thoughts_cut": "1"}


def test_whatever_a_writer_makes_is_generated_train_and_knows_where_it_comes_from():
    writer = ScriptedModel([FORMS["plain"]], name="quill")
    made = asyncio.run(
        write_experience(
            SCENE,
            writer,
            profile=PROFILE,
            passage=PASSAGE,
            prompt=EXPERIENCES_PROMPT,
            examples=[dialogue(*GOOD)],
            partner="Tony",
            settings=ExperienceSettings(),
            sample=4,
        )
    )
    (request,) = writer.requests
    assert (made.origin, made.split, made.purpose) == ("generated", "train", "lived")
    assert made.scene.present == ("Tony", "JARVIS")
    assert made.provenance.model_dump(exclude_defaults=True) == {
        "source": "passage:p1",
        "passage": "p1",
        "prompt": EXPERIENCES_PROMPT.hash,
        "model": "quill",
        "request": request.key(writer.identity),
    }
    assert request.sample == 4


def test_the_writer_sees_the_scene_the_passage_the_partner_and_the_first_turns_of_the_examples():
    writer = ScriptedModel([FORMS["plain"]])
    asyncio.run(
        write_experience(
            SCENE,
            writer,
            profile=PROFILE,
            passage=PASSAGE,
            prompt=EXPERIENCES_PROMPT,
            examples=[dialogue(*GOOD)],
            partner="Pepper Potts",
            settings=ExperienceSettings(example_turns=3),
        )
    )
    said = "\n".join(message["content"] for message in writer.requests[0].messages)
    for expected in (SCENE.background, SCENE.location, PASSAGE.text, "Pepper Potts", *GOOD[:3]):
        assert expected in said
    assert GOOD[3] not in said


def test_the_same_reply_gives_the_same_dialogue():
    assert parsed(FORMS["plain"]) == parsed(FORMS["plain"])
    other = provenance_of(PROVENANCE, EXPERIENCES_PROMPT, ScriptedModel([]), reply(""))
    assert parse_experience(reply(FORMS["plain"]), SCENE, PROFILE, other).id != parsed(FORMS["plain"]).id
