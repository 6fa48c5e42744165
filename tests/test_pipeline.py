import asyncio
import json
import re

import pytest

from roletune import pipeline
from roletune.engine.store import read_records, write_text
from roletune.errors import DatasetError, EndpointError, ProjectError, SourceError
from roletune.llm.scripted import ScriptedModel
from roletune.records import Dialogue, Edit, Rejection, Scene
from roletune.verbs.stage import Stage, make_stage

from .character import TOPICS, Heard, make_character, scripted_writer, workbench, write_like_a_model

SMALL = {
    "scenes": {"count": 4, "per_call": 2},
    "experiences": {"per_scene": 2},
    "protective": {"count": 5, "twins": False, "partners": ["Olaf", "Visitor"]},
}
WRITTEN = ["profile", "scenes", "experiences", "protective"]


@pytest.fixture
def folder(tmp_path):
    return make_character(tmp_path / "mira", **SMALL)


def make(folder, until="protective", writer=None, progress=None, again=False):
    async def session():
        async with workbench(folder, writer, progress) as bench:
            return await pipeline.make(bench, until, again=again)

    return asyncio.run(session())


def records(folder, stage, kind=Dialogue):
    return read_records(folder / "build" / f"{stage}.jsonl", kind)


def rewrite(folder, stage, change):
    """Edit a stage's file as a person would: `change` takes and returns a list of lines as values."""
    path = folder / "build" / f"{stage}.jsonl"
    lines = change([json.loads(line) for line in path.read_text("utf-8").splitlines()])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def set_(folder, old, new, file="character.yaml"):
    path = folder / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_the_stages_are_those_of_the_story_in_their_order():
    assert list(pipeline.STAGES) == [*WRITTEN, "dataset", "train", "evaluate", "report"]
    told = re.findall(r"^    (\w+)  ", pipeline.__doc__, re.M)
    assert told == [*pipeline.STAGES, *pipeline.METHODS, *pipeline.SUITES]


def test_what_a_stage_reads_an_earlier_one_has_written():
    written = set()
    for stage in pipeline.STAGES.values():
        assert set(stage.reads) <= written | {"dataset/test.jsonl"}, stage.name
        written |= set(stage.writes)


def test_scenes_dialogues_and_protective_dialogues_come_out(folder):
    assert make(folder) == WRITTEN
    assert len(records(folder, "dialogues")) == len(TOPICS)
    scenes = records(folder, "scenes", Scene)
    assert scenes
    experiences, protective = records(folder, "experiences"), records(folder, "protective")
    assert experiences
    assert protective
    assert {one.scene.id for one in experiences} <= {scene.id for scene in scenes}
    assert {one.purpose for one in protective} == {"protective"}


def test_every_split_has_written_dialogues_and_everything_generated_is_train(folder):
    make(folder)
    assert {one.split for one in records(folder, "dialogues")} == {"train", "validation", "test"}
    generated = records(folder, "experiences") + records(folder, "protective")
    assert {(one.split, one.origin) for one in generated} == {("train", "generated")}


def test_everything_generated_can_be_traced_to_its_call(folder):
    writer = scripted_writer()
    make(folder, writer=writer)
    asked = {request.key(writer.identity) for request in writer.requests}
    made = records(folder, "experiences") + records(folder, "protective") + records(folder, "scenes", Scene)
    for one in made:
        assert one.provenance.request in asked
        assert one.provenance.model == "quill"
        assert re.fullmatch("[0-9a-f]{16}", one.provenance.prompt)
        assert one.provenance.source


def test_no_prompt_holds_any_held_out_text(folder):
    writer = scripted_writer()
    make(folder, writer=writer)
    asked = "\n".join(message["content"] for request in writer.requests for message in request.messages)
    runs = runs_of(asked)
    dialogues = records(folder, "dialogues")
    held_out = [one for one in dialogues if one.split != "train"]
    assert held_out
    for one in held_out:
        told = [turn.text for turn in one.turns] + [one.scene.background, one.scene.title]
        leaked = set().union(*map(runs_of, told)) & runs
        assert not leaked, one.scene.title
    shown = [one for one in dialogues if one.split == "train" and runs_of(one.turns[1].text) & runs]
    assert shown, "the examples of the train split are in the prompts, so a leak would have been seen"


def runs_of(text, length=4):
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[k : k + length]) for k in range(len(words) - length + 1)}


def test_a_second_run_makes_nothing_and_asks_nothing(folder):
    make(folder)
    silent = scripted_writer(lambda request: EndpointError("nobody should ask"))
    assert make(folder, writer=silent) == []
    assert silent.requests == []


def test_a_stage_can_be_made_again_from_what_was_answered_before(folder):
    make(folder)
    before = records(folder, "scenes", Scene)
    silent = scripted_writer(lambda request: EndpointError("nobody should ask"))
    assert make(folder, until="scenes", writer=silent, again=True) == ["scenes"]
    assert records(folder, "scenes", Scene) == before


def test_changed_settings_run_their_stage_and_what_follows_from_it(folder):
    make(folder)
    set_(folder, "per_scene: 2", "per_scene: 1")
    assert make(folder) == ["experiences"]


def test_a_changed_source_reaches_everything(folder):
    make(folder)
    set_(folder, "The lamp", "The lantern", "dialogues/scenes.md")
    assert make(folder)[:2] == ["profile", "scenes"]


def test_a_renamed_source_is_noticed(folder):
    make(folder, until="profile")
    (folder / "dialogues" / "scenes.md").rename(folder / "dialogues" / "other.md")
    assert make(folder, until="profile") == ["profile"]
    assert records(folder, "dialogues")[0].provenance.source.startswith("dialogues/other.md#")


def test_a_prompt_of_ones_own_wins_and_runs_its_stage(folder):
    make(folder)
    (folder / "prompts").mkdir()
    prompt = "{% block user %}{{ attempt }} Write what {{ partner }} and Mira say.{% endblock %}"
    (folder / "prompts" / "protective.md").write_text(prompt)
    writer = scripted_writer()
    assert make(folder, writer=writer) == ["protective"]
    assert len(writer.requests[0].messages) > 1
    assert writer.requests[0].messages[-1]["content"].endswith("Write what Olaf and Mira say.")


def test_a_deleted_file_is_made_again(folder):
    make(folder)
    (folder / "build" / "scenes.jsonl").unlink()
    assert make(folder) == ["scenes"]


def test_changes_by_hand_are_kept_when_the_stage_is_made_again(folder):
    make(folder)
    dialogues = records(folder, "protective")
    added = {**dialogues[0].model_dump(mode="json"), "id": "by-hand", "category": "mine"}

    def edit(lines):
        return [{**lines[0], "category": "changed"}, *lines[2:], added]

    rewrite(folder, "protective", edit)
    heard = Heard()
    assert make(folder, progress=heard) == ["protective"]
    assert "3 changes in protective.jsonl are kept in journal/edits.jsonl" in heard.lines
    journal = read_records(folder / "journal" / "edits.jsonl", Edit)
    assert [(edit.stage, edit.id, edit.action) for edit in journal] == [
        ("protective", dialogues[1].id, "reject"),
        ("protective", dialogues[0].id, "edit"),
        ("protective", "by-hand", "edit"),
    ]
    assert make(folder) == [], "an edit that was adopted is no change any more"
    assert make(folder, again=True) == ["protective"]
    kept = {one.id: one.category for one in records(folder, "protective")}
    assert kept[dialogues[0].id] == "changed"
    assert kept["by-hand"] == "mine"
    assert dialogues[1].id not in kept
    (rejected,) = [row for row in read_rejected(folder, "protective") if row.reason == "rejected by hand"]
    assert rejected.record["id"] == dialogues[1].id


def read_rejected(folder, stage):
    return read_records(folder / "build" / f"{stage}.rejected.jsonl", Rejection)


def test_edits_survive_the_deletion_of_everything_made(folder):
    make(folder, until="profile")
    rewrite(folder, "dialogues", lambda lines: lines[1:])
    make(folder, until="profile")
    for path in sorted((folder / "build").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    make(folder, until="profile")
    assert len(records(folder, "dialogues")) == len(TOPICS) - 1


def test_a_scene_written_by_hand_under_any_id_is_played_out(folder):
    make(folder, until="scenes")
    mine = {"id": "my scene", "title": "The bell", "background": "Mira hears a bell.", "provenance": {"source": "me"}}
    rewrite(folder, "scenes", lambda lines: [*lines, mine])
    make(folder)
    assert "my scene" in {one.scene.id for one in records(folder, "experiences")}


def test_a_line_spoilt_by_hand_is_told_with_its_number_and_nothing_is_overwritten(folder):
    make(folder, until="scenes")
    path = folder / "build" / "scenes.jsonl"
    spoilt = path.read_text("utf-8") + '{"id": 7}\n'
    path.write_text(spoilt, "utf-8")
    with pytest.raises(SourceError, match=rf"scenes\.jsonl:{spoilt.count(chr(10))} is not a Scene"):
        make(folder)
    assert path.read_text("utf-8") == spoilt


def test_a_crash_between_two_files_is_not_taken_for_somebodys_edits(folder):
    make(folder, until="scenes")
    (folder / "build" / ".made" / "scenes.jsonl").unlink()
    rewrite(folder, "scenes", lambda lines: lines[:1])
    make(folder, until="scenes")
    assert not (folder / "journal" / "edits.jsonl").exists()


def test_replies_that_can_not_be_used_are_listed_whole_and_the_stage_goes_on(folder):
    def sometimes(request):
        asked = [message["content"] for message in request.messages[-3:]]  # of which the last may ask again
        return "I'm sorry, no." if any(told.endswith("from this.") for told in asked) else write_like_a_model(request)

    writer = scripted_writer(sometimes)
    make(folder, writer=writer)
    refused = [request for request in writer.requests if sometimes(request) == "I'm sorry, no."]
    assert len(refused) == 4  # each was asked again once, with what was wrong
    assert records(folder, "scenes", Scene) == []
    assert [(row.reason, row.record) for row in read_rejected(folder, "scenes")] == [
        ("no scene in the reply", {"raw": "I'm sorry, no."})
    ] * 2
    assert records(folder, "protective")


def test_everything_that_was_asked_for_is_kept_or_listed(folder):
    make(folder)
    asked = 2 * len(records(folder, "scenes", Scene))
    assert len(records(folder, "experiences")) + len(read_rejected(folder, "experiences")) == asked
    assert len(records(folder, "protective")) + len(read_rejected(folder, "protective")) == 5


def test_an_endpoint_that_is_gone_stops_the_stage_and_leaves_no_file(folder):
    with pytest.raises(EndpointError, match="is it running"):
        make(folder, writer=ScriptedModel(lambda request: EndpointError("is it running?")))
    assert (folder / "build" / "dialogues.jsonl").is_file()
    assert not (folder / "build" / "scenes.jsonl").exists()


def test_what_was_answered_before_the_endpoint_went_is_not_asked_again(folder):
    breaking = ScriptedModel(
        lambda request: EndpointError("gone") if len(breaking.requests) > 4 else write_like_a_model(request),
        name="quill",
    )
    with pytest.raises(EndpointError):
        make(folder, writer=breaking)
    healed = scripted_writer()
    make(folder, writer=healed)
    answered = {request.key("scripted") for request in breaking.requests[:4]}
    assert not answered & {request.key("scripted") for request in healed.requests}
    assert len(healed.requests) > 0


def test_two_records_with_one_id_are_told(folder):
    make(folder, until="profile")
    rewrite(folder, "dialogues", lambda lines: [*lines, {**lines[0], "category": "copy"}])
    with pytest.raises(DatasetError, match="several records with the id"):
        make(folder)


def test_no_file_that_was_made_tells_where_on_this_machine_it_was_made(folder):
    make(folder)
    made = [path for path in (folder / "build").rglob("*.json*") if path.is_file()]
    assert len(made) > 8
    assert not [path.name for path in made if str(folder.parent) in path.read_text("utf-8")]


def test_records_of_which_no_edits_are_made_are_used_as_changed_and_never_overwritten(folder):
    make(folder, until="profile")
    rewrite(folder, "profile", lambda lines: [{**lines[0], "style": "You whisper."}])
    writer = scripted_writer()
    make(folder, until="experiences", writer=writer)
    assert any("You whisper." in request.messages[0]["content"] for request in writer.requests)
    set_(folder, "The lamp", "The lantern", "dialogues/scenes.md")
    with pytest.raises(ProjectError, match=r"profile\.jsonl was changed by hand.*Rename the file"):
        make(folder)
    (folder / "build" / "profile.jsonl").rename(folder / "build" / "mine.jsonl")
    assert make(folder)[0] == "profile"


def test_what_a_crash_left_half_made_is_no_edit_by_hand(folder):
    told = ["one", "two", "three"]

    async def half(bench):
        write_text(bench.project.build / "notes.jsonl", told.pop(0))
        if told == ["three"]:
            raise SourceError("the disk is gone")
        return "notes"

    stage = Stage("notes", "", half, (), ("notes.jsonl",), lambda _: None)

    async def session():
        async with workbench(folder, None) as bench:
            await make_stage(bench, stage)
            with pytest.raises(SourceError):
                await make_stage(bench, stage, forced=True)
            return await make_stage(bench, stage)

    assert asyncio.run(session())
    assert (folder / "build" / "notes.jsonl").read_text() == "three"
