import asyncio
import io
from itertools import count

import pytest
from rich.console import Console

from roletune.errors import EndpointError
from roletune.inference.delivery import Pace, deliver
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.scripted import ScriptedModel

from .stage import InterruptedModel

REQUEST = ChatRequest(messages=({"role": "user", "content": "Hello."},))


def delivered(model, *, terminal=False, width=100):
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, no_color=True, legacy_windows=False)
    ticks = count()
    delivery = asyncio.run(deliver(model.stream(REQUEST), console, "JARVIS", clock=lambda: next(ticks)))
    return delivery, file.getvalue()


def test_a_pipe_gets_the_bare_text_unbroken():
    words = "Good evening, sir. " * 20
    delivery, output = delivered(ScriptedModel([f"\n {words}\n\n"]), width=20)
    assert output == words.strip() + "\n"
    assert delivery.text == words.strip()


def test_a_terminal_gets_the_name_and_lines_broken_between_words():
    _, output = delivered(ScriptedModel(["Good evening, sir. All is well."]), terminal=True, width=24)
    assert "JARVIS" in output
    assert " › Good evening,\n  sir. All is well.\n" in output


def test_control_sequences_of_a_reply_do_not_reach_the_terminal():
    _, output = delivered(ScriptedModel(["\x1b[2J\x1b]0;title\x07Sir."]))
    assert output == "Sir.\n"


def test_a_reply_is_timed_and_its_tokens_are_those_that_the_model_counted():
    delivery, _ = delivered(ScriptedModel(["One two three."]))
    assert delivery.pace == Pace(first=1, seconds=2, tokens=3)
    assert delivery.pace.tokens_per_second == 2.0
    assert Pace(first=1, seconds=1, tokens=1).tokens_per_second == 0.0
    reply = ChatReply("One two three.", "stop", 12, 5, 0.1, "key")
    assert delivery.counted(reply) == Pace(first=1, seconds=2, tokens=5, prompt_tokens=12)
    assert delivery.counted(None) == delivery.pace


def test_ctrl_c_keeps_what_was_written():
    delivery, output = delivered(InterruptedModel(["One two three."], after=2))
    assert (delivery.text, delivery.stopped, delivery.pace.tokens) == ("One two", True, 2)
    assert output == "One two\n"


def test_ctrl_c_before_the_first_word_is_no_reply():
    delivery, output = delivered(InterruptedModel(["One two three."], after=0))
    assert (delivery.text, delivery.stopped, output) == ("", True, "")


def test_who_cancels_the_chat_itself_is_not_taken_for_ctrl_c():
    class Endless(ScriptedModel):
        async def stream(self, request, on_end=None):
            yield "One "
            started.set()
            await asyncio.Event().wait()

    async def cancel():
        task = asyncio.create_task(deliver(Endless([]).stream(REQUEST), Console(file=io.StringIO()), "JARVIS"))
        await started.wait()
        task.cancel()
        await task

    started = asyncio.Event()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


def test_an_endpoint_that_breaks_off_leaves_the_cursor_at_the_beginning_of_a_line():
    class Breaking(ScriptedModel):
        async def stream(self, request, on_end=None):
            yield "One two"
            raise EndpointError("gone")

    file = io.StringIO()
    with pytest.raises(EndpointError):
        asyncio.run(deliver(Breaking([]).stream(REQUEST), Console(file=file), "JARVIS"))
    assert file.getvalue() == "One two\n"
