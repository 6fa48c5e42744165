"""What a client is told when it gets no reply, in OpenAI's form, with a message that says what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refusal(Exception):
    """An HTTP status and the error's fields; `retry_after` is in seconds. It never leaves the server as a traceback."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    retry_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """`{"error": {"message", "type", "param", "code"}}`."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    @property
    def kind(self) -> str:
        """OpenAI's name for errors of this status."""
        if self.status == 401:
            return "authentication_error"
        if self.status == 429:
            return "rate_limit_error"
        return "server_error" if self.status >= 500 else "invalid_request_error"

    @property
    def all_headers(self) -> dict[str, str]:
        """Those of the response, Retry-After among them where the client should come again."""
        later = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return {**later, **self.headers}
