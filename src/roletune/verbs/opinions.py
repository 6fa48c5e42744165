"""Thumbs of chats as rows for KTO: what the character was told, its reply, and whether somebody liked it.

The prompt is the one that the chat would have sent: the persona prompt of the scene, and what the character perceived.
"""

from __future__ import annotations

from roletune.errors import RenderError
from roletune.records import Message, Rejection, Thumb
from roletune.rendering.markup import harmless
from roletune.rendering.template import Renderer
from roletune.rendering.viewpoint import partners_of, perceived, spoken
from roletune.training.preference_data import TokenThumb
from roletune.verbs.thumbs import thumbs
from roletune.workbench import Workbench


def read_opinions(bench: Workbench, renderer: Renderer, max_tokens: int) -> tuple[list[TokenThumb], list[Rejection]]:
    """Every reply that has a thumb, and those that can't be trained on with the reason."""
    rows, rejected = list[TokenThumb](), list[Rejection]()
    for thumb in thumbs(bench).values():
        try:
            rows.append(_row(bench, thumb, renderer, max_tokens))
        except RenderError as error:
            record = thumb.model_dump(mode="json")
            rejected.append(Rejection(stage="prefer", reason="not usable", detail=str(error), record=record))
    return rows, rejected


def _row(bench: Workbench, thumb: Thumb, renderer: Renderer, max_tokens: int) -> TokenThumb:
    turns = perceived(thumb.context, bench.profile)
    partners = partners_of(turns, bench.profile)
    before = [one.model_copy(update={"loss": False}) for one in spoken(turns, bench.profile, partners)]
    if not before or before[-1].role != "user":
        raise RenderError("nobody had spoken to the character before this reply")
    if not thumb.reply.strip():
        raise RenderError("the reply is empty")
    reply = Message(role="assistant", content=harmless(thumb.reply), loss=True)
    rendered = renderer.render([bench.persona.message(thumb.scene, partners), *before, reply])
    if len(rendered.ids) > max_tokens:
        raise RenderError(f"{len(rendered.ids)} tokens, and the recipe's max_tokens is {max_tokens}")
    ((first, last),) = rendered.spans
    return TokenThumb(tuple(rendered.ids[:first]), tuple(rendered.ids[first:last]), bool(thumb.good))
