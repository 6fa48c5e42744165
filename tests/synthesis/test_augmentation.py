import asyncio

import pytest
from pydantic import ValidationError

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example
from roletune.synthesis.augmentation import AugmentationSettings, choose_dialogues, join, write_extension

from .made import GOOD, PROFILE, dialogue, turns

AUTHENTIC = dialogue(*GOOD).model_copy(update={"origin": "authentic"})
MORE = ("Tony: Will it rain before noon?", "JARVIS: Not unless you water the roses again, sir.")
PERSONA = Persona(PROFILE, load_prompt("persona"))


def extend(said, language="en", original=AUTHENTIC, **settings):
    wanted = AugmentationSettings(**settings)
    writer = ScriptedModel([said], name="quill")
    prompt = load_prompt("augmentation", language)
    part = asyncio.run(write_extension(original, writer, profile=PROFILE, prompt=prompt, settings=wanted))
    return join(part, original, PROFILE, wanted), writer.requests[0].messages


def trained(row):
    return [(one.role, one.content, one.loss) for one in compile_example(row, PERSONA).messages[1:]]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_comes_after_is_a_row_that_is_shown_the_authentic_turns_word_for_word(language):
    (row,), messages = extend("\n".join(MORE), language)
    assert (row.turns, row.shown) == (turns(*MORE), AUTHENTIC.turns)
    assert (row.origin, row.shown_origin, row.extends) == ("generated", "authentic", AUTHENTIC.id)
    assert (row.split, row.provenance.model, row.provenance.source) == ("train", "quill", AUTHENTIC.provenance.source)
    assert "\n".join(GOOD) in messages[-1]["content"].replace(" (speaking)", "")
    assert [loss for _, _, loss in trained(row)] == [False] * 5 + [True]


def test_what_comes_before_is_context_and_only_the_authentic_lines_are_learnt():
    (row,), _ = extend("\n".join(MORE), where="before", loss="authentic")
    assert (row.turns, row.shown, row.origin, row.shown_origin) == (
        AUTHENTIC.turns,
        turns(*MORE),
        "authentic",
        "generated",
    )
    assert [content for _, content, loss in trained(row) if loss] == [line.partition(": ")[2] for line in GOOD[1::2]]


def test_with_loss_on_both_what_comes_before_is_a_row_of_its_own_too():
    (told, part), _ = extend("\n".join(MORE), where="before")
    assert (told.origin, part.origin, part.shown, part.turns) == ("authentic", "generated", (), turns(*MORE))
    assert told.id != part.id != AUTHENTIC.id


def test_loss_on_the_authentic_turns_alone_needs_something_before_them():
    with pytest.raises(ValidationError, match="write `where: before`, or `loss: both`"):
        AugmentationSettings(loss="authentic")


def test_what_the_reply_repeats_next_to_the_scene_is_cut_and_so_is_a_line_that_runs_on_in_its_last():
    (row,), _ = extend("\n".join([GOOD[2], GOOD[3], "JARVIS: And a light breeze.", *MORE]))
    assert row.turns == turns(*MORE)
    (row,), _ = extend("\n".join([*MORE, *GOOD[:2]]), where="before", loss="authentic")
    assert row.shown == turns(*MORE)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("\n".join(GOOD[2:]), "no new line of the character in the reply"),
        ("Tony: Fine then.\nTony: Good night.", "no line of the character in the reply"),
        ("\n".join([*MORE, GOOD[2], "JARVIS: I said so."]), "the reply repeats the scene"),
    ],
)
def test_a_reply_that_adds_nothing_is_refused_raw(said, reason):
    with pytest.raises(ReplyError, match=reason) as caught:
        extend(said)
    assert caught.value.raw == said


def test_where_others_speak_on_both_sides_of_the_seam_that_is_one_message():
    (row,), _ = extend(
        "Tony: Hm.\nJARVIS: Indeed, sir, as you say.\nTony: Well, well.", where="before", loss="authentic"
    )
    assert [content for role, content, _ in trained(row) if role == "user"][1] == "Well, well.\nJARVIS, are you up?"


def test_only_authentic_dialogues_of_the_train_split_are_extended():
    held_out = AUTHENTIC.model_copy(update={"split": "test"})
    settings = AugmentationSettings()
    assert choose_dialogues([held_out, dialogue(*GOOD), AUTHENTIC], settings) == [AUTHENTIC]
    assert choose_dialogues([AUTHENTIC], AugmentationSettings(count=0)) == []
