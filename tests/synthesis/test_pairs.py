import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example
from roletune.synthesis.pairs import PairSettings, choose_lines, pair_fault, write_pair

from .made import GOOD, PROFILE, dialogue, reply

PERSONA = Persona(PROFILE, load_prompt("persona"))
HELPFUL = "How can I help you today?"


def faults(text):
    return ["assistant_speak"] if "help" in text else []


def written(*lines, **changes):
    return dialogue(*lines).model_copy(update={"origin": "written", **changes})


def chosen(dialogues, **settings):
    return choose_lines(dialogues, PERSONA, PairSettings(**settings), faults)


def ask(said, line=0, **settings):
    base = ScriptedModel([said], name="tiny")
    lines, _ = chosen([written(*GOOD)])
    line = sorted(lines, key=lambda one: one.number)[line]
    made = write_pair(line, base, settings=PairSettings(**settings), persona_hash="h", inspect=faults)
    return asyncio.run(made), base.requests[0]


def test_a_line_is_preferred_to_what_the_base_model_says_after_the_same_messages_as_in_training():
    pair, request = ask(HELPFUL, line=1)
    trained = compile_example(written(*GOOD), PERSONA).messages
    assert [(one.role, one.content) for one in pair.prompt] == [(one.role, one.content) for one in trained[:-1]]
    assert not any(one.loss for one in pair.prompt)
    assert (pair.chosen, pair.rejected) == ("Seven in the morning, and seventy-two degrees.", HELPFUL)
    assert (pair.origin, pair.split, pair.dialogue) == ("character_vs_base", "train", "d")
    assert pair.notes == {"against": "base_prompt", "faults": "assistant_speak"}
    assert (pair.rejected_by.model, pair.rejected_by.request) == ("tiny", request.key("scripted"))
    assert [one["content"] for one in request.messages] == [one.content for one in pair.prompt]


def test_the_base_model_may_be_asked_without_the_persona_and_the_pair_has_it_all_the_same():
    pair, request = ask(HELPFUL, against="base")
    assert [one["role"] for one in request.messages] == ["user"]
    assert [one.role for one in pair.prompt] == ["system", "user"]
    assert pair.rejected_by.prompt is None


@pytest.mark.parametrize(
    ("said", "end", "settings", "reason"),
    [
        (HELPFUL, "stop", {}, ""),
        ("...", "stop", {}, "an empty answer"),
        ("How can I help you", "length", {}, "cut off"),
        ("For you, sir: always!", "stop", {}, "both replies say the same"),
        ("What is it?", "stop", {}, "no fault in the reply"),
        ("What is it?", "stop", {"faultless": "keep"}, ""),
        ("For you, sir, I help, always.", "stop", {"same": 0.9}, ""),
    ],
)
def test_a_pair_that_would_teach_the_wrong_thing_has_a_fault(said, end, settings, reason):
    assert pair_fault("For you, sir, always.", reply(said, end), PairSettings(**settings), faults) == reason


def test_a_reply_in_vain_is_raised_raw():
    with pytest.raises(ReplyError) as caught:
        ask("What is it?")
    assert (str(caught.value), caught.value.raw) == ("no fault in the reply", "What is it?")


def test_only_lines_of_the_train_split_of_the_wanted_origins_are_asked_about():
    held_out = written(*GOOD, split="test")
    assert chosen([held_out, dialogue(*GOOD)]) == ([], [])
    assert len(chosen([dialogue(*GOOD)], lines=("generated",))[0]) == 2


def test_lines_that_are_no_example_are_listed_and_the_rest_is_drawn_up_to_the_count():
    bad = written("Tony: Hm?", "JARVIS: Yes.", "Tony: What?", "JARVIS: I am here to help, sir.", "Tony: Oh.", GOOD[1])
    lines, refused = chosen([bad])
    assert [line.exchange.reply for line in lines] == ["For you, sir, always."]
    assert [(row.reason, row.record["line"]) for row in refused] == [
        ("the line is too short", "Yes."),
        ("the line is flagged: assistant_speak", "I am here to help, sir."),
    ]
    assert len(chosen([written(*GOOD)], count=1)[0]) == 1


def test_a_prompt_holds_the_last_messages_and_begins_with_somebody_else():
    long = written(*GOOD, "Tony: Thanks.", "JARVIS: My pleasure, sir.")
    prompts = [[one.role for one in line.exchange.prompt] for line in chosen([long], context=2)[0]]
    assert sorted(map(len, prompts)) == [2, 2, 2]
    assert {tuple(roles) for roles in prompts} == {("system", "user")}
