"""Bytes of a JSON or YAML card -> its document: plain dicts, lists and scalars, in the file's order.

Guarantees: bounded in bytes, values and depth; what comes back can be written as JSON without loss (no NaN, no dates,
no keys that are not text). YAML aliases are refused: a card needs none, and they multiply.
"""

from __future__ import annotations

import json
import math
from typing import Any

import yaml

from roletune.errors import SourceError
from roletune.sources.text import decode

MAX_JSON = 32_000_000  # cards carry pictures as data: URIs
MAX_YAML = 2_000_000  # the reader in Python is slow
MAX_VALUES = 2_000_000
MAX_DEPTH = 100


def parse_json(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`. Raises SourceError, with line and column where it breaks off."""
    if len(data) > MAX_JSON:
        raise SourceError(f"{name} is over {MAX_JSON // 1_000_000} MB of JSON. Move its pictures out of the card.")
    if sum(data.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        raise SourceError(f"{name} has over {MAX_VALUES:,} values. No card needs so many; get another copy.")
    text = decode(data, name)
    try:
        document = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        cut_off = error.pos >= len(error.doc.rstrip()) or "Unterminated" in error.msg
        fault = "is cut off" if cut_off else "is no valid JSON"
        raise SourceError(f"{name} {fault} ({error.msg} at {where}). Export it again or mend that place.") from error
    except RecursionError as error:
        raise _too_deep(name) from error
    except ValueError as error:
        raise SourceError(f"{name} holds a number that JSON can't keep ({error}). Mend it in a text editor.") from error
    if b"\\ud" in data or b"\\uD" in data:
        # Half a character can't be written as UTF-8: it becomes '?', here rather than in every later step.
        document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    return _checked(document, name)


def parse_yaml(data: bytes, name: str) -> dict[str, Any]:
    """The YAML mapping in `data`, as JSON would hold it. Raises SourceError."""
    if len(data) > MAX_YAML:
        raise SourceError(f"{name} is over {MAX_YAML // 1_000_000} MB of YAML. Save the card as JSON.")
    text = decode(data, name)
    try:
        document = yaml.load(text, _CardLoader)
    except yaml.YAMLError as error:
        raise SourceError(f"{name} is no valid YAML: {_one_line(error)}. Mend that place, or save as JSON.") from error
    except RecursionError as error:
        raise _too_deep(name) from error
    except (ValueError, OverflowError) as error:
        raise SourceError(f"{name} holds a value that can't be read ({error}). Put it in quotes.") from error
    return _checked(document, name)


def to_json(document: dict[str, Any], indent: int | None = None) -> bytes:
    """UTF-8 JSON in the document's own order."""
    return json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False).encode("utf-8", "backslashreplace")


def _checked(document: Any, name: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise SourceError(f"{name} holds no card but a {type(document).__name__}. Give the file of one character.")
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [child for value in level for child in _children(value)]
        if not level:
            return document
    raise _too_deep(name)


def _children(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value
    return [child for child in children if isinstance(child, dict | list)]


def _too_deep(name: str) -> SourceError:
    return SourceError(f"{name} is nested more than {MAX_DEPTH} deep. No card is; get another copy.")


def _no_constant(constant: str) -> Any:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:30]} is too large")
    return number


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())[:300]


class _CardLoader(yaml.SafeLoader):
    """YAML as JSON: no aliases, dates stay text, every key is text, merge keys and other types are refused."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As in YAML, without aliases."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"alias in line {self.line + 1}: write the text out where it is used")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def as_mapping(self, node: yaml.Node) -> dict[str, Any]:
        """A mapping whose keys are the text they are written as."""
        if not isinstance(node, yaml.MappingNode):
            raise yaml.YAMLError(f"no mapping in line {node.start_mark.line + 1}")
        if not all(isinstance(key, yaml.ScalarNode) for key, _ in node.value):
            raise yaml.YAMLError(f"a key that is no text in line {node.start_mark.line + 1}")
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def as_number(self, node: yaml.ScalarNode) -> float:
        """A finite number."""
        number = self.construct_yaml_float(node)
        if not math.isfinite(number):
            raise yaml.YAMLError(f"no finite number in line {node.start_mark.line + 1}")
        return float(number)

    def as_text(self, node: yaml.ScalarNode) -> str:
        """What is written there."""
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.YAMLError(f"no text in line {node.start_mark.line + 1}")
        return str(node.value)

    def as_nothing(self, node: yaml.Node) -> Any:
        """Refused."""
        raise yaml.YAMLError(f"{node.tag} in line {node.start_mark.line + 1} is no part of a card")


_CardLoader.add_constructor("tag:yaml.org,2002:map", _CardLoader.as_mapping)
_CardLoader.add_constructor("tag:yaml.org,2002:float", _CardLoader.as_number)
for _kind in ("timestamp", "binary", "value", "merge"):
    _CardLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _CardLoader.as_text)
for _kind in ("set", "omap", "pairs"):
    _CardLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _CardLoader.as_nothing)
