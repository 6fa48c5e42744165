import pytest

from roletune.records import Profile, Turn
from roletune.rendering.script import ParsedScene
from roletune.sources.speakers import count_speakers, hint

JARVIS = Profile(name="JARVIS", aliases=("Edwin Jarvis",))


def scene(*names, line=1):
    return ParsedScene(turns=[Turn(speaker=name, text="one two") for name in names], line=line)


def test_speakers_are_counted_by_the_name_that_is_printed():
    scenes = [("a.md", scene("Jarvis", "J.A.R.V.I.S.", "Tony", "Tony")), ("a.md", scene("Tony", line=9))]
    told = {each.name: each for each in count_speakers(scenes, JARVIS)}
    assert list(told) == ["Tony", "J.A.R.V.I.S.", "Jarvis"]
    assert (told["Tony"].speeches, told["Tony"].words, told["Tony"].scenes) == (3, 6, 2)
    assert [name for name, each in told.items() if each.character] == ["J.A.R.V.I.S.", "Jarvis"]


def test_only_who_speaks_is_counted():
    silent = ParsedScene(turns=[Turn(speaker="Tony", text="waves", kind="action"), Turn(speaker="", text="x")])
    assert count_speakers([("a", silent)], JARVIS) == ()


@pytest.mark.parametrize(
    "name",
    ["Jarvis (V.O.)", "J-A-R-V-I-S", "Voice of JARVIS", "JARVIS's voice", "Jarvis voice", "J A R V I S", "JARVIS #2"],
)
def test_a_name_that_is_written_otherwise_looks_like_an_alias(name):
    assert hint(name, JARVIS) == "looks like an alias of JARVIS"


def test_a_part_of_a_name_may_be_the_character():
    assert hint("Edwin", JARVIS) == "may be Edwin Jarvis"


@pytest.mark.parametrize("name", ["JARVIS", "Tony", "Tony Jarvis", "All", "Narrator", "(V.O.)", "Ed", "", "..."])
def test_others_and_the_character_itself_get_no_hint(name):
    assert hint(name, JARVIS) == ""


def test_a_stage_direction_within_a_speech_does_not_make_two_of_it():
    turns = [
        Turn(speaker="Mira", text="Who is there?"),
        Turn(speaker="Mira", text="lights the lamp", kind="action"),
        Turn(speaker="Mira", text="Nobody."),
        Turn(speaker="", text="Thunder.", kind="action"),
        Turn(speaker="Mira", text="Only weather."),
        Turn(speaker="Olaf", text="Only me."),
        Turn(speaker="Mira", text="You."),
    ]
    counted = count_speakers([("a", ParsedScene(turns=turns))], Profile(name="Mira"))
    assert {each.name: (each.speeches, each.words) for each in counted} == {"Mira": (2, 7), "Olaf": (1, 2)}
