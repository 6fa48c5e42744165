"""Scenes are completed whole or turn by turn, as the settings say."""

import asyncio

from tests.character import make_character, scripted_writer, workbench

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.estimate import estimate
from roletune.project import Project
from roletune.records import Dialogue

PLAYED = {"how": "play", "turns": 6, "replays": 3, "retries": 0}


def speaks(request):
    asked = request.messages[-1]["content"]
    number = sum(map(ord, asked))
    return (
        f"The {number} herrings of barrel {number * 3} are {'mine' if 'Mira say next' in asked else 'yours'}, I think."
    )


def test_scenes_are_played_turn_by_turn_and_every_call_was_foreseen(tmp_path):
    folder = make_character(tmp_path / "mira", scenes={"count": 0}, experiences=PLAYED)
    (foreseen,) = [
        row
        for row in asyncio.run(estimate(Project.open(folder), "experiences", {"writer": scripted_writer(speaks)}))
        if row.stage == "experiences"
    ]
    writer = scripted_writer(speaks)

    async def main():
        async with workbench(folder, writer) as bench:
            return await pipeline.make(bench, "experiences")

    asyncio.run(main())
    assert (foreseen.calls, foreseen.following) == (18, 15)
    assert len(writer.requests) == foreseen.calls
    made = read_records(folder / "build" / "experiences.jsonl", Dialogue)
    rejected = (folder / "build" / "experiences.rejected.jsonl").read_text("utf-8").splitlines()
    assert made
    assert len(made) + len(rejected) == 3
    assert {len(dialogue.turns) for dialogue in made} == {6}
