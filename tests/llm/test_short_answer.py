import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import BusyError, EndpointError
from roletune.llm.request import ChatRequest
from roletune.llm.scripted import ScriptedModel
from roletune.llm.short_answer import ask_short, read_objects

ASKED = ChatRequest(messages=({"role": "user", "content": "?"},), schema={"type": "object"})


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('Sure! Here it is:\n```json\n{"a": 1}\n```\nAnything else?', [{"a": 1}]),
        ('{"a": 1} {"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"items": [{"a": 1}, {"a": 2}]}', [{"a": 1}, {"a": 2}]),
        ('{"items": [{"a": 1}, {"a": 2}, {"a": ', [{"a": 1}, {"a": 2}]),
        ('{"items": [{"a": 1,}, {"a": 2},]}', [{"a": 1}, {"a": 2}]),
        ('{"items": [1, "x", {"a": 2}]}', [{"a": 2}]),
        ('{"items": []}', []),
        ("{a: 1} and {", []),
        ("no JSON", []),
        ("", []),
    ],
)
def test_objects_are_read_whatever_stands_around_them(text, objects):
    assert read_objects(text, "items") == objects


def test_deep_nesting_and_many_brackets_are_read_in_bounded_time():
    assert read_objects("{" * 100_000) == []
    assert read_objects('{"a":' * 20_000) == []


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read(text):
    assert all(isinstance(one, dict) for one in read_objects(text))


def test_an_endpoint_that_refuses_the_schema_is_asked_without_it():
    model = ScriptedModel([EndpointError("refused (HTTP 400)"), "{}"])
    assert asyncio.run(ask_short(model, ASKED)).text == "{}"
    assert [request.schema for request in model.requests] == [{"type": "object"}, None]


def test_an_endpoint_that_is_busy_or_gone_stays_an_error():
    busy = ScriptedModel([BusyError("later"), "{}"])
    with pytest.raises(BusyError):
        asyncio.run(ask_short(busy, ASKED))
    gone = ScriptedModel([EndpointError("gone"), EndpointError("still gone")])
    with pytest.raises(EndpointError, match="still gone"):
        asyncio.run(ask_short(gone, ASKED))
    assert (len(busy.requests), len(gone.requests)) == (1, 2)
