import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.sources.scripts.plain import read_plain


def turns(text):
    return [[(turn.speaker, turn.text, turn.kind) for turn in scene.turns] for scene in read(text).scenes]


def read(text):
    return read_plain(text.encode(), "chat.txt")


def test_who_says_what_is_read_with_names_in_any_case():
    assert turns("mira: hello\nOlaf B.: hi: there\n") == [
        [("mira", "hello", "speech"), ("Olaf B.", "hi: there", "speech")]
    ]


@pytest.mark.parametrize("line", ["[00:01:12] mira: yes", "(12:30 PM) mira: yes", "[2026-03-01 10:00:00] - <mira> yes"])
def test_times_and_brackets_around_names_are_left_out(line):
    assert turns(line) == [[("mira", "yes", "speech")]]


def test_a_line_without_a_name_goes_on_with_the_one_before_and_an_action_is_nobodys():
    assert turns("mira: yes\nand no\n\n*the door opens*\nmira: oh") == [
        [("mira", "yes and no", "speech"), ("", "the door opens", "action"), ("mira", "oh", "speech")]
    ]


def test_a_rule_begins_another_scene():
    found = read("a: 1\n---\n\nb: 2\n* * *\n")
    assert [(scene.line, scene.turns[0].speaker) for scene in found.scenes] == [(1, "a"), (3, "b")]


def test_what_nobody_says_is_unread_with_its_line():
    found = read("A log.\nhttps://x.example/y\nmira: yes\n---\nlost\n")
    assert [(line.number, line.text) for line in found.unread] == [
        (1, "A log."),
        (2, "https://x.example/y"),
        (5, "lost"),
    ]


@given(st.text(alphabet="ab:<>[]()*- \n0", max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_letter_is_lost(text):
    found = read(text)
    told = [turn.speaker + turn.text for scene in found.scenes for turn in scene.turns]
    told += [line.text for line in found.unread]
    letters = sorted(char for part in told for char in part if char in "ab")
    assert letters == sorted(char for char in text if char in "ab")
