import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.synthesis.plots import PlotSettings, parse_plot, write_plot
from roletune.synthesis.settings import PassageCall

from .made import PASSAGE, PROFILE, reply

PLOT = "Place: the workshop\nWith: Tony\nPlot: The lamp is broken.\nQuestion: Who broke the lamp?"
ANSWER = "JARVIS: DUM-E, sir.\nTony: Again?\nJARVIS: For the third time."


def write(*lines, language="en"):
    writer = ScriptedModel(list(lines), name="quill")
    made = asyncio.run(
        write_plot(
            PassageCall(PASSAGE, 0),
            writer,
            profile=PROFILE,
            prompt=load_prompt("plots", language),
            dialogue_prompt=load_prompt("plots_dialogue", language),
            settings=PlotSettings(),
        )
    )
    return made, [request.key("scripted") for request in writer.requests]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("told", [ANSWER, f"Tony: Who broke the lamp?\n{ANSWER}"], ids=["answer", "question too"])
def test_a_dialogue_begins_with_its_question_once(told, language):
    made, keys = write(PLOT, told, language=language)
    assert [(turn.speaker, turn.text) for turn in made.turns] == [
        ("Tony", "Who broke the lamp?"),
        ("JARVIS", "DUM-E, sir."),
        ("Tony", "Again?"),
        ("JARVIS", "For the third time."),
    ]
    assert (made.scene.location, made.scene.background) == ("the workshop", "The lamp is broken.")
    assert (made.purpose, made.split, made.origin) == ("lived", "train", "generated")
    assert (made.scene.provenance.request, made.provenance.request) == tuple(keys)
    assert (made.provenance.passage, made.provenance.model) == ("p1", "quill")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Certainly!", "no place"),
        (PLOT.replace("Plot: The lamp is broken.\n", ""), "no plot"),
        (PLOT.replace("With: Tony", "With: J.A.R.V.I.S."), "nobody else"),
    ],
)
def test_a_plot_that_lacks_a_part_is_refused(text, reason):
    with pytest.raises(ReplyError, match=reason):
        parse_plot(reply(text), PASSAGE, PROFILE, load_prompt("plots"), "quill")


@pytest.mark.parametrize("told", ["", "Tony: Who broke the lamp?", "He did."])
def test_a_dialogue_without_an_answer_is_refused(told):
    with pytest.raises(ReplyError, match="no line of the character"):
        write(PLOT, told)
