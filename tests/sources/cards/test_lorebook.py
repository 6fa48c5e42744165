import json

from roletune.sources.cards.card import read_card
from roletune.sources.cards.lorebook import Entry, parse_lorebook

WORLD_INFO = {
    "entries": {
        "0": {"uid": 0, "key": ["harbour"], "keysecondary": [], "comment": "Harbour", "content": "It silts up.",
              "order": 90, "disable": False, "vectorized": False},
        "1": {"uid": 1, "key": ["bell"], "content": "It has no clapper.", "order": 80, "disable": True},
    },
    "originalData": {"kept": 1},
}  # fmt: skip


def test_a_lorebook_of_its_own_is_read_as_paragraphs():
    document = {"spec": "lorebook_v3", "data": {"name": "The coast", "entries": [
        {"keys": ["harbour"], "content": "@@depth 2\nIt silts up.", "use_regex": False}]}}  # fmt: skip
    reading = read_card(json.dumps(document).encode(), "coast.json")
    assert reading.title == "The coast"
    assert [(p.heading, p.text) for p in reading.paragraphs] == [("harbour", "It silts up.")]


def test_world_info_is_read_under_its_own_names_and_keeps_the_rest():
    book = parse_lorebook(WORLD_INFO, "w.json")
    told = [(entry.title, entry.enabled, entry.insertion_order, entry.id) for entry in book.entries]
    assert told == [("Harbour", True, 90, 0), ("bell", False, 80, 1)]
    assert book.document()["originalData"] == {"kept": 1}
    assert book.document()["entries"][0]["vectorized"] is False
    reading = read_card(json.dumps(WORLD_INFO).encode(), "w.json")
    assert [p.text for p in reading.paragraphs] == ["It silts up."]
    assert "1 lorebook entries are switched off" in reading.notices[0]


def test_decorators_are_told_with_their_fallbacks():
    entry = Entry(content="@@position after_desc\n@@@depth 3\n@@dont_activate\nThe text.\n@@late is text")
    assert [(d.name, d.value, d.fallback) for d in entry.decorators] == [
        ("position", "after_desc", False),
        ("depth", "3", True),
        ("dont_activate", "", False),
    ]
    assert entry.text == "The text.\n@@late is text"


def test_a_content_without_decorators_is_its_text():
    assert Entry(content="a@@b\n").text == "a@@b"
    assert Entry(content="").text == ""
