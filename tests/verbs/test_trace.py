"""From a training example back to everything it was made of."""

import asyncio

import pytest
from tests.character import make_character, scripted_writer, workbench

from roletune.engine.store import read_records, write_records
from roletune.errors import ProjectError
from roletune.pipeline import make
from roletune.records import Dialogue, Edit, Example, Message, Scene
from roletune.verbs.trace import trace_row


@pytest.fixture
def folder(tmp_path):
    """A character with generated dialogues, and an example made of one of them."""
    folder = make_character(
        tmp_path / "mira", scenes={"count": 2, "per_call": 1}, experiences={"examples": 0}, protective={"count": 2}
    )

    async def main():
        async with workbench(folder) as bench:
            await make(bench, "protective")

    asyncio.run(main())
    build = folder / "build"
    dialogues = read_records(build / "experiences.jsonl", Dialogue) + read_records(build / "dialogues.jsonl", Dialogue)
    write_records(build / "dataset" / "train.jsonl", [example(dialogue) for dialogue in dialogues])
    return folder


def example(dialogue):
    return Example(
        id=f"e{dialogue.id}",
        messages=(Message(role="assistant", content="Yes.", loss=True),),
        dialogue=dialogue.id,
        split="train",
        origin=dialogue.origin,
        purpose=dialogue.purpose,
        provenance=dialogue.provenance,
    )


def traced(folder, prefix):
    async def main():
        async with workbench(folder, scripted_writer()) as bench:
            return trace_row(bench, prefix)

    return asyncio.run(main())


def test_an_example_leads_to_dialogue_scene_passage_and_both_calls(folder):
    dialogue = read_records(folder / "build" / "experiences.jsonl", Dialogue)[0]
    found = traced(folder, f"e{dialogue.id}")
    assert found.dialogue["id"] == dialogue.id
    assert found.dialogue_file == "experiences.jsonl"
    assert found.scene["id"] in {one.id for one in read_records(folder / "build" / "scenes.jsonl", Scene)}
    assert found.passage.id == dialogue.provenance.passage
    assert {one.made for one in found.calls} == {"dialogue", "scene"}
    by_stage = {one.call.stage: one for one in found.calls}
    assert set(by_stage) == {"scenes", "experiences"}
    written = by_stage["experiences"]
    assert (written.template, written.call.model) == ("experiences.md", "quill")
    assert "{%" in written.template_text
    assert written.call.request["temperature"] == 0.7
    assert found.scene["background"] in written.call.request["messages"][-1]["content"]
    assert dialogue.turns[0].text in written.call.reply.text


def test_the_beginning_of_an_id_is_enough_if_it_is_only_one(folder):
    dialogue = read_records(folder / "build" / "experiences.jsonl", Dialogue)[0]
    assert traced(folder, f"e{dialogue.id}"[:12]).row["id"] == f"e{dialogue.id}"
    with pytest.raises(ProjectError, match="Give more of it"):
        traced(folder, "e")


def test_what_people_wrote_has_a_dialogue_and_no_calls(folder):
    dialogue = read_records(folder / "build" / "dialogues.jsonl", Dialogue)[0]
    found = traced(folder, f"e{dialogue.id}")
    assert (found.calls, found.missing) == ([], [])
    assert found.dialogue_file == "dialogues.jsonl"


def test_a_dialogue_and_a_scene_can_be_traced_too(folder):
    scene = read_records(folder / "build" / "scenes.jsonl", Scene)[0]
    found = traced(folder, scene.id)
    assert (found.file, found.dialogue) == ("scenes.jsonl", None)
    assert [one.call.stage for one in found.calls] == ["scenes"]


def test_a_prompt_that_was_changed_since_is_told(folder):
    dialogue = read_records(folder / "build" / "experiences.jsonl", Dialogue)[0]
    (folder / "prompts").mkdir()
    (folder / "prompts" / "experiences.md").write_text("{% block user %}Other words.{% endblock %}", "utf-8")
    calls = {one.call.stage: one for one in traced(folder, f"e{dialogue.id}").calls}
    assert calls["experiences"].template == ""
    assert calls["scenes"].template == "scenes.md"


def test_a_ledger_that_was_moved_away_is_told(folder):
    dialogue = read_records(folder / "build" / "experiences.jsonl", Dialogue)[0]
    (folder / "journal" / "ledger.sqlite").unlink()
    found = traced(folder, f"e{dialogue.id}")
    assert found.calls == []
    assert dialogue.provenance.request in found.missing


def test_decisions_about_a_row_and_its_dialogue_are_told(folder):
    dialogue = read_records(folder / "build" / "experiences.jsonl", Dialogue)[0]
    edit = Edit(stage="experiences", id=dialogue.id, action="accept")
    write_records(folder / "journal" / "edits.jsonl", [edit])
    assert traced(folder, f"e{dialogue.id}").edits == [edit]


def test_an_id_that_nobody_has_is_an_error_with_a_cure(folder):
    with pytest.raises(ProjectError, match=r"train\.jsonl"):
        traced(folder, "nobody")
