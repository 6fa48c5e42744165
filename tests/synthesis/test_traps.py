import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import Passage
from roletune.rendering.persona import Persona
from roletune.synthesis.settings import PassageCall
from roletune.synthesis.traps import TrapSettings, outcome_of, parse_tampering, write_trap

from .made import PROFILE, reply

TEXT = "JARVIS runs the house in Malibu. Malibu lies on the cliffs, and DUM-E holds the lamp."
PASSAGE = Passage(id="p1", text=TEXT, source="profile.md")
FACT = "Old: Malibu\nNew: Boston\nQuestion: How is the weather at your house in Boston?"
CORRECTED = "The house is in Malibu, and it is seventy-two degrees."
ACCEPTED = "It rains in Boston, sir."
CLEAN = "Clear in Malibu, sir."
TAMPERED = "JARVIS runs the house in Boston. Boston lies on the cliffs, and DUM-E holds the lamp."


def ask(*lines, language="en", **settings):
    writer = ScriptedModel(list(lines), name="quill")
    prompts = load_prompt("traps", language), load_prompt("traps_answer", language)
    trap = asyncio.run(
        write_trap(
            PassageCall(PASSAGE, 0),
            writer,
            persona=Persona(PROFILE, load_prompt("persona")),
            prompt=prompts[0],
            answer_prompt=prompts[1],
            settings=TrapSettings(**settings),
        )
    )
    return trap, writer.requests


def tampering(text):
    return parse_tampering(reply(text), PASSAGE, load_prompt("traps"), "quill")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_false_fact_gives_a_row_its_clean_twin_and_a_pair(language):
    trap, requests = ask(FACT, CORRECTED, ACCEPTED, CLEAN, language=language)
    row, twin = trap.rows
    asked = "How is the weather at your house in Boston?"
    assert [(turn.speaker, turn.text) for turn in row.turns] == [("Visitor", asked), ("JARVIS", CORRECTED)]
    assert [turn.text for turn in twin.turns] == ["How is the weather at your house in Malibu?", CLEAN]
    assert (row.purpose, row.category, row.twin) == ("boundary", "false premise", "")
    assert (twin.category, twin.twin) == ("clean twin", row.scene.title)
    assert (trap.pair.chosen, trap.pair.rejected) == (CORRECTED, ACCEPTED)
    assert [(one.role, one.content, one.loss) for one in trap.pair.prompt[1:]] == [("user", asked, False)]
    assert trap.pair.prompt[0].content.startswith("You are JARVIS.")
    assert (trap.pair.origin, trap.pair.dialogue) == ("factual_vs_counterfactual", row.id)
    keys = [request.key("scripted") for request in requests]
    assert row.notes == {
        "method": "ERABAL",
        "old": "Malibu",
        "new": "Boston",
        "span": "25-31",
        "outcome": "corrects",
    }
    assert TEXT[25:31] == "Malibu"
    assert [row.provenance.request, trap.pair.rejected_by.request, twin.provenance.request] == keys[1:]
    assert [one.scene.provenance.request for one in (row, twin)] == [keys[0]] * 2
    assert row.scene.provenance.prompt == load_prompt("traps", language).hash
    assert (row.provenance.passage, row.provenance.model) == ("p1", "quill")


def test_the_two_answers_are_asked_for_in_the_same_words_but_for_the_fact():
    _, (_, factual, counterfactual, _) = ask(FACT, CORRECTED, ACCEPTED, CLEAN)
    true, false = (request.messages[0]["content"] for request in (factual, counterfactual))
    assert TEXT in true
    assert true.replace(TEXT, TAMPERED) == false
    assert factual.messages[1] == counterfactual.messages[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I can't help with that.", "no old"),
        ("Old: Malibu\nNew: Boston", "no question"),
        ("Old: Paris\nNew: Boston\nQuestion: How is Boston?", "the true fact is not in the passage"),
        ("Old: Malibu\nNew: cliffs\nQuestion: How are the cliffs?", "the false fact is in the passage, too"),
        ("Old: Malibu\nNew: Boston\nQuestion: How is the house?", "the question does not hold the false fact"),
        ("Old: Malibu\nNew: Boston\nQuestion: Is Boston like Malibu?", "the question holds the true fact"),
        (f"Old: {TEXT}\nNew: Boston\nQuestion: How is Boston?", "more than an attribute is changed"),
        (f"Old: Malibu\nNew: {'城' * 13}\nQuestion: {'城' * 13}?", "more than an attribute is changed"),
    ],
)
def test_what_changes_no_single_attribute_is_refused_with_the_reason(text, reason):
    with pytest.raises(ReplyError, match=reason) as caught:
        tampering(text)
    assert caught.value.raw == text


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (CORRECTED, "corrects"),
        ("I have never been in Boston.", "denies"),
        ("I don't follow.", "denies"),
        (ACCEPTED, "accepts"),
        ("Mild, sir.", "evades"),
    ],
)
def test_what_became_of_the_false_fact_is_told_by_the_words(text, outcome):
    assert outcome_of(text, tampering(FACT)) == outcome


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((ACCEPTED,), "the answer accepts the false fact"),
        (("Mild, sir.",), "the answer evades the false fact"),
        ((CORRECTED, CORRECTED), "the answer corrects the false fact"),
        ((CORRECTED, ACCEPTED, "I don't know."), "the answer denies the false fact"),
        ((" ",), "an empty answer"),
    ],
)
def test_answers_that_do_not_do_what_they_are_for_are_refused(answers, reason):
    with pytest.raises(ReplyError, match=reason):
        ask(FACT, *answers)
