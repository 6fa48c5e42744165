import json
from pathlib import Path

import pytest

from roletune.records import Turn
from roletune.sources.wiki.lines import wiki_lines
from roletune.sources.wiki.transcript import read_transcript, read_wiki_transcript, transcript_lines

PAGES = Path(__file__).parents[2] / "wiki" / "pages" / "en"


def page(name):
    return read_wiki_transcript((PAGES / f"{name}.wiki").read_bytes(), f"{name}.wiki")


def script(text):
    return read_transcript(wiki_lines(text, marks=True), text)


def turns(text):
    return [turn for scene in script(text).scenes for turn in scene.turns]


def said(text):
    return [(turn.kind, turn.speaker, turn.text) for turn in turns(text)]


def test_a_transcript_in_bold_gives_scenes_directions_and_thoughts():
    reading = page("The_Silent_Clock%2FTranscript")
    assert [(scene.title, scene.line) for scene in reading.scenes] == [("the hall. Evening", 5), ("the kitchen", 16)]
    assert [(t.kind, t.speaker, t.text) for t in reading.scenes[0].turns] == [
        ("speech", "Ada", "Why does it not strike?"),
        ("action", "Halda", "bowing"),
        ("speech", "Halda", "Because nobody asked it to, madam."),
        ("speech", "Ada", "Then ask it!"),
        ("action", "Halda", "to the clock"),
        ("speech", "Halda", "Would you"),
        ("action", "Halda", "taps the glass"),
        ("speech", "Halda", "be so kind?"),
        ("action", "", "The clock says nothing."),
        ("action", "", "♪ A slow waltz ♪"),
        ("speech", "Halda", "It would not."),
    ]
    assert [(t.kind, t.speaker, t.text) for t in reading.scenes[1].turns] == [
        ("thought", "Ada", "He is broken."),
        ("speech", "Ada", "Tea? Or rather coffee?"),
        ("speech", "Halda", "Tea, madam. Always."),
    ]


def test_prose_is_a_paragraph_before_the_dialogue_and_unread_within_it():
    reading = page("The_Silent_Clock%2FTranscript")
    assert [p.text for p in reading.paragraphs] == ['This is the transcript of "The Silent Clock".']
    assert [(line.number, line.text) for line in reading.unread] == [(13, "The rain falls on the roof.")]


def test_definition_lists_templates_and_tables_give_turns_and_a_rule_a_scene():
    reading = page("The_Rain_Machine%2FTranscript")
    assert [[(t.kind, t.speaker, t.text) for t in scene.turns] for scene in reading.scenes] == [
        [("speech", "Ada", "It rains upwards."), ("speech", "Halda", "That, madam, is a fountain.")],
        [
            ("speech", "Ada", "Fetch me the long spanner."),
            ("speech", "Halda", "It is in your hand, madam."),
            ("speech", "Ada", "Oh."),
            ("action", "Halda", "coughs"),
            ("speech", "Halda", "Quite."),
            ("action", "", "The machine stops."),
        ],
    ]


def test_plain_names_give_turns():
    reading = page("The_Ferry")
    assert [t.speaker for t in reading.scenes[0].turns if t.kind == "speech"] == [
        *("Ada", "Halda", "Ada", "HALDA", "Ferryman", "Ada", "Halda", "Ada")
    ]
    assert reading.scenes[0].turns[0] == Turn(speaker="", text="A quay. Fog.", kind="action")


@pytest.mark.parametrize(
    "line",
    [
        "'''Ada''': Come in.",
        "'''Ada:''' Come in.",
        "'''Ada: '''Come in.",
        "'''[[Ada Quill|Ada]]''': Come in.",
        "[[Ada Quill|'''Ada''']]: Come in.",
        ":'''Ada''': Come in.",
        "* '''Ada''': Come in.",
        "'''Ada (V.O.):''' Come in.",
        "'''Ada (CONT'D)''': \"Come in.\"",
        "'''Ada''' – Come in.",
        "'''Ada''': <span style='color:red'>Come</span> in.<ref>x</ref>",
        ";Ada: Come in.",
        ";Ada :Come in.",
        ";'''Ada'''\n:Come in.",
        "{{L|Ada|Come in.}}",
        "{{dialogue|Ada|Come in.}}",
        "{{Dialogue|speaker=Ada|text=Come in.}}",
        "'''Ada：'''Come in.",
        "Ada: Come in.",
        "'''Ada''':<br />Come in.",
    ],
)
def test_every_dialect_says_who_speaks(line):
    assert said(line) == [("speech", "Ada", "Come in.")]


@pytest.mark.parametrize(
    "line",
    [
        "'''Ada''': ''(nods)'' Yes.",
        "'''Ada''' ''(nods)'': Yes.",
        "'''Ada (nods)''': Yes.",
        "'''Ada''' (nods): Yes.",
        "'''Ada''': [nods] Yes.",
        "'''Ada''': (''nods'') Yes.",
        "Ada (nods): Yes.",
    ],
)
def test_a_direction_before_the_speech_is_an_action_of_the_speaker(line):
    assert said(line) == [("action", "Ada", "nods"), ("speech", "Ada", "Yes.")]


def test_emphasis_and_spoken_parentheses_stay_in_the_speech():
    assert said("'''Ada''': It was ''you'' (and nobody else) who knew.") == [
        ("speech", "Ada", "It was you (and nobody else) who knew.")
    ]


@pytest.mark.parametrize("line", ["''She sits.''", "[She sits.]", "(She sits.)", "''[She sits.]''", "''(She sits.)''"])
def test_a_direction_alone_is_an_action_of_nobody(line):
    assert said(f"'''Ada''': Yes.\n\n{line}\n")[1] == ("action", "", "She sits.")


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("== The hall ==", "The hall"),
        ("'''Scene 2'''", "Scene 2"),
        ("'''Scene 2: The hall'''", "2: The hall"),
        ("[Scene: The hall]", "The hall"),
        ("''[Scene changes to the hall.]''", "the hall"),
        ("INT. HALL - NIGHT", "INT. HALL - NIGHT"),
    ],
)
def test_a_scene_begins_where_the_page_says_so(line, title):
    scenes = script(f"'''Ada''': One.\n\n{line}\n\n'''Ada''': Two.").scenes
    assert [scene.title for scene in scenes] == ["", title]
    assert [turn.text for scene in scenes for turn in scene.turns] == ["One.", "Two."]


def test_scenes_of_one_title_are_told_apart():
    scenes = script("== Hall ==\n'''Ada''': One.\n----\n'''Ada''': Two.\n----\n'''Ada''': Three.").scenes
    assert [scene.title for scene in scenes] == ["Hall", "Hall (2)", "Hall (3)"]


def test_a_cue_that_nothing_follows_is_unread():
    unread = script("'''Ada''':\n\n'''Bert''': Yes.\n'''Ada''':").unread
    assert [(line.number, line.text) for line in unread] == [(1, "Ada:"), (4, "Ada:")]


def test_the_lines_of_a_place_are_headers():
    scene = script("== One ==\nLocation: the hall\n'''Ada''': Yes.").scenes[0]
    assert scene.headers == {"location": "the hall"}


@pytest.mark.parametrize(
    ("title", "text", "transcript"),
    [
        ("The Ferry/Transcript", "'''Ada''': One.\n'''Bert''': Two.", True),
        ("The Ferry", "'''Ada''': One.\n'''Bert''': Two.\n" * 4, True),
        ("The Ferry", "Prose about a ferry.\n\n" * 20 + "'''Ada''': One.\n'''Bert''': Two.\n" * 3, False),
        ("Transcript", "How transcripts are written is told here: with names.", False),
        ("Credits", "\n".join(f"* Thing {i}: somebody" for i in range(20)), False),
    ],
)
def test_a_transcript_is_known_by_its_title_and_by_its_lines(title, text, transcript):
    assert (transcript_lines(title, text) is not None) is transcript


def test_the_recorded_transcripts_are_what_the_pages_say():
    answers = json.loads((Path(__file__).parent / "answers.json").read_text("utf-8"))["en"]
    texts = [
        page["revisions"][0]["slots"]["main"]["*"]
        for answer in answers.values()
        for page in answer["query"].get("pages", {}).values()
        if "Transcript" in page["title"]
    ]
    assert sorted(texts) == sorted(path.read_text("utf-8").rstrip() for path in PAGES.glob("*Transcript.wiki"))
