"""Long conversations become overlapping windows; nothing is truncated silently.

Every message with loss is supervised in exactly one window. A window keeps the system message and up to
`CONTEXT_MESSAGES` messages before its first supervised one, as many as fit.
"""

from __future__ import annotations

from roletune.errors import RenderError
from roletune.records import Example, Message, fingerprint
from roletune.rendering.template import Renderer

CONTEXT_MESSAGES = 6


def split_windows(example: Example, renderer: Renderer, max_tokens: int) -> tuple[Example, ...]:
    """`example` itself if it fits `max_tokens`, else its windows.

    Raises RenderError if a single reply with the message before it does not fit.
    """
    if renderer.count(example.messages) <= max_tokens:
        return (example,)
    told = 1 if example.messages[0].role == "system" else 0
    system, turns = example.messages[:told], example.messages[told:]
    windows: list[Example] = []
    start = 0
    while any(message.loss for message in turns[start:]):
        first, end = _span(system, turns, start, renderer, max_tokens)
        body = [m if k >= start else m.model_copy(update={"loss": False}) for k, m in enumerate(turns[:end])][first:]
        windows.append(_window(example, (*system, *body), len(windows)))
        start = end
    return tuple(windows)


def _span(
    system: tuple[Message, ...], turns: tuple[Message, ...], start: int, renderer: Renderer, max_tokens: int
) -> tuple[int, int]:
    """Bounds [first, end) of the window whose supervised part begins at `start`: most new turns, then most context."""

    def fits(first: int, end: int) -> bool:
        return renderer.count((*system, *turns[first:end])) <= max_tokens

    # A window needs something to answer: unless the character opens the scene, a reply keeps the message before it.
    least = max(0, start - 1) if turns[start].loss else start
    ends = [k + 1 for k in range(start, len(turns)) if turns[k].loss]
    fitting = [end for end in ends if fits(least, end)]
    if not fitting:
        raise RenderError(
            f"A single reply does not fit {max_tokens} tokens with its prompt. Raise max_tokens or shorten the line: "
            f"{turns[ends[0] - 1].content[:60]!r}"
        )
    end = fitting[-1]
    firsts = range(max(0, start - CONTEXT_MESSAGES), least + 1)
    return next((first for first in firsts if fits(first, end)), least), end


def _window(example: Example, messages: tuple[Message, ...], number: int) -> Example:
    return example.model_copy(update={"id": fingerprint(example.id, number), "messages": messages, "window": number})
