"""What is wrong with somebody's settings, in plain words, each with its path: not in the words of the validator.

A key that does not exist is answered with the one that was probably meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

SHOWN = 60  # characters of a wrong value that are repeated

_WANTED = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text; put quotation marks around it",
    "tuple_type": "must be a list, as in [one, two]",
    "list_type": "must be a list, as in [one, two]",
    "dict_type": "must be settings, as in {key: value}",
    "model_type": "must be settings, as in {key: value}",
    "model_attributes_type": "must be settings, as in {key: value}",
}


def mistakes_of(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Each mistake as `path: what is wrong`, with the value where that helps, in the order of the file."""
    return [mistake_of(item, model) for item in error.errors()]


def mistake_of(item: Any, model: type[BaseModel]) -> str:
    """One of `ValidationError.errors()` about this model, as a sentence."""
    where = ".".join(str(part) for part in item["loc"])
    told = _sentence(item, model)
    return f"{where}: {told}" if where else told


def _sentence(item: Any, model: type[BaseModel]) -> str:
    kind = item["type"]
    if kind == "extra_forbidden":
        return f"there is no such setting{_meant(item['loc'], model)}"
    if kind == "missing":
        return "is missing"
    if wanted := _WANTED.get(kind):
        return f"{wanted}, and is {_shown(item['input'])}"
    if kind == "literal_error":
        return f"must be {item['ctx']['expected']}, and is {_shown(item['input'])}"
    return str(item["msg"]).removeprefix("Value error, ")


def _meant(path: Sequence[int | str], model: type[BaseModel]) -> str:
    """The setting of the same block that the last name of a path comes near."""
    models = [model]
    for part in path[:-1]:
        if isinstance(part, str):  # a number is a place in a list, whose elements the annotation tells
            annotations = [each.model_fields[part].annotation for each in models if part in each.model_fields]
            models = [inner for annotation in annotations for inner in _models(annotation)] or models
    known = [name for each in models for name in each.model_fields]
    near = get_close_matches(str(path[-1]), known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation holds: itself, or inside of unions, lists and mappings."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
