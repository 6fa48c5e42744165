"""Short structured answers: asked for with a JSON schema where the endpoint has that, read tolerantly everywhere.

Guarantees: an answer is never trusted for having been asked for with a schema. What is read from it are JSON objects,
whatever stands around them; a reply that was cut off gives the objects that are whole.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from roletune.errors import BusyError, EndpointError, RefusedError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest

_LONGEST = 200_000  # characters that are read of a reply
_ATTEMPTS = 2_000  # places that may be the start of an object
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")


async def ask_short(model: ChatModel, request: ChatRequest) -> ChatReply:
    """The reply to `request`; an endpoint that refuses its schema is asked once more without it."""
    try:
        return await model.complete(request)
    except (BusyError, RefusedError):
        raise
    except EndpointError:
        if request.schema is None:
            raise
        return await model.complete(replace(request, schema=None))


def read_objects(text: str, key: str = "") -> list[dict[str, Any]]:
    """The JSON objects in a reply, in order; with `key`, those in the list that an object has under it.

    Commas before a closing bracket are forgiven. An object that is not whole gives the objects inside it.
    """
    text = text[:_LONGEST]
    readings = [_items(_objects(form), key) for form in (text, _TRAILING_COMMA.sub("", text))]
    return max(readings, key=len)  # as it is, unless forgiving commas gives more


def _items(objects: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in objects:
        inner = one.get(key) if key else None
        found += [item for item in inner if isinstance(item, dict)] if isinstance(inner, list) else [one]
    return found


def _objects(text: str) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    place = text.find("{")
    for _ in range(_ATTEMPTS):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found
