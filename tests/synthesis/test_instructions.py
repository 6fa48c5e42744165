import asyncio
import random

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.synthesis.instructions import (
    InstructionSettings,
    Segment,
    SegmentCall,
    confidence_of,
    parse_instructions,
    plan_segments,
    segments_of,
    select_instructions,
    write_instructions,
)

from .made import GOOD, PASSAGE, PROFILE, dialogue, reply

PROMPT = load_prompt("instructions")
SEGMENT = Segment("script_agnostic", PASSAGE.text, "passage:p1", "p1")
KNOWN = PROFILE.model_copy(update={"passages": (PASSAGE,)})
PARTS = {"Question": "JARVIS, who runs the house?", "Answer": "I do, sir.", "Confidence": "9", "Rationale": "Told."}


def block(**changes):
    return "\n".join(f"{name}: {text}" for name, text in {**PARTS, **changes}.items() if text)


def parsed(text, count=5, **settings):
    return parse_instructions(
        reply(text), SegmentCall(SEGMENT, count, 0), PROMPT, "quill", InstructionSettings(**settings)
    )


def test_a_question_is_kept_with_its_answer_confidence_rationale_and_lineage():
    (one,), rejected = parsed(block())
    assert (one.question, one.answer, one.confidence, one.rationale) == (PARTS["Question"], "I do, sir.", 9.0, "Told.")
    assert one.knowledge == "script_agnostic"
    assert one.provenance.model_dump(exclude_defaults=True) == {
        "source": "passage:p1",
        "passage": "p1",
        "prompt": PROMPT.hash,
        "model": "quill",
        "request": "call-1",
    }
    assert rejected == []


@pytest.mark.parametrize("part", ["Answer", "Confidence", "Rationale"])
def test_a_question_that_lacks_a_part_is_rejected_and_the_others_stay(part):
    kept, (rejection,) = parsed(block(**{part: ""}) + "\n\n" + block(Question="Who else?"))
    assert [one.question for one in kept] == ["Who else?"]
    assert (rejection.reason, rejection.record["question"]) == (f"no {part.lower()}", PARTS["Question"])


@pytest.mark.parametrize(("told", "kept"), [("8", 1), ("7.9", 0), ("80 %", 1), ("0.79", 0), ("4/5", 1), ("maybe", 0)])
def test_what_the_writer_is_not_sure_of_is_rejected(told, kept):
    good, rejected = parsed(block(Confidence=told), confidence=8)
    assert (len(good), len(rejected)) == (kept, 1 - kept)
    assert all(one.reason in ("the writer is not sure", "no confidence") for one in rejected)


@pytest.mark.parametrize(
    ("text", "value"),
    [("9", 9), ("9/10", 9), ("90%", 9), ("0.9", 9), ("High.", 9), ("高", 9), ("95", None), ("", None)],
)
def test_a_confidence_is_read_as_writers_give_it(text, value):
    assert confidence_of(text) == value


def test_no_more_questions_are_taken_than_were_asked_for():
    assert len(parsed("\n\n".join(block(Question=f"Why {k}?") for k in range(5)), count=2)[0]) == 2


@pytest.mark.parametrize("text", ["", "I'm sorry, but I can't.", "JARVIS runs the house."])
def test_a_reply_without_a_question_is_an_error_that_keeps_every_word(text):
    with pytest.raises(ReplyError, match="no question") as caught:
        parsed(text)
    assert caught.value.raw == text


def test_of_two_that_ask_the_same_the_surer_one_stays_in_whatever_order_they_come():
    same = {"Question": "Who runs the house, JARVIS?", "Confidence": "10"}
    made, _ = parsed("\n\n".join([block(), block(**same), block(Question="Why?"), block(Question="WHY ?")]))
    made += made[:1]  # one reply to two segments of one text
    kept, rejected = select_instructions(made, InstructionSettings())
    assert sorted(one.question for one in kept)[-1] == "Who runs the house, JARVIS?"
    assert (len(kept), len(rejected)) == (2, 3)
    assert {one.reason for one in rejected} == {"asks the same again"}
    for seed in range(5):
        shuffled = random.Random(seed).sample(made, len(made))
        assert {one.id for one in select_instructions(shuffled, InstructionSettings())[0]} == {one.id for one in kept}
    assert select_instructions(kept, InstructionSettings()) == (kept, [])


def test_passages_give_questions_that_need_no_script_and_scenes_of_the_train_split_those_that_do():
    held_out = dialogue("Tony: Secret?", "JARVIS: Secret.").model_copy(update={"split": "test"})
    found = segments_of(KNOWN, [dialogue(*GOOD), held_out], 300)
    assert [(one.knowledge, one.source) for one in found] == [
        ("script_agnostic", "profile"),
        ("script_agnostic", "passage:p1"),
        ("script_based", "passage:p1"),
    ]
    assert "Secret" not in " ".join(one.text for one in found)


def test_long_texts_are_cut_between_sentences_and_lose_nothing():
    text = " ".join(f"He counts the cup number {k}." for k in range(40))
    long = KNOWN.model_copy(update={"description": "", "passages": (PASSAGE.model_copy(update={"text": text}),)})
    pieces = segments_of(long, [], 30)
    assert " ".join(one.text for one in pieces) == text
    assert all(len(one.text.split()) <= 30 for one in pieces)


def test_both_kinds_of_knowledge_take_turns_and_no_call_is_made_twice():
    kinds = [SEGMENT, SEGMENT._replace(text="b"), Segment("script_based", "c", "s")]
    calls = plan_segments(kinds, InstructionSettings(count=9, per_call=2))
    assert [(call.segment.text, call.questions, call.sample) for call in calls] == [
        (PASSAGE.text, 2, 0),
        ("c", 2, 0),
        ("b", 2, 0),
        ("c", 2, 1),
        (PASSAGE.text, 1, 1),
    ]
    assert plan_segments([], InstructionSettings()) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_writer_sees_the_segment_and_what_to_write(language):
    writer = ScriptedModel([block()], name="quill")
    prompt = load_prompt("instructions", language)
    call = SegmentCall(SEGMENT, 3, 2)
    made, _ = asyncio.run(
        write_instructions(call, writer, profile=PROFILE, prompt=prompt, settings=InstructionSettings())
    )
    (request,) = writer.requests
    assert PASSAGE.text in request.messages[-1]["content"]
    assert "3" in request.messages[-1]["content"]
    assert request.sample == 2
    assert made[0].provenance.request == request.key(writer.identity)
