import asyncio
import json

import pytest
from tests.character import make_character, workbench

from roletune.engine.store import read_records
from roletune.errors import ProjectError
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Finding, PreferencePair, Scene
from roletune.synthesis.profile_fields import ProfileItem
from roletune.verbs.profile import make_profile, read_materials, read_profile, read_sources


def read(folder):
    project = Project.open(folder)
    materials = read_materials(project)
    profile = read_profile(project, materials)
    return profile, read_sources(project, profile, materials)


def test_passages_and_scenes_know_their_places_in_the_file(tmp_path):
    folder = make_character(tmp_path)
    profile, found = read(folder)
    told = (folder / "profile.md").read_text("utf-8")
    for passage in profile.passages:
        assert told[passage.start : passage.end].startswith(passage.text)
    played = (folder / "dialogues" / "scenes.md").read_text("utf-8")
    for dialogue in found.dialogues:
        part = played[dialogue.provenance.start : dialogue.provenance.end]
        assert part.startswith(f"## Scene: {dialogue.scene.title}\n")
        assert part.count("## Scene") == 1


def test_a_source_of_prose_stands_in_for_a_profile_that_nobody_wrote(tmp_path):
    folder = make_character(tmp_path, sources=[{"path": "dialogues"}, {"path": "known.md", "licence": "CC0"}])
    (folder / "profile.md").rename(folder / "known.md")
    profile, found = read(folder)
    assert [passage.source for passage in profile.passages] == ["known.md#Work", "known.md#Habits"]
    assert {passage.licence for passage in profile.passages} == {"CC0"}
    assert len(found.dialogues) == 12


@pytest.mark.parametrize("sources", [[{"path": "dialogues"}], [{"path": "dialogues/scenes.md", "kind": "dialogues"}]])
def test_scenes_alone_do_not_tell_who_the_character_is(tmp_path, sources):
    folder = make_character(tmp_path, sources=sources)
    (folder / "profile.md").unlink()
    with pytest.raises(ProjectError, match="write what is known"):
        Project.open(folder)


def test_sources_that_tell_nothing_are_named_with_the_cure(tmp_path):
    folder = make_character(tmp_path, sources=[{"path": "dialogues/scenes.md"}])
    (folder / "profile.md").unlink()
    with pytest.raises(ProjectError, match=r"Nothing tells about Mira.*profile\.md.*roletune import"):
        read(folder)


def test_what_is_taken_of_a_source_is_a_setting(tmp_path):
    folder = make_character(tmp_path, sources=[{"path": "dialogues", "kind": "knowledge"}])
    _, found = read(folder)
    assert found.dialogues == ()
    assert {row.reason for row in found.rejections} == {"the source is read for its passages only"}
    assert len(found.rejections) == 12


def test_a_format_that_does_not_exist_is_a_mistake_in_the_settings(tmp_path):
    with pytest.raises(ProjectError, match=r"sources\.0\.format: 'word' is none of auto, prose, script"):
        Project.open(make_character(tmp_path, sources=[{"path": "dialogues", "format": "word"}]))


def test_what_is_written_for_the_character_has_its_licence_and_the_rest_its_own(tmp_path):
    folder = make_character(
        tmp_path,
        licence="CC0",
        sources=[{"path": "dialogues"}, {"path": "played.md", "origin": "authentic", "licence": "CC BY 4.0"}],
    )
    (folder / "played.md").write_text("## Scene: A\n\nOlaf: Ho.\nMira: Hm.\n")
    _, found = read(folder)
    licences = {each.provenance.source.partition("#")[0]: each.provenance.licence for each in found.dialogues}
    assert licences == {"dialogues/scenes.md": "CC0", "played.md": "CC BY 4.0"}


def made(folder, writer=None):
    async def session():
        async with workbench(folder, writer) as bench:
            await make_profile(bench)
            return bench.profile, read_records(bench.project.records("lint"), Finding)

    return asyncio.run(session())


def test_what_the_character_says_again_and_again_is_noted_and_never_from_held_out_scenes(tmp_path):
    lines = "\n".join(
        f"## Scene: Number {k}\n\nOlaf: Where did all the {word} go, and who took it?\n"
        f"Mira: By the old lamp, {word} it is.\nOlaf: So they say about {word} in the village.\n"
        for k, word in enumerate(["salt", "rain", "fish", "ice", "tar", "wool", "soot", "rust", "hail", "fog"])
    )
    folder = make_character(tmp_path, splits={"validation": 0, "test": 0})
    (folder / "dialogues" / "scenes.md").write_text(lines)
    assert "by the old lamp" in [phrase.casefold() for phrase in made(folder)[0].catchphrases]
    settings = (folder / "character.yaml").read_text()
    (folder / "character.yaml").write_text(settings + "catchphrases: [Ahoy]\n")
    assert made(folder)[0].catchphrases == ("Ahoy",)
    (folder / "character.yaml").write_text(settings.replace("test: 0", "test: 0.99"))
    assert made(folder)[0].catchphrases == ()


def test_who_speaks_is_no_stranger_unless_a_model_wrote_the_lines(tmp_path):
    told = (
        "Ada Lovegood keeps the lighthouse with her brother Tom Lovegood. Ada trims the lamp, and Tom rows for oil.\n\n"
        "The physicist Ernest Pell visits once a year; he measures the fog. Captain Brine brought him once.\n\n"
        "Her friends are Tom, Captain Brine, Kavi Mehra and old Widow Sand. Widow Sand bakes; Brine eats it.\n"
    )
    play = "## Scene: A\n\nKavi Mehra: Ho.\nMira: Hm.\n"
    found = {}
    for origin in ("authentic", "generated"):
        sources = [{"path": "dialogues"}, {"path": "a.md", "origin": origin}]
        folder = make_character(tmp_path / origin, sources=sources)
        (folder / "profile.md").write_text(told)
        (folder / "a.md").write_text(play)
        found[origin] = any("Kavi Mehra" in finding.message for finding in made(folder)[1])
    assert found == {"authentic": False, "generated": True}


ENDPOINT = {"url": "http://127.0.0.1:9/v1", "model": "quill"}
NOTE = {"kind": "style", "text": "She is dry.", "who": "", "when": "", "quote": "distrusts anybody"}


@pytest.mark.parametrize(("enabled", "calls"), [(True, 2), (False, 0)])
def test_a_writer_that_is_bound_fills_what_the_settings_leave_empty_unless_it_is_told_not_to(tmp_path, enabled, calls):
    folder = make_character(
        tmp_path, models={"writer": ENDPOINT}, profile_fields={"enabled": enabled}, description="You keep a light."
    )
    writer = ScriptedModel(lambda _: json.dumps({"items": [NOTE]}))
    profile, _ = made(folder, writer)
    assert (profile.description, profile.style) == ("You keep a light.", "She is dry." if enabled else "")
    assert len(writer.requests) == calls
    notes = read_records(folder / "build" / "profile_fields.jsonl", ProfileItem)
    assert [note.quote for note in notes] == ["distrusts anybody"][:calls]


def test_scenes_to_be_played_and_preferred_replies_are_records_of_their_own(tmp_path):
    sources = [{"path": "dialogues"}, {"path": "list.md"}, {"path": "chat.jsonl", "speakers": {"Bot": "Mira"}}]
    folder = make_character(tmp_path, sources=sources)
    (folder / "list.md").write_text("## Scene: The quay\nLocation: the quay\nBackground: Mira waits for a boat.\n")
    rows = [
        {"name": "Olaf", "is_user": True, "mes": "Who is there?"},
        {"name": "Bot", "is_user": False, "mes": "The keeper.", "swipes": ["Nobody.", "The keeper."]},
    ]
    (folder / "chat.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made(folder)
    (scene,) = read_records(folder / "build" / "source_scenes.jsonl", Scene)
    (pair,) = read_records(folder / "build" / "preferences.jsonl", PreferencePair)
    assert (scene.title, scene.provenance.source) == ("The quay", "list.md#the-quay")
    assert (pair.chosen, pair.rejected) == ("The keeper.", "Nobody.")


def test_every_file_that_cannot_be_read_is_told_at_once(tmp_path):
    folder = make_character(tmp_path, sources=[{"path": "dialogues"}, {"path": "a.md"}, {"path": "b.pdf"}])
    (folder / "a.md").write_text("", "utf-8")
    (folder / "b.pdf").write_text("no pdf", "utf-8")
    with pytest.raises(ProjectError, match="2 files can't be read") as caught:
        read_materials(Project.open(folder))
    assert [mistake.partition(" ")[0] for mistake in caught.value.mistakes] == ["a.md", "b.pdf"]
