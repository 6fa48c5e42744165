"""Everything roletune raises on purpose.

A user's mistake prints one message and exits with code 1; anything that is not a `RoletuneError` is a bug and prints a
traceback. Every message says what is wrong, where, and what to do.

    RoletuneError
    ├── ProjectError          character.yaml or the character's folder: all mistakes at once
    ├── SourceError           a file that tells about the character can't be read
    ├── RenderError           a chat template can't render a conversation
    ├── DatasetError          nothing to train on, or everything
    ├── TrainingError         training can't start or go on
    ├── EvaluationError       nothing to measure
    ├── ModelError            weights missing, of the wrong kind, or not safe to load
    ├── EndpointError         a model's endpoint did not answer
    │   ├── BusyError         it asked us to come back later (429, 5xx): worth another try
    │   └── RefusedError      it won't answer this one request (its content, its length); others may pass
    ├── BudgetError           what may be spent is spent
    ├── ReplyError            a model answered, and the answer can't be used; keeps the raw text
    ├── ResourceError         disk, memory, port, lock
    └── MissingExtraError     an optional part of the installation is missing

Each also inherits the standard error it specialises, so `except ValueError` works where one expects it to.

Adding one: a leaf of this tree, one sentence of docstring, and a place that raises it with a cure in the message.
"""

from __future__ import annotations

from collections.abc import Sequence


class RoletuneError(Exception):
    """Base of everything raised on purpose; the message is written for the user."""


class ProjectError(RoletuneError, ValueError):
    """A character's folder or settings are wrong; `mistakes` lists every one of them with its path."""

    def __init__(self, message: str, mistakes: Sequence[str] = ()) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n  ".join([message, *self.mistakes]))


class SourceError(RoletuneError, ValueError):
    """A source file can't be read as what it claims to be."""


class RenderError(RoletuneError, ValueError):
    """A chat template can't render a conversation so that training and chat see the same tokens."""


class DatasetError(RoletuneError, ValueError):
    """A dataset that can't be trained on: empty, or with no (or only) supervised tokens."""


class TrainingError(RoletuneError, RuntimeError):
    """Training can't start or can't go on; the last good checkpoint is intact."""


class EvaluationError(RoletuneError, ValueError):
    """There is nothing to measure, or what was measured can't be compared."""


class ModelError(RoletuneError, ValueError):
    """Weights are missing, of the wrong kind, or not safe to load."""


class EndpointError(RoletuneError, ConnectionError):
    """A model's endpoint did not answer, or refused the request."""


class BusyError(EndpointError):
    """The endpoint asked to come back later; `retry_after` is in seconds, None if it did not say."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RefusedError(EndpointError):
    """The endpoint won't answer this one request, for its content or its length; the others may pass."""


class BudgetError(RoletuneError, RuntimeError):
    """The next call might cost more than is left of the budget."""


class ReplyError(RoletuneError, ValueError):
    """A model's reply can't be used; `raw` keeps every word of it."""

    def __init__(self, message: str, raw: str) -> None:
        self.raw = raw
        super().__init__(message)


class ResourceError(RoletuneError, OSError):
    """The machine lacks something: disk space, memory, a free port, or another run holds the lock."""


class MissingExtraError(RoletuneError, ImportError):
    """An optional dependency is not installed; `command` brings it, by default by naming roletune's extra."""

    def __init__(self, what: str, extra: str, command: str = "") -> None:
        command = command or f"pip install 'roletune[{extra}]'"
        super().__init__(f"{what} needs packages that are not installed. Install them: {command}")
