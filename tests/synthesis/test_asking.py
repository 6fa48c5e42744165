"""A reply that can't be read is asked for again, with what was wrong, and never more often than allowed."""

import asyncio

import pytest

from roletune.errors import EndpointError, ReplyError
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.request import ChatRequest
from roletune.llm.scripted import ScriptedModel
from roletune.prompts import load_prompt
from roletune.synthesis.asking import Again, ask_until_read

REQUEST = ChatRequest(messages=({"role": "system", "content": "You count."}, {"role": "user", "content": "A number?"}))
AGAIN = load_prompt("again")


def number(reply):
    try:
        return int(reply.text)
    except ValueError:
        raise ReplyError("no number in the reply", reply.text) from None


def ask(model, times=1):
    return asyncio.run(ask_until_read(model, REQUEST, number, Again(AGAIN, times)))


def test_a_reply_that_can_be_read_is_asked_for_once():
    model = ScriptedModel(["7"])
    assert ask(model, times=5) == 7
    assert model.requests == [REQUEST]


def test_the_next_question_holds_the_reply_in_vain_and_what_was_wrong():
    model = ScriptedModel(["Seven!", "7"])
    assert ask(model) == 7
    told = model.requests[1].messages
    assert told[:2] == REQUEST.messages
    assert told[2] == {"role": "assistant", "content": "Seven!"}
    assert told[3]["role"] == "user"
    assert "no number in the reply" in told[3]["content"]


def test_after_the_last_attempt_the_reply_is_kept_raw():
    model = ScriptedModel(["a", "b", "c", "7"])
    with pytest.raises(ReplyError) as raised:
        ask(model, times=2)
    assert raised.value.raw == "c"
    assert len(model.requests) == 3


def test_no_attempt_more_without_leave():
    model = ScriptedModel(["a", "7"])
    with pytest.raises(ReplyError):
        asyncio.run(ask_until_read(model, REQUEST, number))
    assert len(model.requests) == 1


def test_earlier_attempts_do_not_pile_up_and_a_long_one_is_shown_in_part():
    model = ScriptedModel(["x" * 9000, "y" * 9000, "7"])
    assert ask(model, times=2) == 7
    assert [len(request.messages) for request in model.requests] == [2, 4, 4]
    assert len(model.requests[2].messages[2]["content"]) < 1000


def test_an_empty_reply_is_no_message_of_its_own():
    model = ScriptedModel(["  ", "7"])
    assert ask(model) == 7
    first, told = model.requests[1].messages
    assert first == REQUEST.messages[0]
    assert told["content"].startswith("A number?\n\n")


def test_every_attempt_is_remembered_even_if_all_say_the_same(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        model = ScriptedModel(["a", "a", "a"])
        for _ in range(2):  # the second time from the ledger
            with pytest.raises(ReplyError):
                ask(RememberedModel(model, ledger, "scenes"), times=2)
        assert len(model.requests) == 3
        assert ledger.bill()[0].calls == 3


def test_an_endpoint_that_is_gone_is_not_a_reply_in_vain():
    with pytest.raises(EndpointError):
        ask(ScriptedModel([EndpointError("gone")]))


def test_a_reply_with_a_line_of_the_prompts_example_is_none():
    example = "Question: Why do you open before dawn?\nWhy: So."

    def read(told):
        return asyncio.run(ask_until_read(ScriptedModel([told]), REQUEST, lambda reply: reply.text, example=example))

    with pytest.raises(ReplyError, match="the reply repeats the example"):
        read("Here you are.\n**Question:** why do you open before dawn")
    assert read("Question: Why do you close?\nWhy: So.").endswith("So.")
