import asyncio

import pytest

from roletune.errors import ReplyError
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.records import Passage, Profile
from roletune.sources.lint.contradictions import SCHEMA, ContradictionSettings, choose_pairs, find_contradiction

TEXTS = (
    "Ada was born in the lighthouse in 1801. She never left the bay.",
    "The lighthouse was built by Tom. Ada first saw it when she was ten.",
    "Bread is baked on Fridays.",
)
PASSAGES = tuple(Passage(id=str(k), text=text, source=f"p#{k}") for k, text in enumerate(TEXTS))
PROFILE = Profile(name="Ada", passages=PASSAGES)
YES = '{"contradiction": true, "first": "born in the lighthouse", "second": "saw it when she was ten", "why": "Both."}'


def ask(reply, language="en"):
    judge = ScriptedModel([reply])
    prompt = load_prompt("contradictions", language)
    found = asyncio.run(
        find_contradiction(PASSAGES[:2], judge, profile=PROFILE, prompt=prompt, settings=ContradictionSettings())
    )
    return found, judge.requests[0]


@pytest.mark.parametrize("reply", [YES, f"```json\n{YES}\n```", YES.replace("true", '"Yes"')])
def test_a_contradiction_is_told_with_the_words_of_both_passages(reply):
    (finding,), _ = ask(reply)
    assert finding.check == "contradiction"
    assert finding.message == (
        "'born in the lighthouse' against 'saw it when she was ten': Both. Which is right? Correct the other."
    )
    assert finding.where == "p#0, p#1"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_judge_is_asked_for_json_about_both_passages(language):
    _, request = ask('{"contradiction": false, "first": "", "second": "", "why": ""}', language)
    assert request.schema == SCHEMA
    assert all(text in request.messages[-1]["content"] for text in TEXTS[:2])
    assert request.temperature == 0


def test_no_contradiction_is_no_finding():
    assert ask('{"contradiction": "no"}')[0] == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I see none.", "no verdict"),
        ('{"contradiction": "perhaps"}', "no verdict"),
        (YES.replace("born in the lighthouse", "born in Paris"), "first quotation is not"),
        (YES.replace("when she was ten", "when she was two"), "second quotation is not"),
        ('{"contradiction": true}', "first quotation is not"),
    ],
)
def test_a_verdict_that_proves_nothing_is_an_error_with_its_raw_text(reply, reason):
    with pytest.raises(ReplyError, match=reason) as error:
        ask(reply)
    assert error.value.raw == reply


def test_pairs_that_share_the_most_come_first_and_strangers_are_not_asked_about():
    assert choose_pairs(PASSAGES, 9) == [(PASSAGES[0], PASSAGES[1])]
    assert choose_pairs(PASSAGES, 0) == []
    four = (*PASSAGES, Passage(id="3", text="Tom bakes bread on Fridays.", source="p#3"))
    assert choose_pairs(four, 9) == [(four[0], four[1]), (four[2], four[3]), (four[1], four[3])]
    assert choose_pairs(four, 1) == [(four[0], four[1])]
