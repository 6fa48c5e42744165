"""A judge's ratings decide what the dataset takes in, by tiers; what can't be read is counted and kept."""

import asyncio
import json

import pytest
from tests.character import make_character, scripted_writer, workbench

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.errors import ProjectError
from roletune.estimate import estimate
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Dialogue, DialogueRating, Example, Rejection
from roletune.verbs.rating import without_rejected
from roletune.verbs.review import Review
from roletune.verbs.trace import trace_row

SMALL = {"scenes": {"count": 0}, "protective": {"count": 4, "twins": False}, "methods": ["rating"]}


def judge(*scores):
    """Answers with the scores in turn; None is an answer that can't be read."""
    said = [json.dumps({"steps": ["Fine."], "rating": one}) if one is not None else "Four, I'd say." for one in scores]
    return ScriptedModel(said, name="referee", identity="referee")


def make(folder, until, model=None):
    async def session():
        async with workbench(folder, scripted_writer(), **({"judge": model} if model else {})) as bench:
            return await pipeline.make(bench, until)

    return asyncio.run(session())


def stored(folder, name, kind=Dialogue):
    return read_records(folder / "build" / f"{name}.jsonl", kind)


def test_the_lowest_tier_is_left_out_and_what_is_unrated_stays(tmp_path):
    folder = make_character(tmp_path / "mira", rating={"attempts": 1}, **SMALL)
    make(folder, "dataset", judge(5, 3, 2, None))
    ratings = stored(folder, "rating", DialogueRating)
    assert [(one.score, one.tier) for one in ratings] == [
        (5, "keep"),
        (3, "review"),
        (2, "reject"),
        (None, "unrated"),
    ]
    assert (ratings[3].reason, ratings[3].raw) == ("no JSON object with steps, rating", ("Four, I'd say.",))
    low = [row for row in stored(folder, "dataset.rejected", Rejection) if row.reason == "rated 2 by the judge"]
    assert [(row.record["id"], row.detail) for row in low] == [(ratings[2].dialogue, "Fine.")]
    trained = {row.dialogue for row in stored(folder, "dataset/train", Example)}
    assert {one.dialogue for one in ratings} - trained == {ratings[2].dialogue}


def test_without_a_judge_nobody_is_asked_and_two_lines_tell_how_to_bind_one(tmp_path):
    with pytest.raises(ProjectError, match="No judge is bound"):
        make(make_character(tmp_path / "mira"), "rating")


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_leads_back_to_its_call(tmp_path):
    folder = make_character(tmp_path / "mira", **(SMALL | {"protective": {"count": 1, "twins": False}}))
    make(folder, "protective")
    make(folder, "rating", judge(None, 4))
    (rating,) = stored(folder, "rating", DialogueRating)
    assert (rating.score, rating.tier, len(rating.raw)) == (4, "keep", 2)

    async def session():
        async with workbench(folder) as bench:
            return trace_row(bench, rating.id)

    found = asyncio.run(session())
    assert found.dialogue["id"] == rating.dialogue
    assert [one.template for one in found.calls] == ["rating.md", "protective.md"]


def test_a_dry_run_counts_one_rating_for_each_dialogue_that_would_be_written(tmp_path):
    folder = make_character(tmp_path / "mira", **SMALL)
    models = {"judge": judge(), "writer": scripted_writer()}
    rows = asyncio.run(estimate(Project.open(folder), "dataset", models))
    assert {(row.stage, row.model): row.calls for row in rows} == {("protective", "quill"): 4, ("rating", "referee"): 4}


def test_what_stands_before_a_row_in_training_is_shown_to_the_judge_and_not_rated(tmp_path):
    methods = {"methods": ["augmentation", "rating"], "augmentation": {"count": 1, "origins": ["written"]}}
    folder = make_character(tmp_path / "mira", **methods)
    referee = judge(4)

    async def session():
        added = scripted_writer(lambda _: "Olaf: Shall I go?\nMira: You shall stay.\nOlaf: Good.\nMira: It is not.")
        async with workbench(folder, added, judge=referee) as bench:
            await pipeline.make(bench, "augmentation")
            await pipeline.make(bench, "rating")

    asyncio.run(session())
    (row,) = stored(folder, "augmentation")
    before, _, rated = referee.requests[0].messages[-1]["content"].partition("The dialogue, which goes on from there")
    assert row.shown[-1].text in before
    assert "You shall stay." in rated
    assert "You shall stay." not in before


def test_a_rating_is_reviewed_with_its_dialogue_and_one_that_is_rejected_does_not_count(tmp_path):
    folder = make_character(tmp_path / "mira", **SMALL)
    make(folder, "protective")
    make(folder, "rating", judge(1, 5, 5, 5))
    (low,) = (one for one in stored(folder, "rating", DialogueRating) if one.tier == "reject")
    (dialogue,) = (one for one in stored(folder, "protective") if one.id == low.dialogue)

    async def session():
        async with workbench(folder, judge=judge()) as bench:
            assert without_rejected(bench, [dialogue])[0] == []
            review = Review(bench, "rating")
            told = review.readable(review.find(low.id))
            review.reject(review.find(low.id))
            await pipeline.make(bench, "rating")
            assert without_rejected(bench, [dialogue]) == ([dialogue], [])
            return told

    told = asyncio.run(session())
    assert all(part in told for part in ("1 of 5, reject", "Fine.", dialogue.turns[0].text))
