import asyncio
import json
from typing import get_args

import pytest
from tests.character import Heard, make_character, scripted_writer, workbench, write_like_a_model

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.errors import EndpointError, ProjectError
from roletune.estimate import estimate
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Dialogue, Example, PreferencePair, Rejection
from roletune.synthesis.methods import Method
from roletune.verbs.trace import trace_row


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


def told_everything(request):
    """A plot and its dialogue, rules and a reply, queries and an answer: whatever the prompt asks for."""
    system = request.messages[0]["content"]
    number = sum(map(ord, request.messages[-1]["content"])) * 31 + request.sample
    if "Place:" in system:
        return f"Place: the quay\nWith: Olaf\nPlot: Item {number} is gone.\nQuestion: Where is item{number}?"
    if "Rule:" in system:
        return "Role: You keep watch.\nRule: At most nine words.\nType: max_words\nValue: 9"
    if "Why:" in system:
        return f"Question: Who counts item{number}?\nWhy: One of them does."
    if "screenwriter" in system:
        return f"Mira: Ask the sea about {number}.\nOlaf: Then {number + 1}?\nMira: That one, {number + 2}, I sold."
    return f"Number {number} is mine, dear."


def test_every_method_makes_rows_that_the_dataset_takes_in(tmp_path):
    methods = ["plots", "rules", "ditto"]
    small = {name: {"count": 2} for name in ("plots", "rules")} | {"ditto": {"count": 1, "everybody": True}}
    folder = make_character(tmp_path / "mira", methods=methods, scenes={"count": 0}, protective={"count": 0}, **small)
    (folder / "roles").mkdir()
    card = {"name": "Eva", "description": "You dive for pearls.", "article": "Eva dives for pearls in the bay."}
    (folder / "roles" / "eva.json").write_text(json.dumps(card), "utf-8")
    make(folder, "dataset", told_everything)
    made = {name: len(records(folder, name)) for name in methods}
    assert made == {"plots": 2, "rules": 2, "ditto": 4}
    rows = {row.dialogue: row for row in records(folder, "dataset/train", Example) if row.origin == "generated"}
    (evas,) = (
        row
        for row in rows.values()
        if row.messages[0].content == "You are Eva. You dive for pearls." and row.purpose == "instruction"
    )
    assert evas.messages[-1].loss
    assert sum("At most nine words." in row.messages[0].content for row in rows.values()) == 2
    assert make(folder, "dataset", told_everything) == []


def calls_of(folder, name, script, **models):
    """The prompts that made the first row of this method, as `trace` tells them, and its passage."""

    async def session():
        async with workbench(folder, scripted_writer(script), **models) as bench:
            await pipeline.make(bench, name)
            return trace_row(bench, read_records(bench.project.records(name), Dialogue)[0].id)

    found = asyncio.run(session())
    assert found.missing == []
    return sorted(one.template for one in found.calls), found.passage


def test_a_row_of_every_method_is_traced_to_all_calls_that_made_it(tmp_path):
    one = {"count": 1, "retries": 0}
    settings = {"plots": one, "rules": one, "ditto": one, "traps": {"count": 2, "retries": 0}}
    folder = make_character(tmp_path / "mira", **settings)
    (folder / "roles").mkdir()
    (folder / "roles" / "eva.json").write_text('{"name": "Eva", "description": "You dive for pearls."}', "utf-8")
    prompts, passage = calls_of(folder, "plots", told_everything)
    assert (prompts, bool(passage)) == (["plots.md", "plots_dialogue.md"], True)
    assert calls_of(folder, "rules", told_everything)[0] == ["rules.md", "rules_answer.md"]
    assert calls_of(folder, "ditto", told_everything)[0] == ["ditto.md", "ditto_answer.md"]
    prompts, passage = calls_of(folder, "traps", told_false_facts)
    assert (prompts, bool(passage)) == (["traps.md", "traps_answer.md"], True)
    assert calls_of(folder, "instructions", asked_for_instructions)[0] == ["instructions.md"]


def test_ditto_can_be_written_by_the_base_model_though_a_writer_is_bound(tmp_path):
    folder = make_character(tmp_path / "mira", ditto={"count": 1, "writer": "base"})
    (folder / "roles").mkdir()
    (folder / "roles" / "eva.json").write_text('{"name": "Eva", "description": "You dive for pearls."}', "utf-8")
    base = ScriptedModel(told_everything, name="base", identity="base")
    nobody = lambda _: EndpointError("nobody should ask")  # noqa: E731
    assert calls_of(folder, "ditto", nobody, base=base)[0] == ["ditto.md", "ditto_answer.md"]
    counted = asyncio.run(estimate(Project.open(folder), "ditto", {"base": ScriptedModel([], identity="other")}))
    assert [(row.stage, row.calls) for row in counted] == [("ditto", 8)]  # two, and an answer for each of three queries


def test_where_nothing_is_kept_the_reasons_are_told(tmp_path):
    folder = make_character(tmp_path / "mira", plots={"count": 3, "retries": 0})
    heard = Heard()

    async def session():
        async with workbench(folder, scripted_writer(lambda _: "Herrings."), heard) as bench:
            await pipeline.make(bench, "plots")

    asyncio.run(session())
    assert "plots: nothing is kept: no place in the reply (3). Each is in plots.rejected.jsonl" in heard.lines


def test_without_other_roles_ditto_says_what_to_put_where(tmp_path):
    folder = make_character(tmp_path / "mira")
    with pytest.raises(ProjectError, match=r"roles does not exist.*wikidata_roles\.sparql"):
        make(folder, "ditto")


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


def test_what_a_method_wrote_is_judged_and_a_trap_that_is_not_kept_is_no_preference(tmp_path):
    def assistant(request):
        told = told_false_facts(request)
        return f"{told} How may I assist you today?" if told.startswith("It is black tea") else told

    folder = make_character(tmp_path / "mira", traps={"count": 2, "retries": 0})
    make(folder, "traps", assistant)
    assert [row.category for row in records(folder, "traps")] == ["clean twin"]
    assert records(folder, "traps.pairs", PreferencePair) == []
    assert sorted(row.reason for row in records(folder, "traps.rejected", Rejection)) == ["assistant-speak", "no old"]
