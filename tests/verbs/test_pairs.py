"""Pairs of every origin in one file, of the train split only, each traceable."""

import asyncio
import json

from tests.character import make_character, scripted_writer, workbench

from roletune import pipeline
from roletune.engine.store import append_record, read_records, write_records
from roletune.estimate import estimate
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Dialogue, PreferencePair, Rejection, Vote
from roletune.verbs.trace import trace_row

HELPFUL = "How can I help you today?"
CHAT = [
    {"name": "Olaf", "is_user": True, "mes": "Who is there?"},
    {"name": "Mira", "is_user": False, "mes": "*yawns* The keeper.", "swipes": ["Nobody.", "*yawns* The keeper."]},
]


def vote(text, choice="left"):
    return Vote(
        question="q",
        text=text,
        left="adapter",
        right="base",
        replies=("Aye.", "As an AI, yes."),
        choice=choice,
        voter="eva",
        seed=1,
        adapter="a",
        created="2026-01-01T00:00:00+00:00",
    )


def base(said=HELPFUL):
    return ScriptedModel(lambda _: said, name="tiny", identity="tiny")


def make(folder, model, until="pairs"):
    async def session():
        async with workbench(folder, scripted_writer(), base=model) as bench:
            return await pipeline.make(bench, until)

    return asyncio.run(session())


def stored(folder, name="pairs", kind=PreferencePair):
    return read_records(folder / "build" / f"{name}.jsonl", kind)


def with_chat(folder, **settings):
    folder = make_character(folder, sources=[{"path": "dialogues"}, {"path": "chat.jsonl"}], **settings)
    (folder / "chat.jsonl").write_text("\n".join(map(json.dumps, CHAT)))
    return folder


def test_lines_of_train_dialogues_are_preferred_to_the_base_models(tmp_path):
    folder = make_character(tmp_path / "mira", pairs={"count": 3})
    model = base()
    assert make(folder, model) == ["profile", "pairs"]
    train = {one.id for one in stored(folder, "dialogues", Dialogue) if one.split == "train"}
    pairs = stored(folder)
    assert [(one.rejected, one.origin) for one in pairs] == [(HELPFUL, "character_vs_base")] * 3
    assert {one.dialogue for one in pairs} <= train
    assert len(model.requests) == 3
    assert make(folder, model) == []


def test_swipes_traps_and_votes_are_taken_in_and_what_is_measured_or_held_out_is_not(tmp_path):
    folder = with_chat(tmp_path / "mira", pairs={"count": 0}, splits={"validation": 0, "test": 0, "seed": 5})
    (folder / "questions.yaml").write_text("- text: Who are you?\n")
    for one in (vote("Is it dark?"), vote("Is it late?", "right"), vote("Is it?", "tie"), vote("Who are you?")):
        append_record(folder / "journal" / "votes.jsonl", one)
    make(folder, base())
    (swiped, *_) = stored(folder, "preferences")
    trapped = swiped.model_copy(update={"id": "t1", "origin": "factual_vs_counterfactual"})
    write_records(folder / "build" / "traps.pairs.jsonl", [trapped, trapped.model_copy(update={"split": "test"})])
    assert make(folder, base()) == ["pairs"]
    pairs = stored(folder)
    assert [one.origin for one in pairs] == ["factual_vs_counterfactual", "swipes", "votes", "votes"]
    assert (swiped.chosen, swiped.rejected) == ("*yawns*\nThe keeper.", "Nobody.")
    assert [(one.chosen, one.prompt[-1].content) for one in pairs[2:]] == [
        ("Aye.", "Is it dark?"),
        ("As an AI, yes.", "Is it late?"),
    ]
    assert [row.reason for row in stored(folder, "pairs.rejected", Rejection)] == [
        "held out",
        "a question of the evaluation",
    ]


def test_origins_that_are_not_asked_for_are_left_out_and_nothing_is_asked(tmp_path):
    folder = with_chat(tmp_path / "mira", pairs={"origins": ["votes"]})
    model = base()
    make(folder, model)
    assert (stored(folder), model.requests) == ([], [])


def test_replies_without_a_fault_are_listed_raw(tmp_path):
    folder = make_character(tmp_path / "mira", pairs={"count": 2})
    make(folder, base("The lamp is lit."))
    assert stored(folder) == []
    assert [(row.reason, row.record) for row in stored(folder, "pairs.rejected", Rejection)] == [
        ("no fault in the reply", {"raw": "The lamp is lit."})
    ] * 2


def test_a_pair_leads_to_its_dialogue_and_to_the_call_that_gave_the_rejected_reply(tmp_path):
    folder = make_character(tmp_path / "mira", pairs={"count": 1})
    make(folder, base())
    (pair,) = stored(folder)

    async def session():
        async with workbench(folder) as bench:
            return trace_row(bench, pair.id)

    found = asyncio.run(session())
    assert (found.file, found.dialogue["id"]) == ("pairs.jsonl", pair.dialogue)
    assert [(one.made, one.template, one.call.reply.text) for one in found.calls] == [
        ("rejected reply", "persona.md", HELPFUL)
    ]


def test_a_run_makes_pairs_after_the_traps_and_the_dataset_has_no_dialogue_of_them(tmp_path):
    steps = [stage.name for stage in pipeline.steps(["pairs", "traps"], "dataset")]
    assert steps[-3:] == ["traps", "pairs", "dataset"]
    small = {"scenes": {"count": 0}, "protective": {"count": 0}, "pairs": {"count": 2}}
    folder = make_character(tmp_path / "mira", methods=["pairs"], **small)
    make(folder, base(), "dataset")
    statistics = json.loads((folder / "build" / "dataset" / "statistics.json").read_text())
    assert set(statistics["origins"]) == {"written"}


def test_a_dry_run_counts_the_base_models_replies(tmp_path):
    folder = make_character(tmp_path / "mira", pairs={"count": 4})
    rows = asyncio.run(estimate(Project.open(folder), "pairs", {"base": base(), "writer": scripted_writer()}))
    assert [(row.stage, row.model, row.calls) for row in rows] == [("pairs", "tiny", 4)]
