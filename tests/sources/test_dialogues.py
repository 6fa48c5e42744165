import pytest

from roletune.records import Profile
from roletune.sources.dialogues import read_dialogues
from roletune.sources.splits import SplitSettings, split_of

PROFILE = Profile(name="JARVIS", aliases=("J.A.R.V.I.S.",))
SPLITS = SplitSettings()
KETTLE = """# A file

## Scene: The kettle
Type: debate
Location: the kitchen
Time: dawn
Mood: calm
Present: Tony Stark, Dum-E
Background: It is raining.
Purpose: protective
Category: canon
Twin: The pot

Tony Stark: Morning.
J.A.R.V.I.S. (thinking): He is late.
Jarvis: Sir.
PEPPER POTTS (to Tony Stark only): He hears everything.
"""


def read(text, source="dialogues/a.md", splits=SPLITS):
    return read_dialogues(text, source, "written", PROFILE, splits)


def test_a_scene_becomes_a_dialogue_with_everything_its_header_says():
    (dialogue,) = read(KETTLE).dialogues
    scene = dialogue.scene
    assert (scene.title, scene.kind, scene.location, scene.time) == ("The kettle", "debate", "the kitchen", "dawn")
    assert (scene.mood, scene.background) == ("calm", "It is raining.")
    assert scene.present == ("Tony Stark", "Dum-E", "JARVIS", "Pepper Potts")
    assert (dialogue.purpose, dialogue.category, dialogue.twin) == ("protective", "canon", "The pot")
    assert (dialogue.origin, dialogue.provenance.source) == ("written", "dialogues/a.md#the-kettle")


def test_the_character_has_one_name_and_capitals_become_names():
    (dialogue,) = read(KETTLE).dialogues
    assert [turn.speaker for turn in dialogue.turns] == ["Tony Stark", "JARVIS", "JARVIS", "Pepper Potts"]
    lords = read("DUKE OF EARL: Ho.\nO.K.: Hm.\nJARVIS: My lord.").dialogues[0].turns
    assert [turn.speaker for turn in lords] == ["Duke of Earl", "O.k.", "JARVIS"]


@pytest.mark.parametrize(("word", "key"), [("debate", "Type"), ("protective", "Purpose")])
def test_a_kind_or_purpose_that_does_not_exist_is_refused_and_what_exists_is_named(word, key):
    found = read(KETTLE.replace(word, "brawl"))
    assert found.dialogues == ()
    assert found.rejections[0].reason.startswith(f"{key}: 'brawl' is none of ")


def test_an_untitled_scene_keeps_its_source_when_lines_are_put_before_it():
    untitled = "## Scene:\n\nTony: Hi.\nJARVIS: Sir.\n"
    assert read(untitled).dialogues == read("\n\n\n" + untitled).dialogues


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("## Scene: A\n\nTony: Hi.\nPepper: Hello.\n", "no line of JARVIS"),
        ("## Scene: A\n\nTony: Hi.\nJARVIS (thinking): Hm.\n", "no line of JARVIS"),
        ("## Scene: A\n\nJARVIS: Is anybody here?\n", "nobody else speaks"),
        ("just words\n", "nobody speaks it"),
    ],
)
def test_what_is_no_dialogue_is_listed_with_its_reason_and_place(text, reason):
    found = read(text)
    assert found.dialogues == ()
    (rejection,) = found.rejections
    assert rejection.reason == reason
    assert rejection.detail.startswith("dialogues/a.md:1")


def test_every_scene_is_a_source_with_a_split_of_its_own_and_adding_one_moves_none():
    scenes = [KETTLE.replace("The kettle", f"Number {k}") for k in range(40)]
    before = read("\n".join(scenes[1:])).dialogues
    after = read("\n".join(scenes)).dialogues
    assert after[1:] == before
    assert {dialogue.split for dialogue in after} == {"train", "validation", "test"}
    assert all(dialogue.split == split_of(dialogue.provenance.source, SPLITS) for dialogue in after)


def test_a_place_is_taken_from_the_title_of_a_play_s_scene():
    text = "## ACT I\n\n### SCENE V. The platform.\n\n**JARVIS**\nHo.\n\n**TONY STARK**\nHa.\n"
    (dialogue,) = read(text).dialogues
    assert (dialogue.scene.title, dialogue.scene.location) == ("ACT I, scene V: The platform.", "The platform")


def test_ids_follow_content():
    assert read(KETTLE) == read(KETTLE)
    assert read(KETTLE).dialogues[0].id != read(KETTLE.replace("Sir.", "Sir!")).dialogues[0].id
    assert read(KETTLE).dialogues[0].id != read(KETTLE, source="dialogues/b.md").dialogues[0].id
