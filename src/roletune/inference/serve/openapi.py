"""The endpoint described as OpenAPI 3.1, from the types that read its requests; it is fuzzed with that."""

from __future__ import annotations

from typing import Any

from roletune import __version__
from roletune.inference.serve.form import ChatForm

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_REFUSALS = ("400", "401", "403", "404", "405", "413", "429", "502", "503", "504")


def openapi() -> dict[str, Any]:
    """The document."""
    form = ChatForm.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = {**form.pop("$defs", {}), "ChatForm": form, "Error": _ERROR}
    chat = _operation("chat", "A reply of a character", {"type": "object"}, "text/event-stream")
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ChatForm"}}}
    chat["requestBody"] = {"required": True, "content": content}
    one = _operation("model", "One of them", {"type": "object"})
    one["parameters"] = [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}]
    return {
        "openapi": "3.1.0",
        "info": {"title": "roletune", "version": __version__, "description": "Characters as models. All are AI."},
        "paths": {
            "/v1/chat/completions": {"post": chat},
            "/v1/models": {"get": _operation("models", "The characters", {"type": "object"})},
            "/v1/models/{model}": {"get": one},
            "/health": {"get": _operation("health", "Whether the engine answers", {"type": "object"})},
            "/metrics": {"get": _operation("metrics", "Counts for Prometheus", None, "text/plain")},
        },
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(name: str, summary: str, schema: dict[str, Any] | None, other: str = "") -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": schema}} if schema else {}
    if other:
        content[other] = {"schema": {"type": "string"}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    refusals = {status: {"description": "refused", "content": error} for status in _REFUSALS}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": "answered", "content": content}, **refusals},
    }
