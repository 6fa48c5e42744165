"""The key of a request holds everything that decides the reply, and nothing else."""

import dataclasses

import pytest

from roletune.llm.request import ChatRequest, chat_messages
from roletune.records import Message

REQUEST = ChatRequest(messages=({"role": "user", "content": "Hello"},))


@pytest.mark.parametrize(
    "change",
    [
        {"messages": ({"role": "system", "content": "Hello"},)},
        {"messages": ({"role": "user", "content": "hello"},)},
        {"messages": ()},
        {"temperature": 0.71},
        {"top_p": 0.5},
        {"max_tokens": 511},
        {"seed": 0},
        {"stop": ("x",)},
        {"schema": {"type": "object"}},
        {"sample": 1},
        {"extra": {"lora": [{"id": 0, "scale": 1.0}]}},
    ],
    ids=str,
)
def test_whatever_changes_the_reply_changes_the_key(change):
    assert dataclasses.replace(REQUEST, **change).key("m") != REQUEST.key("m")


def test_every_field_is_in_the_test_above():
    names = {field.name for field in dataclasses.fields(ChatRequest)}
    assert names == {"messages", "temperature", "top_p", "max_tokens", "seed", "stop", "schema", "sample", "extra"}


def test_another_model_has_another_key():
    assert REQUEST.key("a") != REQUEST.key("b")


def test_a_key_is_the_same_on_every_machine_and_for_ever():
    assert REQUEST.key("m") == "e30296b1838775e606323f26361aefd326b696a5e87d859428e04de7127651bc"


def test_lists_and_the_order_of_names_do_not_matter():
    one = dataclasses.replace(REQUEST, stop=["a"], extra={"a": 1, "b": 2})
    two = dataclasses.replace(REQUEST, stop=("a",), extra={"b": 2, "a": 1})
    assert one.key("m") == two.key("m")


def test_half_a_character_in_a_message_has_a_key():
    assert ChatRequest(messages=({"role": "user", "content": "\ud800"},)).key("m")


def test_a_record_s_messages_lose_what_only_training_needs():
    messages = (Message(role="user", content="Hello"), Message(role="assistant", content="Sir.", loss=True))
    assert chat_messages(messages) == (
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Sir."},
    )
