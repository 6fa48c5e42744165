from dataclasses import replace

from roletune.prompts import load_prompt
from roletune.records import Profile, Turn
from roletune.rendering.persona import Persona
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.sources import material
from roletune.sources.cited import Cited, cite
from roletune.sources.material import Material
from roletune.sources.reading import Pair, Paragraph, Reading
from roletune.sources.splits import SplitSettings

MIRA = Profile(name="Mira")
SPOKEN = ParsedScene(title="A", turns=[Turn(speaker="MIRA", text="Yes."), Turn(speaker="Olaf", text="No.")], line=2)
SILENT = ParsedScene(title="B", turns=[Turn(speaker="Olaf", text="No."), Turn(speaker="Per", text="No.")], line=9)
READING = Reading(
    paragraphs=(Paragraph("Mira keeps the light.", "Work", start=10, end=31), Paragraph("She is old.")),
    scenes=(SPOKEN, SILENT),
    unread=(UnreadLine(4, "???", "nobody says it"),),
    url="https://wiki.example/Mira",
    revision="7",
    date="2026-03-01",
    licence="CC BY-SA 4.0",
    facts={"Born": "1815", "Died": ""},
)


def made(kind="both", name="sources/a.json", licence="", reading=READING):
    return Material(cite(reading, name, "authentic", licence), "wiki", reading, kind)


def dialogues(*materials):
    return material.dialogues(materials, MIRA, SplitSettings())


def test_every_record_carries_where_it_comes_from():
    passages, _ = material.passages([made()])
    dialogue = dialogues(made()).dialogues[0]
    for record in (*passages, dialogue.provenance, dialogue.scene.provenance):
        assert (record.url, record.revision, record.date) == ("https://wiki.example/Mira", "7", "2026-03-01")
        assert record.licence == "CC BY-SA 4.0"
    assert [(passage.start, passage.end) for passage in passages] == [(10, 31), (None, None)]
    assert [passage.source for passage in passages] == ["sources/a.json#Work", "sources/a.json"]
    assert [(fact.name, fact.value) for fact in material.facts([made()])] == [("Born", "1815")]


def test_a_licence_that_settings_name_wins():
    assert made(licence="CC0").cited.licence == "CC0"


def test_every_scene_paragraph_and_line_ends_in_exactly_one_place():
    for kind, kept_passages, kept_dialogues in (("both", 2, 1), ("knowledge", 2, 0), ("dialogues", 0, 1)):
        passages, left_out = material.passages([made(kind)])
        read = dialogues(made(kind))
        assert (len(passages), len(read.dialogues)) == (kept_passages, kept_dialogues)
        assert len(passages) + len(left_out) == 2
        assert len(read.dialogues) + len(read.rejections) == 3
        assert all(rejection.reason for rejection in (*left_out, *read.rejections))


def test_the_reasons_name_the_place():
    told = {rejection.reason: rejection.detail for rejection in dialogues(made()).rejections}
    assert told == {"nobody says it": "sources/a.json:4", "no line of Mira": "sources/a.json:9 B"}


def test_a_passage_that_two_sources_hold_is_kept_once():
    passages, left_out = material.passages([made(), made(name="b.json")])
    assert [passage.source for passage in passages] == ["sources/a.json#Work", "sources/a.json"]
    assert {rejection.reason for rejection in left_out} == {
        "the same passage is in sources/a.json#Work",
        "the same passage is in sources/a.json",
    }


def test_a_long_paragraph_is_cut_and_each_piece_knows_its_place():
    text = " ".join(f"Sentence number {k} is not short, but long enough." for k in range(90))
    reading = Reading(paragraphs=(Paragraph(text, start=100, end=100 + len(text)),))
    passages, _ = material.passages([made(reading=reading)])
    assert len(passages) > 2
    for passage in passages:
        assert text[passage.start - 100 : passage.end - 100] == passage.text


def test_scenes_know_their_places_where_lines_are_known():
    lines = tuple(range(0, 200, 10))
    found = dialogues(Material(Cited("a.md"), "script", READING, "both", lines))
    assert (found.dialogues[0].provenance.start, found.dialogues[0].provenance.end) == (10, 80)


def test_how_much_of_each_source_is_used_is_counted():
    materials = [made(), made("knowledge", "sources/a.json-2")]
    passages, _ = material.passages(materials)
    first, second = material.uses(materials, passages, dialogues(*materials).dialogues)
    assert (first.passages, first.dialogues) == (2, 1)
    assert (second.passages, second.dialogues) == (0, 0)


def test_what_a_model_wrote_is_trained_on_at_most():
    reading = Reading(scenes=tuple(replace(SPOKEN, title=f"Scene {k}") for k in range(40)))
    splits = {}
    for origin in ("authentic", "generated"):
        each = Material(Cited("a.json", origin), "script", reading)
        splits[origin] = {one.split for one in dialogues(each).dialogues}
    assert splits == {"authentic": {"train", "validation", "test"}, "generated": {"train"}}


def test_two_scenes_under_one_heading_are_two_and_the_same_scene_twice_is_one():
    other = replace(SPOKEN, turns=[*SPOKEN.turns, Turn(speaker="Olaf", text="Still no.")], line=20)
    read = dialogues(Material(Cited("a.md"), "script", Reading(scenes=(SPOKEN, other, SPOKEN))))
    assert len({one.scene.id for one in read.dialogues}) == len({one.id for one in read.dialogues}) == 2
    assert [(row.reason, row.detail) for row in read.rejections] == [("the same scene comes before", "a.md:2 A")]


def test_a_scene_that_tells_a_situation_is_kept_to_be_played_and_an_empty_one_is_not():
    told = ParsedScene(title="T", headers={"background": "It rains."}, line=3)
    lure = replace(told, title="L", headers={**told.headers, "purpose": "protective"})
    read = dialogues(Material(Cited("a.md"), "script", Reading(scenes=(told, told, lure, ParsedScene(title="E")))))
    assert [(scene.title, scene.background, scene.provenance.source) for scene in read.scenes] == [
        ("T", "It rains.", "a.md#t")
    ]
    assert [row.reason for row in read.rejections] == [
        "the same scene comes before",
        "a scene that nobody plays",
        "a scene that nobody plays",
    ]


def test_replies_that_were_preferred_share_the_split_of_their_chat():
    context = (Turn(speaker="olaf", text="Who?"),)
    pairs = (Pair(context, "MIRA", "I.", "Nobody.", 2), Pair(context, "Per", "I.", "No.", 3))
    each = Material(Cited("a.jsonl", "written"), "chat-log", replace(READING, pairs=pairs))
    (pair,) = material.preferences([each], Persona(MIRA, load_prompt("persona")), SplitSettings())
    assert (pair.chosen, pair.rejected, pair.origin) == ("I.", "Nobody.", "swipes")
    assert [(one.role, one.content) for one in pair.prompt[1:]] == [("user", "Who?")]
    assert (pair.split, pair.provenance.source) == (dialogues(each).dialogues[0].split, "a.jsonl#a")
