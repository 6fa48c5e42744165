"""Between our values and the chat-completions format: requests into bodies, completions and failures out of them.

Pure. Nothing that is returned or raised here contains an API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from roletune.errors import BusyError, EndpointError, RefusedError
from roletune.llm.backoff import retry_after
from roletune.llm.request import ChatRequest

if TYPE_CHECKING:
    from openai import APIStatusError

_TEMPORARY = {408, 409, 425, 429}
_THIS_ONE = {  # codes and types of errors that are about one request: OpenAI, Azure, llama.cpp
    "context_length_exceeded",
    "string_above_max_length",
    "content_filter",
    "content_policy_violation",
    "exceed_context_size_error",
}
_LONGEST_QUOTE = 400  # characters of a server's own message


@dataclass(frozen=True)
class Endpoint:
    """What messages about an endpoint say; `secret` is only for taking it out of what the server echoes."""

    base_url: str
    model: str
    key_env: str | None
    secret: str | None
    when_gone: str

    def __str__(self) -> str:
        return f"The endpoint {without_password(self.base_url)} (model {self.model!r})"

    @property
    def key_hint(self) -> str:
        """Where the key comes from, or should come from."""
        if self.key_env:
            return f"The key is taken from the environment variable {self.key_env}: check that it is valid."
        return "Name the environment variable that holds the key (`api_key_env`) in the model's settings."


@dataclass(frozen=True)
class Answer:
    """What a completion holds, before it is given its key."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Failure:
    """Why there is no answer; `again` if asking again may help."""

    error: EndpointError
    again: bool
    slower: bool = False  # we ask too much at a time


def without_password(url: str) -> str:
    """A URL without the `user:password@` that some carry."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def body(request: ChatRequest, endpoint: Endpoint, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of the SDK's `chat.completions.create`."""
    # OpenAI's own newer models refuse the name that everybody else understands.
    limit = "max_completion_tokens" if urlsplit(endpoint.base_url).hostname == "api.openai.com" else "max_tokens"
    fields: dict[str, Any] = {
        "model": endpoint.model,
        "messages": list(request.messages),
        "temperature": request.temperature,
        "top_p": request.top_p,
        limit: request.max_tokens,
        "extra_body": {**extra, **request.extra},
    }
    if request.seed is not None:
        fields["seed"] = request.seed
    if request.stop:
        fields["stop"] = list(request.stop)
    if request.schema is not None:
        form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": request.schema}}
        fields["response_format"] = form
    return fields


def read_answer(completion: Any, endpoint: Endpoint) -> Answer:
    """The first choice of a completion; EndpointError if this is not a completion at all."""
    choices: Any = getattr(completion, "choices", None)
    message = getattr(choices[0], "message", None) if choices else None
    if message is None:
        told = (getattr(completion, "model_extra", None) or {}).get("error") or str(completion)
        raise EndpointError(f"{endpoint} answered with something else than a chat completion: {_quote(told, endpoint)}")
    usage = getattr(completion, "usage", None)
    return Answer(
        text=clean(message.content or ""),
        finish_reason=choices[0].finish_reason or "unknown",
        prompt_tokens=getattr(usage, "prompt_tokens", 0) or 0,
        completion_tokens=getattr(usage, "completion_tokens", 0) or 0,
    )


def clean(text: str) -> str:
    """`text` as valid Unicode: halves of surrogate pairs are joined or replaced, so that it can be stored as UTF-8."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def explain(error: Exception, endpoint: Endpoint) -> Failure:
    """What an exception of the SDK means for us, in words that say what to do."""
    import openai

    if isinstance(error, EndpointError):
        return Failure(error, again=True)
    if isinstance(error, openai.APITimeoutError):
        cure = "It may be overloaded: ask with less concurrency, or allow more time."
        return Failure(EndpointError(f"{endpoint} did not answer in time. {cure}"), again=True)
    if isinstance(error, openai.APIConnectionError):
        reason = error.__cause__ or error
        return Failure(EndpointError(f"{endpoint} can't be reached: {reason}. {endpoint.when_gone}"), again=True)
    if isinstance(error, openai.APIStatusError):
        return _status(error, endpoint)
    message = f"{endpoint} sent what is not a chat completion: {_quote(str(error), endpoint)}. Is base_url right?"
    return Failure(EndpointError(message), again=True)


def _status(error: APIStatusError, endpoint: Endpoint) -> Failure:
    wait = retry_after(error.response.headers, datetime.now(UTC))
    return failure_of(error.status_code, error.body, endpoint, wait=wait, message=error.message)


def failure_of(
    status: int, body: object, endpoint: Endpoint, *, wait: float | None = None, message: str = ""
) -> Failure:
    """What an HTTP status means for us; `body` is the error that came with it, `wait` the seconds it asks for."""
    about = {body.get("code"), body.get("type")} if isinstance(body, dict) else set()
    told = _quote((body.get("message") or body if isinstance(body, dict) else body) or message, endpoint)
    if isinstance(body, dict) and body.get("code") == "insufficient_quota":
        return Failure(EndpointError(f"{endpoint} says that the account's quota is used up: {told}."), again=False)
    if status in _TEMPORARY or status >= 500:
        when = "later" if wait is None else f"in {wait:.0f} s"
        message = f"{endpoint} is busy or broken (HTTP {status}: {told}). Run the command again {when}."
        return Failure(BusyError(message, retry_after=wait), again=True, slower=status == 429 or wait is not None)
    if about & _THIS_ONE:
        return Failure(RefusedError(f"{endpoint} won't answer this request ({told})."), again=False)
    if status in (401, 403):
        cure = endpoint.key_hint
    elif status == 404:
        cure = "Check the model's name, and that base_url ends where /chat/completions begins (often in /v1)."
    else:
        cure = "Check the model's settings in character.yaml."
    return Failure(EndpointError(f"{endpoint} refused the request (HTTP {status}: {told}). {cure}"), again=False)


def _quote(told: Any, endpoint: Endpoint) -> str:
    """The beginning of a server's own words on one line, without the key that some echo."""
    words = " ".join(str(told.get("message", told) if isinstance(told, dict) else told).split())
    if endpoint.secret:
        words = words.replace(endpoint.secret, "[key]")
    return words if len(words) <= _LONGEST_QUOTE else words[:_LONGEST_QUOTE] + "…"
