"""After a run, one thing is changed: what does not depend on it is not asked again."""

import asyncio

import pytest
import yaml
from tests.character import PROFILE, make_character, scene, scripted_writer, workbench

from roletune.pipeline import make
from roletune.prompts import load_prompt
from roletune.records import Provenance, Scene
from roletune.verbs.writing import examples_for

PLAYED = 3  # two scenes that were known, and the one new one that is like no other
SETTINGS = {
    "scenes": {"count": 4, "per_call": 1, "replacements": 0, "told": 0},
    "experiences": {"replays": 2},
    "protective": {"count": 3, "twins": False},
}


def asked(folder):
    """Run up to `protective`; the calls that were made, by stage."""

    async def main():
        async with workbench(folder, scripted_writer()) as bench:
            before = {row.stage: row.calls for row in bench.ledger.bill()}
            await make(bench, "protective")
            after = {row.stage: row.calls for row in bench.ledger.bill()}
            return {stage: count - before.get(stage, 0) for stage, count in after.items()}

    made = asyncio.run(main())
    return {stage: count for stage, count in made.items() if count and stage in SETTINGS}


@pytest.fixture
def folder(tmp_path):
    folder = make_character(tmp_path / "mira", **SETTINGS)
    first = asked(folder)
    assert (first["scenes"], first["protective"]) == (4, 3)
    assert first["experiences"] == PLAYED
    assert asked(folder) == {}
    return folder


def change(folder, block, **values):
    path = folder / "character.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings[block] |= values
    path.write_text(yaml.safe_dump(settings), "utf-8")


def test_an_edited_prompt_asks_its_own_stage_and_no_other(folder):
    (folder / "prompts").mkdir()
    source = load_prompt("protective").source
    (folder / "prompts" / "protective.md").write_text(
        source.replace("{% block user %}", "{% block user %}Well: "), "utf-8"
    )
    assert asked(folder) == {"protective": 3}


def test_another_temperature_asks_its_own_stage_and_what_follows_from_other_replies_only(folder):
    change(folder, "experiences", temperature=0.9)
    assert asked(folder) == {"experiences": PLAYED}
    change(folder, "experiences", temperature=0.7)
    assert asked(folder) == {}  # as it was at first: all of it is remembered


def test_more_of_something_asks_for_the_rest_only(folder):
    change(folder, "protective", count=5)
    assert asked(folder) == {"protective": 2}


def test_an_added_passage_asks_about_itself_and_for_what_is_new_because_of_it(folder):
    (folder / "profile.md").write_text(
        PROFILE + "\n## Fears\nFog makes her hum, and strangers make her count.\n", "utf-8"
    )
    again = asked(folder)
    assert again["scenes"] == 1  # about the new passage; it takes the place of the last repetition of the plan
    assert again.get("experiences", 0) <= 1
    assert "protective" not in again


def test_an_added_dialogue_asks_again_only_what_it_is_an_example_for(tmp_path):
    settings = {"splits": {"validation": 0, "test": 0}, "scenes": {"count": 0}, "experiences": {"replays": 12}}
    folder = make_character(tmp_path / "mira", **settings, protective={"count": 16, "twins": False})
    assert asked(folder) == {"experiences": 12, "protective": 16}
    more = scene("The bell", "Who rang?", "Fog did; it has long arms and no manners whatever.")
    (folder / "dialogues" / "more.md").write_text(more, "utf-8")
    again = asked(folder)
    assert 0 < again["experiences"] < 6
    assert 0 < again["protective"] < 8


def test_examples_go_by_what_a_call_is_about_and_differ_from_call_to_call():
    scenes = [Scene(id=str(k), provenance=Provenance(source=f"s#{k}")) for k in range(30)]
    calls = [(f"passage {k}", sample) for k in range(10) for sample in range(2)]
    chosen = {call: [one.id for one in examples_for(call, scenes, 2)] for call in calls}
    assert chosen == {call: [one.id for one in examples_for(call, scenes[::-1], 2)] for call in reversed(calls)}
    assert len({one for ids in chosen.values() for one in ids}) > 15  # of at most 30
    without = [one for one in scenes if one.id != "7"]
    changed = [call for call in calls if [one.id for one in examples_for(call, without, 2)] != chosen[call]]
    assert changed == [call for call in calls if "7" in chosen[call]]
    assert examples_for(("nothing", 0), [], 2) == []
