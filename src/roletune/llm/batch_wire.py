"""Between our values and the lines of a batch's files. Pure; a failure in a line means what it means in an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from roletune.errors import EndpointError
from roletune.llm.wire import Answer, Endpoint, failure_of, read_answer

PATH: Final = "/v1/chat/completions"
EXPIRED = "expired"
ENDED = frozenset({"completed", "failed", EXPIRED, "cancelled"})


class Result(NamedTuple):
    """What a request of a batch came to: an answer, or an error, and whether asking `again` may help."""

    answer: Answer | None
    error: EndpointError | None = None
    again: bool = False


def line_of(key: str, body: Mapping[str, Any]) -> str:
    """One line of an input file."""
    return json.dumps({"custom_id": key, "method": "POST", "url": PATH, "body": body}) + "\n"


def read_results(text: str) -> dict[str, str]:
    """The lines of an output or error file, by the key that they are about; what is no such line is left out."""
    found = {}
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("custom_id"), str):
            found[row["custom_id"]] = line
    return found


def read_result(row: Mapping[str, Any], endpoint: Endpoint) -> Result:
    """What a line says."""
    from openai.types.chat import ChatCompletion

    response = row.get("response") or {}
    status, body = response.get("status_code", 0), response.get("body") or {}
    if status == 200:
        try:
            return Result(read_answer(ChatCompletion.construct(**body), endpoint))
        except EndpointError as error:
            return Result(None, error, again=True)
    if not status:
        fault = row.get("error") or {}
        told = fault.get("message") or fault.get("code") or "no response"
        return Result(None, EndpointError(f"{endpoint} did not answer ({told})."), again=True)
    failure = failure_of(status, body.get("error") or body, endpoint)  # as if it had been asked directly
    return Result(None, failure.error, failure.again)
