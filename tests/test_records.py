import inspect
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from roletune import records
from roletune.records import Dialogue, Profile, Provenance, Record, Turn, fingerprint

RECORDS = [kind for _, kind in inspect.getmembers(records, inspect.isclass) if issubclass(kind, Record)]
JSON_VALUES = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=3)

st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def untold_by_type(field):
    """What a field's type alone does not tell: any JSON values, texts of a pattern; None for all others."""
    pattern = next((one.pattern for one in field.metadata if getattr(one, "pattern", None)), None)
    if pattern:
        return st.from_regex(pattern.replace("$", r"\Z"), alphabet=st.characters(codec="ascii"))
    return JSON_VALUES if field.annotation == dict[str, Any] else None


for record in RECORDS:
    guesses = {name: untold_by_type(field) for name, field in record.model_fields.items()}
    told = {name: values for name, values in guesses.items() if values is not None}
    st.register_type_strategy(record, st.builds(record, **told))


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_record_survives_being_written_and_read(kind, data):
    record = data.draw(st.from_type(kind))
    assert kind.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_is_frozen_and_refuses_what_it_does_not_know(kind):
    assert kind.model_config["frozen"]
    with pytest.raises(ValidationError, match="unheard_of"):
        kind.model_validate({"unheard_of": 1})


def test_a_record_can_not_be_changed():
    turn = Turn(speaker="Mira", text="Evening.")
    with pytest.raises(ValidationError, match="frozen"):
        turn.text = "Morning."


def test_a_record_of_another_schema_version_is_noticed():
    with pytest.raises(ValidationError, match="schema_version"):
        Profile(name="Mira", schema_version=2)


def test_an_unknown_split_or_origin_is_refused():
    with pytest.raises(ValidationError) as caught:
        Dialogue.model_validate(
            {"id": "1", "turns": (), "split": "dev", "origin": "found", "provenance": {"source": "x"}}
        )
    assert {error["loc"][0] for error in caught.value.errors()} == {"split", "origin", "scene"}


def test_fingerprints_are_the_same_on_every_machine():
    assert fingerprint("a", 1, [None, {"b": "ü"}]) == "f6e17f8ca066db9d"
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint("a", "b") != fingerprint("ab")
    assert len(fingerprint("a", length=8)) == 8


def test_the_character_is_known_under_all_its_names_whatever_case_and_dots():
    profile = Profile(name="JARVIS", aliases=("the house",))
    assert all(profile.is_me(name) for name in ("Jarvis", "J.A.R.V.I.S.", "  jarvis ", "The  House"))
    assert not profile.is_me("Jarvis's friend")


def test_an_action_of_nobody_is_not_the_characters_even_if_an_alias_is_empty():
    assert not Profile(name="JARVIS", aliases=("", "...")).is_me("")


def test_provenance_needs_a_source():
    with pytest.raises(ValidationError, match="source"):
        Provenance()
