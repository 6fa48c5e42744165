import asyncio
from typing import get_args

import pytest
from tests.character import make_character, scripted_writer, workbench, write_like_a_model

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.project import Method
from roletune.records import Dialogue, Example, PreferencePair, Rejection


def asked_for_instructions(request):
    if "Question:" not in request.messages[0]["content"]:
        return write_like_a_model(request)
    number = sum(map(ord, request.messages[-1]["content"])) * 31 + request.sample
    sure = {"Confidence": 9, "Rationale": "It says so."}
    asked = {"Question": f"What of item{number}?", "Answer": f"It costs {number} herrings.", **sure}
    vague = {**asked, "Question": "What do you think?", "Confidence": 3}
    return "\n\n".join("\n".join(f"{name}: {text}" for name, text in one.items()) for one in (asked, vague))


def told_false_facts(request):
    system, asked = request.messages[0]["content"], request.messages[-1]["content"]
    if "Old:" in system:
        return "Old: black tea\nNew: green tea\nQuestion: Is green tea best by the stove?" if "tea" in asked else "No."
    if "green tea" not in asked:
        return "Black tea is, by the stove or elsewhere."
    return "Green tea is, by the stove." if "green tea" in system else "It is black tea that I drink."


def make(folder, until, script=asked_for_instructions):
    async def session():
        async with workbench(folder, scripted_writer(script)) as bench:
            return await pipeline.make(bench, until)

    return asyncio.run(session())


def records(folder, stage, kind=Dialogue):
    return read_records(folder / "build" / f"{stage}.jsonl", kind)


def test_the_settings_know_every_method_and_no_other():
    assert get_args(Method) == tuple(pipeline.METHODS)


def test_a_method_reads_what_the_profile_writes():
    for method in pipeline.METHODS.values():
        assert set(method.reads) <= set(pipeline.STAGES["profile"].writes), method.name


@pytest.mark.parametrize("name", pipeline.METHODS)
def test_a_method_that_is_asked_for_by_name_needs_the_profile_only(name):
    assert [stage.name for stage in pipeline.steps([], name)] == ["profile", name]


def test_methods_are_made_before_the_dataset_if_the_settings_name_them():
    names = [stage.name for stage in pipeline.steps(["instructions"], "train")]
    assert names == ["profile", "scenes", "experiences", "protective", "instructions", "dataset", "train"]
    assert "instructions" not in [stage.name for stage in pipeline.steps(["instructions"], "protective")]
    assert [stage.name for stage in pipeline.steps([], "report")] == list(pipeline.STAGES)


def test_instructions_are_kept_or_listed_each_with_its_lineage(tmp_path):
    folder = make_character(tmp_path / "mira", instructions={"count": 6, "per_call": 2})
    assert make(folder, "instructions") == ["profile", "instructions"]
    rows, rejected = records(folder, "instructions"), records(folder, "instructions.rejected", Rejection)
    assert len(rows) == 3
    assert [one.reason for one in rejected] == ["the writer is not sure"] * 3
    assert {row.category for row in rows} == {"script_agnostic", "script_based"}
    assert all(row.provenance.request and row.provenance.model == "quill" for row in rows)


def test_traps_give_rows_twins_and_pairs_and_the_dataset_keeps_the_twins(tmp_path):
    small = {"scenes": {"count": 0}, "protective": {"count": 0}, "traps": {"count": 2, "retries": 0}}
    folder = make_character(tmp_path / "mira", methods=["traps"], **small)
    make(folder, "dataset", told_false_facts)
    assert [row.category for row in records(folder, "traps")] == ["false premise", "clean twin"]
    (pair,) = records(folder, "traps.pairs", PreferencePair)
    assert (pair.chosen, pair.rejected) == ("It is black tea that I drink.", "Green tea is, by the stove.")
    assert [row.reason for row in records(folder, "traps.rejected", Rejection)] == ["no old"]
    assert sum(row.purpose == "boundary" for row in records(folder, "dataset/train", Example)) == 2


def test_the_dataset_takes_in_what_the_methods_made_and_only_if_they_are_named(tmp_path):
    small = {
        "scenes": {"count": 0},
        "protective": {"count": 0},
        "instructions": {"count": 4, "per_call": 2, "variant": "retrieval", "retrieved": 1},
    }
    folder = make_character(tmp_path / "mira", **small)
    make(folder, "instructions")
    make(folder, "dataset")
    assert "instruction" not in {row.purpose for row in records(folder, "dataset/train", Example)}
    settings = folder / "character.yaml"
    settings.write_text(settings.read_text("utf-8") + "methods: [instructions]\n", "utf-8")
    assert make(folder, "dataset") == ["dataset"]
    rows = [row for row in records(folder, "dataset/train", Example) if row.purpose == "instruction"]
    assert len(rows) == 2
    for row in rows:
        assert row.messages[0].content.startswith("You are Mira.")
        assert [message.loss for message in row.messages if message.role == "assistant"][:-1] in ([], [False])
        assert row.messages[-1].loss
