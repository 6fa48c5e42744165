"""Thoughts are hidden however the text is cut into pieces."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.inference.thoughts import Hidden, without_thoughts

TEXT = st.lists(st.sampled_from(["<thought>", "</thought>", "<", "thought", ">", "<tho", "a", " ", "\n", "sir"]))


@settings(max_examples=60)
@given(TEXT.map("".join), st.lists(st.integers(1, 7), min_size=1))
def test_the_pieces_join_to_what_the_whole_shows(text, sizes):
    hidden, shown, place = Hidden(), "", 0
    while place < len(text):
        size = sizes[place % len(sizes)]
        shown += hidden.feed(text[place : place + size])[0]
        place += size
    shown += hidden.feed("", last=True)[0]
    assert shown == without_thoughts(text) == re.sub(r"<thought>.*?(</thought>\s*|\Z)", "", text, flags=re.S)


def test_log_probabilities_follow_their_text():
    hidden = Hidden()
    assert hidden.feed("Yes ", [1]) == ("Yes ", [1])
    assert hidden.feed("<tho", [2]) == ("", [])
    assert hidden.feed("ught>secret", [3]) == ("", [])
    assert hidden.feed("</thought> sir", [4]) == ("sir", [])
    assert hidden.feed(" <b", [5]) == (" <b", [5])
