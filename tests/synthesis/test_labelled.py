import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.synthesis.labelled import read_blocks

from .made import reply

LABELS = {"question": ("q", "问题"), "answer": ("a", "回答"), "why": ("because",)}
TWO = [
    {"question": "Who is up: you?", "answer": "I am.", "why": "He never sleeps."},
    {"question": "What is the time?", "answer": "Seven. Or so.", "why": "He has clocks."},
]


def as_lines(row):
    return "\n".join(f"{name.title()}: {text}" for name, text in row.items())


PLAIN = "\n\n".join(map(as_lines, TWO))
FORMS = {
    "plain": PLAIN,
    "with an introduction": f"Here you are:\n\n{PLAIN}",
    "numbered": "\n".join(f"{k}. {as_lines(row)}" for k, row in enumerate(TWO, 1)),
    "numbered labels": "\n".join(as_lines(row).replace("Question", f"Question {k}") for k, row in enumerate(TWO, 1)),
    "bold": "\n".join(f"**{name.title()}:** {text}" for row in TWO for name, text in row.items()),
    "a line each": "\n".join(as_lines(row).replace("\n", " ") for row in TWO),
    "broken lines": PLAIN.replace("is ", "is\n"),
    "other names": PLAIN.replace("Question", "Q").replace("Answer", "A").replace("Why", "Because"),
    "chinese": PLAIN.replace("Question:", "问题：").replace("Answer:", "回答："),
    "json list": json.dumps(TWO),
    "json object": f"```json\n{json.dumps({'items': TWO})}\n```",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_blocks_are_read_in_the_forms_that_writers_use(text):
    assert read_blocks(reply(text), LABELS) == TWO


def test_of_a_reply_that_was_cut_off_the_last_block_is_not_used():
    assert read_blocks(reply(PLAIN[:-3], "length"), LABELS) == TWO[:1]
    assert read_blocks(reply(json.dumps(TWO)[:-5], "length"), LABELS) == TWO[:1]


def test_a_block_without_some_field_is_a_block():
    assert read_blocks(reply("Question: Who?\nQuestion: What?\nAnswer: Tea."), LABELS) == [
        {"question": "Who?"},
        {"question": "What?", "answer": "Tea."},
    ]


@pytest.mark.parametrize("text", ["", "He answers the question: tea.", "I can't help with that.", "{}", "[1, 2]"])
def test_a_reply_without_labels_has_no_blocks(text):
    assert read_blocks(reply(text), LABELS) == []


@given(st.text(alphabet="Question:Aswer\n *{}[]\"'1.", max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_reply_is_read(text):
    assert isinstance(read_blocks(reply(text), LABELS), list)
