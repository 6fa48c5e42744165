import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.engine.quotes import find_quote

TEXT = "“Will do,  sir,” he said — and he left the\nhouse at nine. 他守护着灯塔。Straße."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Will do, sir", "Will do,  sir"),
        ('"will do sir"', "Will do,  sir"),
        ("he left the house", "he left the\nhouse"),
        ("Will do ... at nine", "Will do,  sir,” he said — and he left the\nhouse at nine"),
        ("守护着灯塔", "守护着灯塔"),
        ("STRASSE", "Straße"),
        ("ill do", None),
        ("hous", None),
        ("at nine … Will do", None),
        ("", None),
        ("…", None),
    ],
)
def test_a_quotation_is_found_by_its_words_alone(quote, found):
    place = find_quote(quote, TEXT)
    assert (TEXT[place[0] : place[1]] if place else None) == found


@given(st.text(max_size=80))
@settings(max_examples=100, deadline=None)
def test_a_text_holds_itself_if_it_has_letters(text):
    place = find_quote(text.replace(".", ""), text)
    assert (place is not None) == any(letter.isalnum() for letter in text) or "…" in text
