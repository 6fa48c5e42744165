import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.scripts.tei import read_tei

PLAY = """<?xml version="1.0"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>The Lamp</title></titleStmt>
<publicationStmt><availability><licence target="https://example.org/cc0">CC0</licence></availability></publicationStmt>
</fileDesc><profileDesc><particDesc><listPerson>
<person xml:id="anna"><persName>Anna Lee</persName></person><person xml:id="ben"><persName>Ben</persName></person>
</listPerson></particDesc></profileDesc></teiHeader>
<text><front><castList><head>Persons</head><castItem><role>Anna Lee</role>, <roleDesc>a miller</roleDesc></castItem>
</castList></front><body>
<div type="act"><head>ACT I</head>
<div type="scene"><head>Scene 1</head><stage>A mill.</stage>
<sp who="#anna"><speaker>ANN.</speaker><l>The wheel goes <hi>round</hi>,</l><l>and round.<note>A note</note></l></sp>
<sp who="#ben"><speaker>BEN. (aside)</speaker><p>So it <choice><sic>dos</sic><corr>does</corr></choice>.
<stage>He stops it.</stage> Not now.</p><stage type="exit">Exit</stage></sp></div>
<div type="scene"><head>Scene 2</head>
<sp who="#anna #ben"><speaker>BOTH</speaker><p>Oh.</p></sp><p>Curtain music plays.</p></div>
</div><div type="act" n="2"><sp><speaker>MILLER.</speaker><p>Quiet!</p></sp></div>
</body></text></TEI>"""


def read(text):
    return read_tei(text.encode(), "play.xml")


def play(inner, start=""):
    return f"{start}<TEI><text><body>{inner}</body></text></TEI>"


def turns(scene):
    return [(turn.speaker, turn.kind, turn.text) for turn in scene.turns]


def test_each_innermost_division_is_a_scene_titled_by_the_heads_above_it():
    assert [scene.title for scene in read(PLAY).scenes] == ["ACT I, Scene 1", "ACT I, Scene 2", "act 2"]


def test_speeches_are_of_the_person_that_who_points_to_and_verse_keeps_its_lines():
    first, second, third = read(PLAY).scenes
    assert turns(first) == [
        ("", "action", "A mill."),
        ("Anna Lee", "speech", "The wheel goes round,\nand round."),
        ("Ben", "action", "aside"),
        ("Ben", "speech", "So it does."),
        ("Ben", "action", "He stops it."),
        ("Ben", "speech", "Not now."),
        ("", "action", "Exit"),
    ]
    assert turns(second) == [("Anna Lee & Ben", "speech", "Oh.")]
    assert turns(third) == [("MILLER", "speech", "Quiet!")]


def test_notes_and_prose_between_speeches_are_unread():
    assert [line.text for line in read(PLAY).unread] == ["A note", "Curtain music plays."]


def test_title_licence_and_cast_are_kept():
    reading = read(PLAY)
    assert (reading.title, reading.licence) == ("The Lamp", "CC0 https://example.org/cc0")
    assert [(p.heading, p.text) for p in reading.paragraphs] == [("Persons", "Anna Lee, a miller")]


def test_lines_marked_by_lb_in_verse_are_lines_and_in_prose_are_not():
    speeches = "<sp><speaker>A</speaker><ab>one<lb/>two</ab></sp><sp><speaker>B</speaker><p>x<lb/>y</p></sp>"
    first, second = read(play(speeches)).scenes[0].turns
    assert (first.text, second.text) == ("one\ntwo", "x y")


def test_an_entity_that_the_file_does_not_declare_is_its_sign():
    text = play("<sp><speaker>A</speaker><p>No&mdash;yes</p></sp>", '<!DOCTYPE TEI SYSTEM "nowhere.dtd">')
    assert read(text).scenes[0].turns[0].text == "No—yes"


def test_a_speech_of_nobody_is_unread():
    reading = read(play("<sp><p>Who?</p></sp>"))
    assert [line.text for line in reading.unread] == ["Who?"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<TEI><text><p>Prose</p></text></TEI>", "no TEI play"),
        ("<a/>", "no TEI play"),
        ("no xml", "no well-formed XML"),
        (play("<sp><p>&a;</p></sp>", '<!DOCTYPE TEI [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'), "entities"),
        (play("<sp><p>&a;</p></sp>", '<!DOCTYPE TEI [<!ENTITY a SYSTEM "file:///etc/passwd">]>'), "entities"),
        (play("<div>" * 9000 + "<sp/>" + "</div>" * 9000), "no well-formed XML"),
    ],
)
def test_what_is_no_play_or_an_attack_is_refused(text, reason):
    with pytest.raises(SourceError, match=reason):
        read(text)


TAGS = ("div", "sp", "speaker", "p", "l", "stage", "head", "note", "lg", "front", "castList", "hi", "lb", "trailer")


def trees(children):
    return st.builds(
        lambda tag, text, inner: f"<{tag}>{text}{''.join(inner)}</{tag}>{text.upper()}",
        st.sampled_from(TAGS),
        st.sampled_from(["ab", "cd ef", ""]),
        st.lists(children, max_size=3),
    )


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.sampled_from(["gh", "ij kl", ""]), trees, max_leaves=12))
def test_no_letter_of_any_tree_is_lost(tree):
    text = play(f"{tree}<sp><speaker>Z</speaker><p>zz</p></sp>")
    reading = read(text)
    kept = [line.text for line in reading.unread] + [p.heading + p.text for p in reading.paragraphs]
    for scene in reading.scenes:
        kept += [scene.title, *(turn.speaker + turn.text for turn in scene.turns)]
    letters = Counter("".join(re.findall(r"\w", re.sub(r"<[^>]*>|TEI", "", text))))
    # A cue is heard even where nothing is said: only such a name may be missing.
    cues = Counter("".join(re.findall(r"<speaker>.*?</speaker>", text)))
    heads = Counter("".join(re.findall(r"<head>.*?</head>", text)))
    assert not letters - Counter("".join(kept)) - cues - heads
