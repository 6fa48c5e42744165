"""What the tabs share: what fills them for another character, and mistakes as one sentence on the page."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import gradio as gr

from roletune.errors import EndpointError, RoletuneError


class Fill(NamedTuple):
    """`make` gives the values of `outputs` for a character by its name, when it is chosen; else at the beginning."""

    make: Callable[[str], Any]
    outputs: Sequence[Any]
    again: bool = True  # whether for another character, too


@contextmanager
def mistakes_shown(then: str = "") -> Iterator[None]:
    """A RoletuneError becomes a message on the page; anything else is a bug, and a traceback on the console.

    `then` is what to do after one of an engine or endpoint.
    """
    try:
        yield
    except RoletuneError as error:
        told = f"{error} {then}" if then and isinstance(error, EndpointError) else str(error)
        raise gr.Error(shown(told), duration=None, print_exception=False, title="That did not work") from error


def shown(text: str) -> str:
    """`text` for a component that takes Markdown or HTML: no tag or picture in it is one. `html.unescape` undoes it."""
    return html.escape(text, quote=False).replace("![", "&#33;[")
