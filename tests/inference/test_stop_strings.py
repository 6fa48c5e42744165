import pytest

from roletune.inference.stop_strings import GrowingText


def told(steps, *stops):
    growing = GrowingText(stops)
    pieces = [growing.grow(whole) for whole in steps[:-1]]
    pieces.append(growing.grow(steps[-1], last=True))
    assert "".join(pieces) == growing.text
    return pieces, growing


def test_without_stop_strings_text_is_told_as_it_grows():
    pieces, growing = told(["Good", "Good mor", "Good morning."])
    assert pieces == ["Good", " mor", "ning."]
    assert not growing.stopped


def test_a_reply_ends_before_its_first_stop_string():
    pieces, growing = told(["Yes, sir.", "Yes, sir.\n", "Yes, sir.\nTony", "Yes, sir.\nTony: and"], "\nTony:", "and")
    assert pieces == ["Yes, sir.", "", "", ""]
    assert growing.stopped


def test_what_only_looked_like_a_stop_string_is_told_in_the_end():
    pieces, _ = told(["Yes.\nTo", "Yes.\nTomorrow", "Yes.\nTomorrow.\nTony"], "\nTony:")
    assert pieces == ["Yes.", "\nTomorrow", ".\nTony"]


def test_half_a_character_is_never_told():
    pieces, _ = told(["caf\ufffd", "café"])
    assert pieces == ["caf", "é"]


@pytest.mark.parametrize("stops", [("",), ()])
def test_an_empty_stop_string_stops_nothing(stops):
    _, growing = told(["Yes."], *stops)
    assert (growing.text, growing.stopped) == ("Yes.", False)
