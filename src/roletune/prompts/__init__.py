"""Prompts are files: `prompts/LANGUAGE/NAME.md`, Jinja2 with undefined names refused.

A file of the same name in the character's own `prompts/` folder wins. A prompt file may hold the blocks `system` and
`user`, which become messages, with worked examples between them as real turns: small models follow those where they
lose a form that is only described. Where there are none, an example of the file's own stands there, if it has one: the
blocks `example` and `answer`, about somebody who is in nobody's story. A file without blocks is one text. `Prompt.hash`
goes into the provenance of whatever was made with it. A character's folder may come from somebody else, so templates
run in Jinja2's sandbox and see the fields of records, never their methods (pydantic's include one that loads pickles).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

from roletune.errors import ProjectError
from roletune.records import Message

BUILT_IN = Path(__file__).parent
_MISTAKES = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError)  # of whoever wrote the template


class _Sandbox(ImmutableSandboxedEnvironment):
    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, BaseModel):
            return attr in type(obj).model_fields
        return super().is_safe_attribute(obj, attr, value)


_ENVIRONMENT = _Sandbox(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
)


@dataclass(frozen=True)
class Prompt:
    """A prompt template: where it was found and its source text."""

    name: str
    path: Path
    source: str

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the source."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]

    @cached_property
    def _template(self) -> jinja2.Template:
        try:
            return _ENVIRONMENT.from_string(self.source)
        except jinja2.TemplateSyntaxError as error:
            raise ProjectError(
                f"{self.path}:{error.lineno}: the prompt is not valid Jinja2: {error.message}"
            ) from error

    def text(self, **values: Any) -> str:
        """The whole file, rendered and stripped. Raises ProjectError on a name the template uses and we don't have."""
        template = self._template
        try:
            return template.render(**values).strip()
        except _MISTAKES as error:
            raise ProjectError(f"{self.path}: {error}. Known names: {', '.join(sorted(values))}") from error

    def messages(self, shots: Sequence[Shot] = (), **values: Any) -> tuple[Message, ...]:
        """The block `system`, then each shot as a `user` message with its answer, then `user` with `values`.

        Without shots, the blocks `example` and `answer` are the one shot there is.
        """
        messages = [Message(role="system", content=self._block("system", values))]
        if not shots:
            messages.append(Message(role="user", content=self._block("example", values)))
            messages.append(Message(role="assistant", content=self._block("answer", values)))
        for shot in shots:
            messages.append(Message(role="user", content=self._block("user", {**values, **shot.values})))
            messages.append(Message(role="assistant", content=shot.answer))
        messages.append(Message(role="user", content=self._block("user", values)))
        return tuple(message for message in messages if message.content)

    @property
    def example(self) -> str:
        """The answer of the file's own example, which is nobody's to give; '' if it has none."""
        return self._block("answer", {})

    def _block(self, name: str, values: dict[str, Any]) -> str:
        block = self._template.blocks.get(name)
        try:
            return "".join(block(self._template.new_context(values))).strip() if block else ""
        except _MISTAKES as error:
            raise ProjectError(f"{self.path}: {error}. Known names: {', '.join(sorted(values))}") from error


@dataclass(frozen=True)
class Shot:
    """A worked example: what differs from the question's values, and the answer to it."""

    answer: str
    values: dict[str, Any] = field(default_factory=dict)


def load_prompt(name: str, language: str = "en", folder: Path | None = None) -> Prompt:
    """Find `NAME.md` in `folder` (the character's own prompts) or among the built-in ones of `language`.

    Raises ProjectError if there is none or it is no text.
    """
    places = [folder / f"{name}.md"] if folder else []
    places.append(built_in(f"{name}.md", language))
    for path in places:
        if path.is_file():
            try:
                return Prompt(name, path, path.read_text("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise ProjectError(f"{path} is not UTF-8. Save it as UTF-8.") from error
    raise ProjectError(f"There is no prompt named {name!r}. Looked in: {', '.join(str(place) for place in places)}")


def built_in(file: str, language: str) -> Path:
    """The file that comes with roletune for a language (`zh`, `zh-CN`); one that has none uses the English one."""
    wanted = re.split("[-_]", language.casefold())[0]
    own = BUILT_IN / wanted / file
    return own if wanted.isalpha() and own.is_file() else BUILT_IN / "en" / file
