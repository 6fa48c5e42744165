"""Examples as rows for other trainers: the same messages, the same loss.

What each of them can express about which reply is learnt differs:

    axolotl        a flag at each message
    trl            token ids with labels, made by our renderer: nothing is left for TRL to render
    llamafactory   every assistant message of a row, or only its last one; conversations that a user opens
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from roletune.records import Example, Message
from roletune.rendering.template import Renderer

IGNORED = -100  # the label of a token without loss, as torch's cross-entropy counts it


class Rows(NamedTuple):
    """Rows of one split, and how many examples the format can't hold."""

    rows: list[dict[str, Any]]
    left_out: int = 0


def axolotl_rows(examples: Iterable[Example]) -> Rows:
    """`{"messages": [{"role", "content", "train"}]}`, for `message_field_training: train`."""
    return Rows([{"messages": [{**_plain(m), "train": m.loss} for m in example.messages]} for example in examples])


def trl_rows(examples: Iterable[Example], renderer: Renderer) -> Rows:
    """`input_ids` and `labels`, and the messages beside them for whoever reads the file."""
    rows = []
    for example in examples:
        rendered = renderer.render(example.messages)
        labels = [token if learnt else IGNORED for token, learnt in zip(rendered.ids, rendered.mask, strict=True)]
        rows.append({"input_ids": rendered.ids, "labels": labels})
    return Rows(rows)


def needs_history_mask(examples: Iterable[Example]) -> bool:
    """Whether some reply is not learnt, so that LLaMA-Factory has to be given a row for each one that is."""
    return any(m.role == "assistant" and not m.loss for example in examples for m in example.messages)


def llamafactory_rows(examples: Iterable[Example], *, one_a_reply: bool) -> Rows:
    """`{"messages": [{"role", "content"}]}`; with `one_a_reply` a row ends with the one reply that it teaches.

    LLaMA-Factory skips, with a warning only, what an assistant opens or where roles do not alternate: such examples are
    left out here and counted.
    """
    rows: list[dict[str, Any]] = []
    left_out = 0
    for example in examples:
        if not _alternates(example.messages):
            left_out += 1
            continue
        ends = [place + 1 for place, message in enumerate(example.messages) if message.loss]
        for end in ends if one_a_reply else ends[-1:]:
            rows.append({"messages": [_plain(message) for message in example.messages[:end]]})
    return Rows(rows, left_out)


def _alternates(messages: Sequence[Message]) -> bool:
    roles = [message.role for message in messages]
    talk = roles[1:] if roles[:1] == ["system"] else roles
    return all(role == ("user", "assistant")[place % 2] for place, role in enumerate(talk))


def _plain(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}
