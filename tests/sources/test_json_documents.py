import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.json_documents import MAX_BROKEN, read_json


def values(text):
    return [document.value for document in read_json(text.encode(), "a.json").documents]


def broken(text):
    return [(line.number, line.text, line.reason) for line in read_json(text.encode(), "a.json").broken]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}{"a": 2}',
        '{"a": 1}\n{"a": 2}\n',
        '{\n  "a": 1\n}{\n  "a": 2\n}\n',
        '[{"a": 1}, {"a": 2}]',
        '[\n  {"a": 1},\n  {"a": 2}\n]\n',
        '{"a": 1},\n{"a": 2},\n',
        '\x1e{"a": 1}\n\x1e{"a": 2}\n',
        '\ufeff{"a": 1}\r\n{"a": 2}',
    ],
)
def test_values_are_found_however_they_are_strung_together(text):
    assert (values(text), broken(text)) == ([{"a": 1}, {"a": 2}], [])


def test_lists_one_a_line_stay_lists():
    assert values("[1, 2]\n[3]\n") == [[1, 2], [3]]


def test_an_empty_list_is_whole_and_holds_nothing():
    assert (values("[]"), broken("[]")) == ([], [])


def test_a_value_knows_its_place():
    found = read_json(b'{"a": 1}\n\n {"b":\n 2}', "a.json")
    assert [(d.start, d.end, d.line) for d in found.documents] == [(0, 8, 1), (11, 20, 3)]
    assert found.unread(found.documents[1], "why").text == '{"b":\n 2}'


def test_what_was_whole_before_the_file_breaks_off_is_kept():
    text = '{"a": 1}\n{"a": 2}\n{"a": "thr'
    assert values(text) == [{"a": 1}, {"a": 2}]
    ((number, torn, reason),) = broken(text)
    assert (number, torn) == (3, '{"a": "thr')
    assert reason == "the file breaks off (Unterminated string starting at line 3, column 7)"


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": 2}', '[{"a": 1}, {"a": 2},\n', '[{"a": 1}, {"a": 2}, {"a"'])
def test_a_list_that_breaks_off_keeps_its_whole_members(text):
    assert values(text) == [{"a": 1}, {"a": 2}]
    ((_, _, reason),) = broken(text)
    assert reason.startswith("the file breaks off")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{"a": oops}\n{"a": 2}\n',
        '{\n  "a": 1\n}\n{\n  "b": {\n    oops\n  }\n}\n{\n  "a": 2\n}',
        '[\n  {"a": 1},\n  {"b": {\n    "c": oops}},\n  {"a": 2}\n]',
    ],
)
def test_reading_goes_on_after_a_broken_value(text):
    assert values(text) == [{"a": 1}, {"a": 2}]
    ((_, torn, reason),) = broken(text)
    assert "oops" in torn
    assert "Expecting" in reason


@pytest.mark.parametrize("text", ["", " \n", "{", "hello", '{"a": 1', "[" * 100_000, '{"a": ' + "9" * 10_000 + "}"])
def test_a_file_without_a_whole_value_is_refused_with_its_place_and_a_cure(text):
    with pytest.raises(SourceError, match=r"a\.json holds no whole JSON value: .+ Save it again"):
        read_json(text.encode(), "a.json")


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"b": ' * 900 + '"\\ud800"' + "}" * 900])
def test_deep_nesting_is_listed_and_what_came_before_is_kept(deep):
    text = '{"a": 1}\n' + deep
    assert values(text) == [{"a": 1}]
    assert "nested too deeply" in broken(text)[0][2]


def test_a_file_that_is_mostly_broken_is_given_up():
    lines = broken('{"a": 1}\n' + "{oops}\n" * 50_000)
    assert len(lines) == MAX_BROKEN
    assert lines[-1][2].endswith("what follows is not read")


def test_too_many_values_are_refused():
    with pytest.raises(SourceError, match=r"over 200,000 values\. Split it"):
        read_json(b"1 " * 200_001, "a.json")


def test_half_a_character_becomes_one_that_can_be_written():
    (value,) = values('{"a\\ud800": ["\\uDFFFx", "\\ud83d\\ude00", 1]}')
    assert value == {"a\ufffd": ["\ufffdx", "\U0001f600", 1]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), min_size=1, max_size=5)


@settings(max_examples=100, deadline=None)
@given(OBJECTS, st.sampled_from(["", "\n", " ", ",\n"]), st.sampled_from([None, 2]))
def test_what_was_written_is_read(objects, between, indent):
    assert values(between.join(json.dumps(value, indent=indent) for value in objects)) == objects
    assert values(json.dumps(objects, indent=indent)) == objects


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[]",:1a\n\\u'), max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(data):
    try:
        found = read_json(data, "a.json")
    except SourceError:
        return
    places = [(document.start, document.end) for document in found.documents]
    assert places == sorted(places)
    assert all(start < end <= len(found.text) for start, end in places)
