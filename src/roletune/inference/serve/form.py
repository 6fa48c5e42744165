"""What a client may send to /v1/chat/completions, typed: OpenAI's fields and the samplers of local engines.

Guarantees: keys that are not known are ignored, as clients send many; everything that is read has a bound; nothing of
what a client said is repeated in an error.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from roletune.inference.serve.refusal import Refusal
from roletune.llm.wire import clean

MOST_MESSAGES = 4096
_MOST_STOPS = 16
_SEEDS = 2**32 - 1  # llama.cpp has 32 bits, the highest of which means "any"


class Form(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class TextPart(Form):
    """A part of a message; only text can be read."""

    type: Literal["text"]
    text: str


class InMessage(Form):
    """One message; `name` tells apart several people, or several characters."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None
    name: str | None = Field(default=None, max_length=64)

    @property
    def text(self) -> str:
        """Its parts together."""
        if isinstance(self.content, list):
            return clean("\n".join(part.text for part in self.content))
        return clean(self.content or "")


class StreamOptions(Form):
    """How a stream ends."""

    include_usage: bool | None = None


class JsonSchema(Form):
    """A schema that the reply must follow."""

    name: str = "reply"
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(Form):
    """Plain text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("json_schema is missing")
        return self


def _listed(value: Any) -> Any:
    """`stop` as a list: one string is allowed."""
    return [value] if isinstance(value, str) else value


Stops = Annotated[list[str], BeforeValidator(_listed), Field(max_length=_MOST_STOPS)]


class ChatForm(Form):
    """The body of a request; what is null or left out is as in character.yaml."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[InMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    n: int | None = Field(default=None, ge=1, le=8)
    stop: Stops | None = None
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = Field(default=None, max_length=300)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    top_k: int | None = Field(default=None, ge=-1, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    typical_p: float | None = Field(default=None, ge=0, le=1)
    repeat_penalty: float | None = Field(default=None, gt=0, le=10)
    repetition_penalty: float | None = Field(default=None, gt=0, le=10)

    def sampling(self) -> dict[str, Any]:
        """The fields that go to the engine as they are: those that were given a value."""
        given = self.model_dump(exclude_none=True, by_alias=True, exclude=_OURS)
        if self.seed is not None:
            given["seed"] = self.seed % _SEEDS
        return given


_OURS = {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop"}


def read_form(data: bytes) -> ChatForm:
    """The request in `data`. Raises Refusal with every mistake and its place."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "The body is not JSON in UTF-8.", "invalid_json") from error
    try:
        form = ChatForm.model_validate(value)
    except ValidationError as error:
        raise _refusal(error) from error
    if form.top_logprobs is not None and not form.logprobs:
        raise Refusal(400, "top_logprobs needs logprobs: true.", param="top_logprobs")
    return form


def _refusal(error: ValidationError) -> Refusal:
    mistakes = [(_place(each["loc"]), each["msg"]) for each in error.errors(include_input=False, include_url=False)]
    told = "; ".join(f"{place}: {what}" if place else what for place, what in mistakes[:5])
    return Refusal(400, f"The request can't be used. {told}", "invalid_value", mistakes[0][0] or None)


def _place(loc: tuple[int | str, ...]) -> str:
    """`messages.0.role`; without pydantic's own marks for the branch of a union, and never longer than a line."""
    return ".".join(str(part) for part in loc if not str(part).startswith(("list[", "str", "function-")))[:200]
