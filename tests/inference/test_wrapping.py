from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from roletune.inference.wrapping import LiveWrap


def wrapped(pieces, **options):
    wrap = LiveWrap(**options)
    return "".join([*map(wrap.feed, pieces), wrap.end()])


def test_lines_break_between_words_also_where_pieces_split_them():
    text = wrapped(["Good eve", "ning, s", "ir. The kettle", " boils."], width=20, column=9, indent=2)
    assert text == "Good\n  evening, sir. The\n  kettle boils."


def test_line_breaks_of_the_text_stay_and_white_space_around_it_goes():
    assert wrapped(["\n Sir.", "\n\n", "Yes?\n", "\n"], width=80, indent=2) == "Sir.\n\n  Yes?"


def test_a_word_longer_than_a_line_is_not_lost():
    assert wrapped(["a " + "b" * 30 + " c"], width=10) == "a\n" + "b" * 30 + "\nc"


def test_wide_characters_are_shown_at_once_and_break_anywhere():
    wrap = LiveWrap(width=6)
    assert wrap.feed("晚上") == "晚上"
    assert wrap.feed("好先") == "好\n先"


@given(st.lists(st.text("ab \n")), st.integers(4, 20))
def test_no_word_is_changed_and_no_line_is_too_long(pieces, width):
    text = wrapped(pieces, width=width)
    assert text.split() == "".join(pieces).split()
    longest = max(map(len, text.split()), default=0)
    assert all(cell_len(line.rstrip()) <= max(width, longest) for line in text.splitlines())
