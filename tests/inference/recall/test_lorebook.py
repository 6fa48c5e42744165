"""What calls up a lorebook entry, and what is told of it."""

import pytest

from roletune.inference.conversation import estimate_tokens
from roletune.inference.recall.lorebook import Lore, called_up
from roletune.records import Lorebook, LoreEntry, Message


def entry(text, *keys, **fields):
    return LoreEntry(id=text, title=text, text=text, keys=keys, **fields)


def book(*entries, **fields):
    return Lorebook(entries=entries, **fields)


def said(*texts):
    """User and character in turn."""
    return [Message(role="assistant" if k % 2 else "user", content=text) for k, text in enumerate(texts)]


def told(entries, *texts, **fields):
    return [found.text for found in called_up(book(*entries, **fields), said(*texts))]


def size(text):
    return estimate_tokens([Message(role="user", content=text)])


def notes(world, *texts, tokens=400):
    return Lore(world, "Tony", tokens).notes(said(*texts), size)


@pytest.mark.parametrize(
    ("keys", "text", "found"),
    [
        (["suit"], "Where is the Suit?", True),
        (["suit"], "Suitable weather.", False),
        (["arc reactor", "suit"], "The arc reactor hums.", True),
        (["反应堆"], "那个反应堆怎么样？", True),
        (["$5"], "It costs $5.", True),
    ],
)
def test_a_key_is_found_as_a_whole_word_whatever_the_case(keys, text, found):
    assert bool(told([entry("e", *keys)], text)) is found


def test_only_the_latest_messages_are_searched_as_deep_as_the_book_or_the_entry_says():
    texts = ["The suit.", "Yes.", "Rain.", "Indeed."]
    assert told([entry("e", "suit")], *texts) == ["e"]
    assert told([entry("e", "suit")], *texts, scan_depth=2) == []
    assert told([entry("e", "suit", scan_depth=4)], *texts, scan_depth=2) == ["e"]


@pytest.mark.parametrize(
    ("logic", "text", "found"),
    [
        ("any", "suit red", True),
        ("any", "suit", False),
        ("all", "suit red", False),
        ("all", "suit red gold", True),
        ("none", "suit", True),
        ("none", "suit gold", False),
        ("not_all", "suit red", True),
        ("not_all", "suit red gold", False),
    ],
)
def test_secondary_keys_narrow_it(logic, text, found):
    assert bool(told([entry("e", "suit", secondary_keys=("red", "gold"), logic=logic)], text)) is found


def test_patterns_are_found_and_one_that_takes_forever_finds_nothing():
    assert told([entry("e", r"/mark\s+[IVX]+/i", regex=True)], "The Mark VII") == ["e"]
    assert told([entry("e", r"mark \d", regex=True)], "MARK 7") == ["e"]
    assert told([entry("e", "(", regex=True)], "(") == []
    assert told([entry("e", r"(a|aa)+$", regex=True)], "a" * 4000 + "b") == []


def test_constants_are_always_told_and_excluded_keys_keep_an_entry_away():
    assert told([entry("e", constant=True)], "Hello") == ["e"]
    assert told([entry("e", "suit", exclude_keys=("lawsuit",))], "A lawsuit about the suit") == []


def test_entries_call_up_others_only_in_a_book_that_says_so():
    chain = [entry("the reactor", "suit"), entry("palladium", "reactor")]
    assert told(chain, "The suit") == ["the reactor"]
    assert told(chain, "The suit", recursive=True) == ["the reactor", "palladium"]


def test_entries_wait_for_replies_stay_or_are_told_once():
    assert told([entry("e", "a", after_replies=1)], "a") == []
    assert told([entry("e", "a", after_replies=1)], "b", "c", "a") == ["e"]
    assert told([entry("e", "a", every_replies=2)], "b", "c", "a") == []
    later = ["a", "b", "c", "d", "e"]
    assert told([entry("e", "a", keep=True)], *later, scan_depth=1) == ["e"]
    assert told([entry("e", "a", once=True)], "a", "b", "a", scan_depth=1) == []


def test_the_room_is_kept_by_priority_and_what_is_told_stands_in_its_order():
    world = book(
        entry("first " * 20, "x", order=1, priority=1),
        entry("second " * 20, "x", order=2, priority=9),
        entry("third " * 20, "x", order=3, priority=5),
    )
    found = notes(world, "x", tokens=120)
    assert [note.text.split()[0] for note in found] == ["second", "third"]
    assert [note.text.split()[0] for note in notes(world.model_copy(update={"token_budget": 70}), "x")] == ["second"]


def test_the_person_is_named_and_constants_are_steady():
    (note,) = notes(book(entry("{{user}} built it.", constant=True)), "x")
    assert (note.text, note.steady) == ("Tony built it.", True)
    (note,) = notes(book(entry("e", "x", depth=2)), "x")
    assert (note.depth, note.steady) == (2, False)
