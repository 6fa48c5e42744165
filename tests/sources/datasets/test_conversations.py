import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.datasets.conversations import read_alpaca, read_openai_messages, read_sharegpt

TALK = [{"from": "human", "value": "Is it late?"}, {"from": "gpt", "value": " It is, sir. "}]
MESSAGES = [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "It is, sir."}]
READERS = [read_sharegpt, read_openai_messages, read_alpaca]


def said(reading):
    return [[(turn.speaker, turn.text) for turn in scene.turns] for scene in reading.scenes]


def reasons(reading):
    return [(line.number, line.reason) for line in reading.unread]


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


HUMAN = [("human", "Is it late?"), ("gpt", "It is, sir.")]
USER = [("user", "Is it late?"), ("assistant", "It is, sir.")]


@pytest.mark.parametrize("pack", [lambda *rows: json.dumps(rows, indent=1).encode(), lines])
def test_a_row_of_sharegpt_is_a_scene_whose_speakers_keep_their_names(pack):
    row = {"id": "a_0", "conversations": TALK, "source": "x"}
    reading = read_sharegpt(pack(row, row), "a.json")
    assert (said(reading), reading.unread) == ([HUMAN, HUMAN], ())


@pytest.mark.parametrize(
    "data",
    [
        lines({"messages": MESSAGES, "weight": 1}),
        json.dumps([{"messages": MESSAGES}]).encode(),
        json.dumps(MESSAGES).encode(),
        json.dumps([MESSAGES]).encode(),
        lines(*MESSAGES),
    ],
)
def test_openai_messages_are_read_in_rows_lists_and_alone(data):
    reading = read_openai_messages(data, "a.jsonl")
    assert (said(reading), reading.unread) == ([USER], ())


def test_lists_of_messages_one_a_line_are_scenes_of_their_own():
    reading = read_openai_messages(lines(MESSAGES, MESSAGES), "a.jsonl")
    assert said(reading) == [USER, USER]
    assert [scene.line for scene in reading.scenes] == [1, 2]


def test_a_system_message_is_the_background_and_a_name_goes_before_a_role():
    messages = [
        {"role": "system", "content": "A kitchen at night."},
        {"role": "user", "name": "Tony", "content": "Tea?"},
        {"role": "assistant", "name": "JARVIS", "content": "Always."},
    ]
    (scene,) = read_openai_messages(lines({"messages": messages}), "a").scenes
    assert scene.headers == {"background": "A kitchen at night."}
    assert [turn.speaker for turn in scene.turns] == ["Tony", "JARVIS"]


def test_parts_of_a_message_are_joined_and_a_picture_is_unread():
    parts = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "a"}}, "Nice?"]
    reading = read_openai_messages(lines({"messages": [{"role": "user", "content": parts}, MESSAGES[1]]}), "a")
    assert said(reading) == [[("user", "Look:\nNice?"), ("assistant", "It is, sir.")]]
    assert reasons(reading) == [(1, "a part that is no text")]


def test_what_tools_say_and_empty_messages_are_unread():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    messages = [MESSAGES[0], call, {"role": "tool", "content": "23:00"}, "hm", {"content": "Hm."}, MESSAGES[1]]
    reading = read_openai_messages(lines({"messages": messages}), "a")
    assert said(reading) == [USER]
    assert [reason for _, reason in reasons(reading)] == [
        "a message without text",
        "what a tool was told or said",
        "a message without text",
        "a message that nobody says",
    ]


@pytest.mark.parametrize(
    "row", [{"conversations": []}, {"conversations": [{"from": "human", "value": ""}]}, {"a": 1}, 3, None, "text", [[]]]
)
def test_a_conversation_without_turns_is_unread_as_it_is_printed(row):
    reading = read_sharegpt(lines({"conversations": TALK}, row), "a")
    assert said(reading) == [HUMAN]
    ((number, reason),) = reasons(reading)
    assert number == 2
    assert reason.startswith("a conversation without turns")
    assert reading.unread[0].text == json.dumps(row)


def test_an_instruction_with_its_input_is_the_question():
    rows = [
        {"instruction": "Translate.", "input": "thé", "output": "tea"},
        {"instruction": "Speak.", "input": "", "output": "Sir."},
        {"instruction": "Say it.", "context": "It is late.", "response": "It is late, sir."},
        {"prompt": "Tea?", "completion": " Always."},
    ]
    assert said(read_alpaca(lines(*rows), "a")) == [
        [("user", "Translate.\n\nthé"), ("assistant", "tea")],
        [("user", "Speak."), ("assistant", "Sir.")],
        [("user", "Say it.\n\nIt is late."), ("assistant", "It is late, sir.")],
        [("user", "Tea?"), ("assistant", "Always.")],
    ]


def test_what_was_said_before_and_to_the_system_belongs_to_the_scene():
    history = [["Tea?", "Always."], ["x"], 3]
    row = {"instruction": "And toast?", "output": "Yes.", "system": "A kitchen.", "history": history}
    reading = read_alpaca(lines(row), "a")
    (scene,) = reading.scenes
    assert [turn.text for turn in scene.turns] == ["Tea?", "Always.", "And toast?", "Yes."]
    assert scene.headers == {"background": "A kitchen."}
    assert [(line.text, line.reason) for line in reading.unread] == [
        ("['x']", "no pair of question and answer"),
        ("3", "no pair of question and answer"),
    ]


def test_a_question_without_an_answer_is_unread():
    reading = read_alpaca(lines({"instruction": "Tea?", "output": " "}, {"output": "Always."}), "a")
    assert reading.scenes == ()
    assert reasons(reading) == [
        (1, "a conversation without turns; a question without an answer"),
        (2, "a conversation without turns; there is no question in it"),
    ]


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_breaks_off_keeps_what_was_whole(read):
    row = {"conversations": TALK, "instruction": "a", "output": "b"}
    reading = read(lines(row, row)[:-20], "a.jsonl")
    assert len(reading.scenes) == 1
    ((number, reason),) = reasons(reading)
    assert number == 2
    assert reason.startswith("the file breaks off (")
    assert "at line 2, column" in reason


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("data", [b"", b"\xff\xfe\xfa", b"no json", b'{"conversations": ['])
def test_what_is_no_json_is_refused(read, data):
    with pytest.raises(SourceError):
        read(data, "a.json")


KEYS = st.sampled_from(
    ["conversations", "messages", "from", "role", "value", "content", "name", "system", "history", "text",
     "instruction", "input", "output"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "user", "system", "tool", "Tea?", "\ud800"])
ROWS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.sampled_from(READERS))
def test_any_json_is_read_and_every_row_is_a_scene_or_unread(rows, read):
    reading = read(lines(*rows), "a.jsonl")
    if read is not read_openai_messages and rows != [[]] and not (len(rows) == 1 and isinstance(rows[0], list)):
        numbers = {scene.line for scene in reading.scenes} | {line.number for line in reading.unread}
        assert numbers == set(range(1, len(rows) + 1))
    assert all(turn.text for scene in reading.scenes for turn in scene.turns)
    json.dumps([line.text for line in reading.unread]).encode()
