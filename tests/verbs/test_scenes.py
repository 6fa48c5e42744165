import asyncio

import pytest
from tests.character import make_character, scripted_writer, workbench

from roletune import pipeline
from roletune.engine.duplicates import near_duplicates
from roletune.engine.store import read_records
from roletune.errors import BudgetError
from roletune.records import Rejection, Scene


def repeats_itself(request):
    """Every second scene is one that there was already, unless the writer was told of it."""
    asked = request.messages[-1]["content"]
    number = sum(map(ord, asked)) * 31 + request.sample
    told = "exist already" in asked
    fresh = " ".join(f"thing{number}x{k}" for k in range(9))
    again = "the very same old bucket that stands beside the door every day"
    return "\n".join(
        f"## Scene: Number {number} {k}\nType: chat\nLocation: the quay\nBackground: Mira finds {words} there.\n"
        for k, words in enumerate([fresh, f"more {number} {fresh[::-1]}" if told else again])
    )


def make(folder, script=repeats_itself):
    writer = scripted_writer(script)

    async def session():
        async with workbench(folder, writer) as bench:
            await pipeline.make(bench, "scenes")

    asyncio.run(session())
    return writer


def scenes(folder):
    return read_records(folder / "build" / "scenes.jsonl", Scene)


@pytest.fixture
def settings():
    return {"scenes": {"count": 14, "per_call": 2, "replacements": 6}}


def test_as_many_scenes_as_were_asked_for_are_as_many_different_ones(tmp_path, settings):
    folder = make_character(tmp_path / "mira", **settings)
    make(folder)
    made = scenes(folder)
    assert len(made) == 14
    assert near_duplicates([scene.background for scene in made], 0.6) == []
    rejected = read_records(folder / "build" / "scenes.rejected.jsonl", Rejection)
    assert {row.reason for row in rejected} == {"near-duplicate"}


def test_without_replacements_what_was_not_kept_is_missing(tmp_path, settings):
    settings["scenes"]["replacements"] = 0
    folder = make_character(tmp_path / "mira", **settings)
    make(folder)
    assert len(scenes(folder)) < 14


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_run_that_goes_on_asks_what_it_would_have_asked_and_makes_the_same(tmp_path, settings, after):
    whole, broken = (make_character(tmp_path / name / "mira", **settings) for name in ("whole", "broken"))
    every = [request.key("scripted") for request in make(whole).requests]
    answered = 0

    def stops(request):
        nonlocal answered
        answered += 1
        return repeats_itself(request) if answered <= after else BudgetError("spent")

    with pytest.raises(BudgetError):
        make(broken, stops)
    going_on = [request.key("scripted") for request in make(broken).requests]
    assert sorted(every[:after] + going_on) == sorted(every)
    assert scenes(broken) == scenes(whole)
