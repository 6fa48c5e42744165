"""Authentic scenes are extended, go into the dataset, and what is measured stays authentic."""

import asyncio

import yaml
from tests.character import make_character, scripted_writer, workbench, write_like_a_model

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.estimate import estimate
from roletune.project import Project
from roletune.records import DataStatistics, Dialogue, Example, Rejection
from roletune.verbs.trace import trace_row

SMALL = {
    "scenes": {"count": 0},
    "protective": {"count": 0},
    "methods": ["augmentation"],
    "augmentation": {"retries": 0},
}
SOURCES = [{"path": "dialogues", "kind": "dialogues", "origin": "authentic"}]


def writes_on(request):
    asked = request.messages[-1]["content"]
    if "The scene so far" not in asked:
        return write_like_a_model(request)
    number = sum(map(ord, asked))
    if number % 3 == 0:
        return "I can't."
    cargo = " and ".join(f"cask {kind}{number}" for kind in "abcdefgh")  # no two extensions are alike
    return f"Olaf: What of {cargo}?\nMira: Roll {cargo} to the cellar, and mind rung nine."


def make(folder, until):
    async def session():
        async with workbench(folder, scripted_writer(writes_on)) as bench:
            return await pipeline.make(bench, until)

    return asyncio.run(session())


def stored(folder, name, kind=Dialogue):
    return read_records(folder / "build" / f"{name}.jsonl", kind)


def test_scenes_are_extended_or_listed_and_each_is_traceable(tmp_path):
    folder = make_character(tmp_path / "mira", sources=SOURCES, augmentation={"retries": 0})
    assert make(folder, "augmentation") == ["profile", "augmentation"]
    train = [one for one in stored(folder, "dialogues") if one.split == "train"]
    rows, rejected = stored(folder, "augmentation"), stored(folder, "augmentation.rejected", Rejection)
    assert rows
    assert len(rows) + len(rejected) == len(train)
    assert {row.extends for row in rows} <= {one.id for one in train}
    assert {row.reason for row in rejected} <= {"no turn in the reply", "no line of the character in the reply"}

    async def session():
        async with workbench(folder) as bench:
            return trace_row(bench, rows[0].id)

    (call,) = asyncio.run(session()).calls
    assert (call.template, call.call.reply.text.startswith("Olaf: What of cask")) == ("augmentation.md", True)


def test_the_dataset_has_both_in_the_mixture_that_is_wanted_and_measures_on_authentic_lines_only(tmp_path):
    folder = make_character(tmp_path / "mira", sources=SOURCES, **SMALL)
    make(folder, "dataset")
    extended = len(stored(folder, "augmentation"))
    shares = read_statistics(folder).mixture
    assert (shares["generated"].dialogues, shares["written"].dialogues) == (extended, 0)
    assert shares["authentic"].token_share + shares["generated"].token_share == 1
    assert read_statistics(folder).yields["augmentation"].kept == extended
    for split in ("validation", "test"):
        assert {one.origin for one in stored(folder, f"dataset/{split}", Example)} == {"authentic"}
    settings = folder / "character.yaml"
    values = yaml.safe_load(settings.read_text("utf-8"))
    values["dataset"] = {"mixture": {"authentic": 0.75, "generated": 0.25}}
    settings.write_text(yaml.safe_dump(values), "utf-8")
    assert make(folder, "dataset") == ["dataset"]
    shares = read_statistics(folder).mixture
    assert 0.65 <= shares["authentic"].dialogue_share <= 0.85


def read_statistics(folder):
    return DataStatistics.model_validate_json((folder / "build" / "dataset" / "statistics.json").read_text("utf-8"))


def test_a_dry_run_counts_one_call_a_scene(tmp_path):
    folder = make_character(tmp_path / "mira", sources=SOURCES, augmentation={"count": 3})
    rows = asyncio.run(estimate(Project.open(folder), "augmentation", {"writer": scripted_writer()}))
    assert [(row.stage, row.calls) for row in rows] == [("augmentation", 3)]
