import pytest

from roletune.prompts import load_prompt
from roletune.records import Provenance
from roletune.synthesis.instructions import Instruction, InstructionSettings
from roletune.synthesis.rocit import Exchanges, rocit_dialogue

from .made import GOOD, PROFILE, dialogue

PROVENANCE = Provenance(source="scenes.md#late", request="call-1")
ASKED = Instruction(
    id="i1",
    question="What time is it in Malibu, JARVIS?",
    answer="Seven, sir.",
    confidence=9,
    rationale="He has clocks.",
    knowledge="script_based",
    provenance=PROVENANCE,
)
PROMPT = load_prompt("rocit")


def from_source(source, *lines):
    return dialogue(*lines).model_copy(update={"provenance": Provenance(source=source)})


EXCHANGES = Exchanges(
    [
        from_source("scenes.md#clock", *GOOD),
        from_source("scenes.md#late", "Tony: Which time zone is Malibu in?", "JARVIS: Pacific time, sir."),
        from_source("scenes.md#x", "Tony: Tea?", "JARVIS: In the pot.").model_copy(update={"split": "test"}),
    ],
    PROFILE,
)


def row(variant, **settings):
    profile = PROFILE.model_copy(update={"catchphrases": ("For you, sir, always.",)})
    return rocit_dialogue(ASKED, profile, InstructionSettings(variant=variant, **settings), PROMPT, EXCHANGES)


@pytest.mark.parametrize("variant", ["persona", "system", "retrieval"])
def test_an_instruction_is_one_exchange_that_says_where_it_comes_from(variant):
    made = row(variant)
    assert [(turn.speaker, turn.text) for turn in made.turns] == [
        ("Visitor", ASKED.question),
        ("JARVIS", ASKED.answer),
    ]
    assert (made.purpose, made.category, made.origin, made.split) == (
        "instruction",
        "script_based",
        "generated",
        "train",
    )
    assert made.provenance == PROVENANCE
    assert made.notes == {
        "method": "Context-Instruct",
        "variant": variant,
        "confidence": "9",
        "rationale": "He has clocks.",
    }


def test_the_system_instruction_has_the_whole_portrait_and_retrieval_has_exchanges_instead():
    system, retrieval, persona = row("system"), row("retrieval"), row("persona")
    assert "You keep the house." in system.system
    assert "For you, sir, always." in system.system
    assert system.shown == ()
    assert "You keep the house." not in retrieval.system
    assert retrieval.shown
    assert (persona.system, persona.shown) == ("", ())


def test_the_exchange_that_is_most_like_the_question_stands_next_to_it():
    shown = [turn.text for turn in row("retrieval").shown]
    assert shown[-2:] == [GOOD[k].partition(": ")[2] for k in (2, 3)]
    assert {turn.speaker for turn in row("retrieval").shown} == {"Visitor", "JARVIS"}


def test_nothing_held_out_and_nothing_that_the_question_was_made_from_is_shown():
    told = " ".join(turn.text for turn in row("retrieval", retrieved=50).shown)
    assert "Pacific time" not in told
    assert "In the pot" not in told
