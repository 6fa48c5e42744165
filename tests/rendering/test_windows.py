from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import RenderError
from roletune.records import Example, Message, Provenance
from roletune.rendering.windows import CONTEXT_MESSAGES, split_windows

from .families import CHATML, LLAMA2, renderer

# One token a letter and one a message: windows need nothing of a renderer but its count.
LETTERS = SimpleNamespace(count=lambda messages: sum(len(message.content) + 1 for message in messages))


def example(*said, told="told"):
    """`said` alternate from the partner on; an upper-case line is learnt."""
    system = [Message(role="system", content=told)] if told else []
    spoken = [
        Message(role="assistant" if line.isupper() else "user", content=line, loss=line.isupper()) for line in said
    ]
    return Example(
        id="e",
        messages=(*system, *spoken),
        dialogue="d",
        split="train",
        origin="written",
        purpose="lived",
        provenance=Provenance(source="s"),
    )


def learnt(windows):
    return [message.content for window in windows for message in window.messages if message.loss]


def numbered(lengths, first):
    return [
        (chr(97 + k % 26) * length) if (k + first) % 2 else (chr(65 + k % 26) * length)
        for k, length in enumerate(lengths)
    ]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.integers(0, 1), st.integers(40, 90))
def test_every_reply_is_learnt_once_in_order_and_every_window_fits(lengths, first, room):
    whole = example(*numbered(lengths, first))
    windows = split_windows(whole, LETTERS, room)
    assert learnt(windows) == learnt([whole])
    assert all(LETTERS.count(window.messages) <= room for window in windows)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.integers(0, 1), st.integers(40, 90))
def test_a_window_is_a_run_of_the_conversation_after_its_system_message_and_nothing_else_changes(lengths, first, room):
    whole = example(*numbered(lengths, first))
    said = [(message.role, message.content) for message in whole.messages[1:]]
    for window in split_windows(whole, LETTERS, room):
        assert window.messages[0] == whole.messages[0]
        run = [(message.role, message.content) for message in window.messages[1:]]
        assert any(said[k : k + len(run)] == run for k in range(len(said)))
        kept = {"id", "messages", "window"}
        assert window.model_dump(exclude=kept) == whole.model_dump(exclude=kept)


def test_an_example_that_fits_stays_as_it_is():
    whole = example("hello", "HELLO")
    assert split_windows(whole, LETTERS, 100) == (whole,)


def test_windows_are_numbered_and_have_ids_of_their_own():
    windows = split_windows(example(*["question", "ANSWER"] * 6), LETTERS, 60)
    assert [window.window for window in windows] == list(range(len(windows)))
    assert len({window.id for window in windows}) == len(windows) > 1


def test_a_later_window_keeps_the_messages_before_it_without_loss():
    windows = split_windows(example(*["question", "ANSWER"] * 6), LETTERS, 60)
    first = next(k for k, message in enumerate(windows[1].messages) if message.loss)
    context = [message.content for message in windows[1].messages[1:first]]
    assert context[-2:] == ["ANSWER", "question"]
    assert len(context) <= CONTEXT_MESSAGES + 1


def test_a_reply_in_a_later_window_keeps_the_message_that_it_answers():
    for window in split_windows(example(*["question", "ANSWER"] * 6), LETTERS, 30):
        first = next(k for k, message in enumerate(window.messages) if message.loss)
        assert window.messages[first - 1].content == "question"


def test_a_single_reply_that_does_not_fit_is_an_error_that_quotes_it():
    with pytest.raises(RenderError, match=r"Raise max_tokens or shorten the line: 'AAAAAA"):
        split_windows(example("b", "A" * 50), LETTERS, 40)


def test_a_conversation_without_a_system_message_keeps_its_first_reply():
    windows = split_windows(example("HELLO", *["question", "ANSWER"] * 6, told=""), LETTERS, 40)
    assert learnt(windows) == ["HELLO", *["ANSWER"] * 6]


@pytest.mark.parametrize("template", [CHATML, LLAMA2], ids=["chatml", "llama2"])
def test_windows_fit_and_render_with_a_real_tokenizer(template):
    own = renderer(template)
    whole = example(*["good morning, sir", "GOOD MORNING"] * 8)
    windows = split_windows(whole, own, 120)
    assert len(windows) > 1
    assert all(len(own.render(window.messages).ids) <= 120 for window in windows)
    assert learnt(windows) == learnt([whole])
