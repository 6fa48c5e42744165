"""Lorebook entries of cards as records: names, decorators, SillyTavern's own fields."""

import json

import pytest

from roletune.sources.cards.card import read_card
from roletune.sources.cards.lorebook import Lorebook, parse_lorebook
from roletune.sources.lore import joined, lore_of


def entry(content="Text.", **fields):
    book = Lorebook.model_validate({"entries": [{"keys": ["suit"], "content": content, **fields}]})
    return next(iter(lore_of(book, "JARVIS").entries), None)


def test_an_entry_keeps_what_decides_when_it_is_told():
    found = entry(
        "{{char}} serves {{user}}.",
        name="Service",
        secondary_keys=["red"],
        selective=True,
        constant=True,
        use_regex=True,
        case_sensitive=True,
        insertion_order=7,
        priority=3,
        position="before_char",
    )
    assert (found.text, found.title) == ("JARVIS serves {{user}}.", "Service")
    assert (found.keys, found.secondary_keys, found.logic) == (("suit",), ("red",), "any")
    assert (found.constant, found.regex, found.case_sensitive) == (True, True, True)
    assert (found.order, found.priority, found.place) == (7, 3, "before")


def test_secondary_keys_of_an_entry_that_is_not_selective_do_not_count():
    assert entry(secondary_keys=["red"]).secondary_keys == ()


@pytest.mark.parametrize(
    ("decorators", "field", "value"),
    [
        ("@@depth 4", "depth", 4),
        ("@@scan_depth 9", "scan_depth", 9),
        ("@@position before_desc", "place", "before"),
        ("@@activate_only_after 3", "after_replies", 3),
        ("@@activate_only_every 2", "every_replies", 2),
        ("@@keep_activate_after_match", "keep", True),
        ("@@dont_activate_after_match", "once", True),
        ("@@activate", "constant", True),
        ("@@exclude_keys lawsuit, suitcase", "exclude_keys", ("lawsuit", "suitcase")),
        ("@@additional_keys armour", "keys", ("suit", "armour")),
        ("@@instruct_depth 3\n@@@depth 5\n@@@scan_depth 6", "depth", 5),
        ("@@depth 2\n@@@depth 5", "depth", 2),
        ("@@depth soon", "depth", None),
        ("@@is_user_icon 3", "text", "Text."),
    ],
)
def test_decorators_that_make_sense_are_followed_and_others_ignored(decorators, field, value):
    assert getattr(entry(f"{decorators}\nText."), field) == value


@pytest.mark.parametrize("content", ["@@dont_activate\nText.", "@@is_greeting 1\nText.", "", "@@depth 4"])
def test_what_can_never_be_told_is_left_out(content):
    assert entry(content) is None


def test_what_is_switched_off_is_left_out():
    assert entry(enabled=False) is None


def test_world_info_of_sillytavern_is_understood():
    world = {
        "entries": {
            "0": {
                "key": ["suit"],
                "keysecondary": ["red", "gold"],
                "content": "The suit.",
                "disable": False,
                "order": 5,
                "position": 4,
                "extensions": {"depth": 3, "position": 4, "selectiveLogic": 3},
            }
        }
    }
    (found,) = lore_of(parse_lorebook(world, "world.json"), "JARVIS").entries
    assert (found.keys, found.logic, found.depth, found.order) == (("suit",), "all", 3, 5)


def test_a_card_gives_its_book_and_several_books_are_one():
    data = {"name": "JARVIS", "character_book": {"token_budget": "200", "entries": [{"keys": ["a"], "content": "A."}]}}
    card = json.dumps({"spec": "chara_card_v3", "spec_version": "3.0", "data": data}).encode()
    first = read_card(card, "jarvis.json").lore
    book = joined([("jarvis.json", first), ("again.json", first), ("none.json", Lorebook() and first)])
    assert [(found.text, found.source) for found in book.entries] == [("A.", "none.json")]
    assert book.token_budget == 200
