"""Mistakes in settings, in plain words."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roletune.engine.mistakes import mistakes_of


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: Literal["red", "blue"] = "red"
    size: int = Field(default=1, ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    share: float = 0.5
    on: bool = True


def told(**values):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    return mistakes_of(caught.value, Outer)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"nmae": 1, "name": "x"}, "nmae: there is no such setting; did you mean name?"),
        ({"name": "x", "inner": {"color": "red"}}, "inner.color: there is no such setting; did you mean colour?"),
        ({"name": "x", "many": [{"sise": 2}]}, "many.0.sise: there is no such setting; did you mean size?"),
        ({"name": "x", "zebra": 1}, "zebra: there is no such setting"),
        ({}, "name: is missing"),
        ({"name": 7}, "name: must be a text; put quotation marks around it, and is 7"),
        ({"name": "x", "inner": {"size": "many"}}, "inner.size: must be a whole number, and is 'many'"),
        ({"name": "x", "inner": {"size": 1.5}}, "inner.size: must be a whole number, and is 1.5"),
        ({"name": "x", "inner": {"colour": "pink"}}, "inner.colour: must be 'red' or 'blue', and is 'pink'"),
        ({"name": "x", "inner": "big"}, "inner: must be settings, as in {key: value}, and is 'big'"),
        ({"name": "x", "many": "big"}, "many: must be a list, as in [one, two], and is 'big'"),
        ({"name": "x", "share": "half"}, "share: must be a number, and is 'half'"),
        ({"name": "x", "on": "perhaps"}, "on: must be true or false, and is 'perhaps'"),
        ({"name": "x", "inner": {"size": 0}}, "inner.size: Input should be greater than or equal to 1"),
    ],
)
def test_each_mistake_is_a_sentence_with_its_path(values, sentence):
    assert told(**values) == [sentence]


def test_a_long_value_is_not_repeated_whole():
    (sentence,) = told(name="x", share="y" * 500)
    assert len(sentence) < 120
