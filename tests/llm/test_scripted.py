"""The model that says what it is told to."""

import asyncio

import pytest

from roletune.errors import BusyError, EndpointError
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.scripted import ScriptedModel

REQUEST = ChatRequest(messages=({"role": "user", "content": "Who are you?"},))


def ask(model):
    return asyncio.run(model.complete(REQUEST))


def test_replies_come_in_turn_and_requests_are_kept():
    model = ScriptedModel(["one", ChatReply("two", "length", 1, 1, 0.0, "k"), BusyError("three")])
    assert ask(model).text == "one"
    assert ask(model).finish_reason == "length"
    with pytest.raises(BusyError, match="three"):
        ask(model)
    assert model.requests == [REQUEST] * 3


def test_a_script_that_is_over_says_so():
    with pytest.raises(EndpointError, match="has 0 replies, and this is request 1"):
        ask(ScriptedModel([]))


def test_a_function_answers_what_it_is_asked():
    model = ScriptedModel(lambda request: request.messages[-1]["content"].upper())
    reply = ask(model)
    assert reply.text == "WHO ARE YOU?"
    assert (reply.prompt_tokens, reply.completion_tokens) == (3, 3)
    assert reply.key == REQUEST.key("scripted")


@pytest.mark.parametrize("text", ["", " ", "one", " one  two\n", "\n\nthree words here"])
def test_the_pieces_of_a_stream_are_the_reply(text):
    ended = []

    async def main():
        return [piece async for piece in ScriptedModel([text]).stream(REQUEST, ended.append)]

    assert "".join(asyncio.run(main())) == text == ended[0].text
