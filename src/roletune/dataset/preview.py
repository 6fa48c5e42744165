"""One example as a person checks it: its text in pieces, each with whether the model learns it."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from roletune.rendering.template import Rendered, Renderer


class Piece(NamedTuple):
    """A run of tokens with the same mask."""

    text: str
    learnt: bool


def mask_preview(rendered: Rendered, renderer: Renderer) -> list[Piece]:
    """The rendering as alternating pieces; joined they are the text that the model sees."""
    pairs = zip(rendered.ids, rendered.mask, strict=True)
    return [
        Piece(renderer.tokenizer.decode([token for token, _ in group], clean_up_tokenization_spaces=False), learnt)
        for learnt, group in groupby(pairs, key=lambda pair: pair[1])
    ]
