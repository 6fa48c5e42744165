import contextlib
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.scripts.screenplay import read_fdx, read_fountain

SCRIPT = """Title: The **Lamp**
Author: A. Writer
Copyright: CC0

# Act One

INT. HOUSE - KITCHEN - DAY #12#

= They meet.

Anna comes in. [[is she wet?]]
Ben /* a line
cut out */ waves.

ANNA (V.O.) (CONT'D)
(softly)
Hello *there*.
  
Again.

BEN ^
(thinking)
No.
(beat)
Yes.

ÉLODIE (on the phone)
Bonjour.

CUT TO:

.THE MOON

@McTavish
Aye.

~La la

> The end <
"""
FDX = """<?xml version="1.0" encoding="UTF-8"?>
<FinalDraft DocumentType="Script" Version="5"><Content>
<Paragraph Type="Scene Heading" Number="7"><SceneProperties><Summary><Paragraph><Text>They wait.</Text></Paragraph>
</Summary></SceneProperties><Text>EXT. PIER - NIGHT</Text></Paragraph>
<Paragraph Type="Action"><Text>Fog.</Text></Paragraph>
<Paragraph Type="Character"><Text>ANNA (O.S.)</Text></Paragraph>
<Paragraph Type="Parenthetical"><Text>(calling)</Text></Paragraph>
<Paragraph Type="Dialogue"><Text>I <!-- a comment -->am </Text>
<Text Style="Bold">not</Text><Text> here.</Text></Paragraph>
<Paragraph><DualDialogue>
<Paragraph Type="Character"><Text>BEN</Text></Paragraph><Paragraph Type="Dialogue"><Text>Anna?</Text></Paragraph>
<Paragraph Type="Character"><Text>CLEM</Text></Paragraph><Paragraph Type="Dialogue"><Text>Who?</Text></Paragraph>
</DualDialogue></Paragraph>
<Paragraph Type="Transition"><ScriptNote><Paragraph><Text>Too long?</Text></Paragraph></ScriptNote>
<Text>FADE OUT.</Text>
</Paragraph></Content>
<TitlePage><Content>
<Paragraph><Text>The Pier</Text></Paragraph><Paragraph><Text>by A. Writer</Text></Paragraph></Content>
</TitlePage></FinalDraft>"""


def fountain(text):
    return read_fountain(text.encode(), "a.fountain")


def turns(scene):
    return [(turn.speaker, turn.kind, turn.text) for turn in scene.turns]


def words(*texts):
    return Counter(word for text in texts for word in re.findall(r"\w+", text))


def everything(reading):
    """All words that a reading holds, wherever they ended."""
    found = words(reading.title, *(line.text for line in reading.unread), *reading.facts.values())
    for scene in reading.scenes:
        found += words(scene.title, *scene.headers.values())
        found += words(*(f"{turn.speaker} {turn.text} {' '.join(turn.audience or ())}" for turn in scene.turns))
    return found


def test_a_heading_opens_a_scene_that_knows_its_place_time_number_part_and_synopsis():
    first, second = fountain(SCRIPT).scenes
    assert (first.title, first.line) == ("INT. HOUSE - KITCHEN - DAY", 7)
    assert first.headers == {
        "part": "Act One",
        "location": "HOUSE - KITCHEN",
        "time": "DAY",
        "number": "12",
        "background": "They meet.",
    }
    assert (second.title, second.headers["location"]) == ("THE MOON", "THE MOON")


def test_cues_lose_their_marks_and_parentheticals_become_actions_before_the_speech():
    assert turns(fountain(SCRIPT).scenes[0]) == [
        ("", "action", "Anna comes in. Ben waves."),
        ("ANNA", "action", "softly"),
        ("ANNA", "speech", "Hello there.\nAgain."),
        ("BEN", "thought", "No."),
        ("BEN", "action", "beat"),
        ("BEN", "thought", "Yes."),
        ("ÉLODIE", "action", "on the phone"),
        ("ÉLODIE", "speech", "Bonjour."),
        ("", "action", "CUT TO:"),
    ]


def test_forced_cues_lyrics_and_centred_text_are_read():
    assert turns(fountain(SCRIPT).scenes[1]) == [
        ("McTavish", "speech", "Aye."),
        ("", "action", "La la"),
        ("", "action", "The end"),
    ]


def test_the_title_page_gives_title_licence_and_facts():
    reading = fountain(SCRIPT)
    assert (reading.title, reading.licence) == ("The Lamp", "CC0")
    assert reading.facts["Author"] == "A. Writer"


def test_notes_and_boneyard_are_unread_with_their_lines():
    unread = {line.number: line.text for line in fountain(SCRIPT).unread}
    assert unread == {11: "[[is she wet?]]", 12: "/* a line\ncut out */"}


def test_an_unclosed_boneyard_or_note_swallows_nothing():
    scene = fountain("ANNA\nOne /* two.\n\nBEN\n[[three.\n\nANNA\nfour]]\n").scenes[0]
    assert [turn.text for turn in scene.turns] == ["One /* two.", "[[three.", "four]]"]


def test_a_fade_in_on_the_first_line_is_no_title_page():
    reading = fountain("FADE IN:\n\nANNA\nHello.\n")
    assert reading.facts == {}
    assert turns(reading.scenes[0])[0] == ("", "action", "FADE IN:")


def test_a_line_in_capitals_that_nothing_follows_is_action():
    assert turns(fountain("ANNA\nHello.\n\nBOOM\n\nIT IS OVER.\nReally.").scenes[0])[1:] == [
        ("", "action", "BOOM"),
        ("", "action", "IT IS OVER. Really."),
    ]


@pytest.mark.parametrize("mark", ["V.O.", "O.S.", "o.c.", "CONT'D", "cont’d", "V.O., CONT'D", "O.S./CONT'D"])
def test_off_screen_and_continuation_marks_are_no_part_of_anything(mark):
    assert turns(fountain(f"ANNA ({mark})\nHello.").scenes[0]) == [("ANNA", "speech", "Hello.")]


def test_sections_without_headings_are_scenes_and_one_without_content_is_unread():
    reading = fountain("# One\n\nANNA\nHello.\n\n# Two\n\nBEN\nBye.\n\n# Three\n")
    assert [scene.title for scene in reading.scenes] == ["One", "Two"]
    assert [line.text for line in reading.unread] == ["Three"]


def test_a_section_that_another_follows_at_once_is_unread():
    reading = fountain("# One\n\n# Two\n\nINT. HALL - DAY\n\nANNA\nHello.")
    assert reading.scenes[0].headers["part"] == "Two"
    assert [(line.number, line.text) for line in reading.unread] == [(1, "One")]


def test_a_cue_without_a_speech_is_unread():
    reading = fountain("@ANNA\n\nBEN\nHello.")
    assert [(line.text, line.reason) for line in reading.unread] == [("ANNA", "a cue without a speech")]


def test_a_text_in_which_nobody_speaks_is_no_screenplay():
    with pytest.raises(SourceError, match="cue in capitals"):
        fountain("Once upon a time.\n")


def test_every_word_of_a_screenplay_is_somewhere():
    known = words("Title Author Copyright V O CONT D thinking")
    assert not words(SCRIPT) - known - everything(fountain(SCRIPT))


LINES = [
    *("", "  ", "ANNA", "ÉLODIE (V.O.) ^", "(beat)", "hello there", "INT. HALL - DAY #3#", "# part", "= gist"),
    *("[[note", "]]", "/* cut", "*/", "~la", "> THE END", "> mid <", "!LOUD", "@Mac", ".FORCED", "===", "CUT TO:"),
]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=30))
def test_whatever_the_order_of_lines_no_word_is_lost(lines):
    text = "\n".join([*lines, "", "ZED", "end of it"])
    lost = words(text) - everything(fountain(text)) - words("V O Title " * 30)
    assert not lost


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(SourceError):
        fountain(text)


HOSTILE = ["A" + " " * 50_000 + "a", *(sign * 50_000 for sign in ("/*", "[[", "*a ", "(", "#a", "_a ", "a :"))]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_lines_take_no_time_to_speak_of(hostile):
    assert fountain(f"{hostile}\n\nANNA\n{hostile}\n\nBEN\nHello.").scenes


def test_final_draft_paragraphs_become_turns_with_all_runs_and_both_sides_of_a_dual_dialogue():
    reading = read_fdx(FDX.encode(), "a.fdx")
    (scene,) = reading.scenes
    assert scene.title == "EXT. PIER - NIGHT"
    assert scene.headers == {"location": "PIER", "time": "NIGHT", "number": "7", "background": "They wait."}
    assert turns(scene) == [
        ("", "action", "Fog."),
        ("ANNA", "action", "calling"),
        ("ANNA", "speech", "I am not here."),
        ("BEN", "speech", "Anna?"),
        ("CLEM", "speech", "Who?"),
        ("", "action", "FADE OUT."),
    ]
    assert (reading.title, reading.facts["Title page"]) == ("The Pier", "by A. Writer")
    assert [line.text for line in reading.unread] == ["Too long?"]


def test_dialogue_of_nobody_in_final_draft_is_unread():
    text = FDX.replace("ANNA (O.S.)", "")
    unread = [line.text for line in read_fdx(text.encode(), "a.fdx").unread]
    assert unread[:2] == ["calling", "I am not here."]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no well-formed XML"),
        (b"<FinalDraft>", "no well-formed XML"),
        (b"<tei/>", "no Final Draft script"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><FinalDraft>&b;</FinalDraft>', "entities"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><FinalDraft>&a;</FinalDraft>'.encode("utf-16"), "entities"),
        (b"<a>" * 5000 + b"</a>" * 5000, "no well-formed XML"),
    ],
)
def test_xml_that_is_broken_foreign_or_a_bomb_is_refused(data, reason):
    with pytest.raises(SourceError, match=reason):
        read_fdx(data, "a.fdx")


def test_screenplay_tools_reads_the_same_speeches_from_an_ordinary_script():
    parser_of = pytest.importorskip("screenplay_tools.fountain.parser")
    script = "INT. HALL - DAY\n\nRain.\n\nANNA (V.O.)\n(low)\nHello.\nYou.\n\n"
    script += "BEN (CONT'D) ^\nNo.\n\nCUT TO:\n\nEXT. SEA - DAY\n\nANNA\nBye.\n"
    parser = parser_of.Parser()
    parser.add_text(script)
    theirs = [(e.type.value, getattr(e, "name", "") or " ".join(e.text_raw.split())) for e in parser.script.elements]
    ours = []
    for scene in fountain(script).scenes:
        ours.append(("HEADING", scene.title))
        for turn in scene.turns:
            if turn.kind == "speech":
                ours.append(("DIALOGUE", turn.text))
    assert ours == [item for item in theirs if item[0] in ("HEADING", "DIALOGUE")]
