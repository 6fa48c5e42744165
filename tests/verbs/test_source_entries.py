import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import ProjectError
from roletune.verbs.source_entries import add_entries

NEW = {"path": "sources/a: b.srt", "origin": "authentic", "licence": "CC BY-SA 4.0 [x]"}


@pytest.mark.parametrize(
    "text",
    [
        "name: Mira\n",
        "name: Mira",
        "name: Mira\nsources:\n",
        "name: Mira\nsources: # none yet\n",
        "name: Mira\nsources: []\nbase: x\n",
        "name: Mira\nsources: [{path: dialogues}]  # ours\nbase: x\n",
        "name: Mira\nsources: [{path: dialogues}, ]\n",
        "name: Mira\nsources:\n  - {path: dialogues}  # ours\n  # the end\n\nbase: x # small\n",
        "name: Mira\nsources:\n- path: dialogues\n  licence: >-\n    a long\n    one\n\n# base\nbase: x\n",
        "name: Mira\nsources:\n    - path: dialogues\n      origin: written # by us",
        "name: Mira\nsources:\n  - path: dialogues\n    licence: |\n      a\n      b\n",
        "name: Mira\r\nsources:\r\n  - {path: dialogues}\r\nbase: x\r\n",
        "sources:\n  - {path: 'dia#logues'}\nname: Mira",
        "# only\nname: Mira\nsources:\n  -\n    path: dialogues\nbase: x\n",
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_entries_are_added_and_nothing_else_changes(text, count):
    entries = [NEW, {"path": "sources/other.md"}][:count]
    added = add_entries(text, entries)
    before = yaml.safe_load(text)
    assert yaml.safe_load(added) == {**before, "sources": [*(before.get("sources") or []), *entries]}
    lines = added.splitlines()
    flow = "sources: [" in text
    assert all(flow or line in lines for line in text.splitlines())
    assert [part for part in text.split() if part.startswith("#")] == [p for p in added.split() if p.startswith("#")]
    assert ("\r\n" in text) == ("\r\n" in added)


def test_nothing_to_add_changes_nothing():
    assert add_entries("name:   Mira", []) == "name:   Mira"


def test_what_can_not_be_added_to_is_refused_with_what_to_write():
    with pytest.raises(ProjectError, match=r"Add by hand:\n  - \{path: x\}"):
        add_entries("name: Mira\nshared: &s [{path: a}]\nsources: *s\n", [{"path": "x"}])


@given(st.text(min_size=1, max_size=30).filter(str.isprintable), st.text(max_size=20).filter(str.isprintable))
@settings(max_examples=100, deadline=None)
def test_any_name_is_read_back(path, licence):
    entry = {"path": path, "licence": licence}
    assert yaml.safe_load(add_entries("name: Mira\nsources: [{path: a}]\n", [entry]))["sources"][1] == entry
    assert yaml.safe_load(add_entries("name: Mira\nsources:\n  - {path: a}\n", [entry]))["sources"][1] == entry
