"""Ablations of a small character on a tiny random base: what is trained, what is not again, what is compared."""

import asyncio
import json

import pytest
from tests.character import make_character, workbench
from tests.cli.terminal import roletune
from tests.inference import tiny

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.errors import ProjectError
from roletune.project import Project
from roletune.records import Adapter, Example
from roletune.verbs.ablate import mean_scores
from roletune.verbs.variants import read_variants, share_variant, variant_bench

OVERRIDES = {"rank": 2, "epochs": 1, "max_tokens": 2048, "evaluations_per_epoch": 1, "dtype": "float32"}
SETTINGS = {"scenes": {"count": 0}, "protective": {"count": 0}, "evaluate": {"max_tokens": 10, "resamples": 200}}
BOUNDARY = """
denies: ['no such']
refusals: ['no such']
questions:
- {id: q, category: later times, text: 'What is a gadget?', leaks: ['.'], twin: t}
- {id: r, category: later times, text: 'What is a screen?', leaks: [zeppelin], twin: u}
twins: [{id: t, text: 'What is a herring?'}, {id: u, text: 'What is a lamp?'}]
"""


def rewrite(folder, old, new):
    path = folder / "dialogues" / "scenes.md"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("ablate")
    base = tiny.base_folder(place / "base", "Llama", context=4096)
    folder = make_character(place / "mira", base=str(base), train={"overrides": OVERRIDES}, **SETTINGS)
    for title in ("The parcel", "The storm", "The ladder", "The tide"):
        rewrite(folder, f"## Scene: {title}\n", f"## Scene: {title}\nPurpose: protective\n")
    return folder


def examples(place, split="train"):
    return read_records(place / "dataset" / f"{split}.jsonl", Example)


def wrote(place):
    return {path: path.stat().st_mtime_ns for path in place.glob("ablations/*/runs/*/adapter_model.safetensors")}


@pytest.mark.model
def test_each_variant_differs_in_one_thing_and_is_compared_on_the_same_lines(folder, capsys):
    vary = "protective,thoughts,target_only,rank=1,scenes=0.5,authentic=0.5"
    end = roletune(capsys, "ablate", folder, "--vary", vary, "--json")
    assert end.code == 0, end.err
    found = json.loads(end.out)
    build = folder / "build"
    places = {variant["name"]: build / "ablations" / variant["name"] for variant in found["variants"]}
    assert list(places) == ["full", "without-protective", "with-thoughts", "loss-on-all", "rank-1", "scenes-0.5"]
    assert "authentic" in found["failed"]["authentic-0.5"]

    full = examples(places["full"])
    assert full == examples(build)
    assert {one.purpose for one in full} == {"lived", "protective"}
    assert {one.purpose for one in examples(places["without-protective"])} == {"lived"}
    half = examples(places["scenes-0.5"])
    assert {one.id for one in half} < {one.id for one in full}
    assert len(half) == -(-len(full) // 2)
    learnt = {message.role for one in examples(places["loss-on-all"]) for message in one.messages if message.loss}
    assert learnt == {"user", "assistant"}
    held_out = [message for one in examples(places["loss-on-all"], "validation") for message in one.messages]
    assert {message.role for message in held_out if message.loss} == {"assistant"}
    adapter = Adapter.model_validate_json((places["rank-1"] / "adapter" / "adapter.json").read_text())
    assert (adapter.recipe["rank"], adapter.recipe["alpha"]) == (1, 8.0)  # the scale is that of the full recipe

    rows = {row["entrant"]: row for row in found["comparison"]["differences"]}
    assert set(rows) == {*places, "base with prompt"} - {"full"}
    assert {row["against"] for row in rows.values()} == {"full"}
    lines = {one["n"] for one in found["comparison"]["figures"][0]["estimates"].values()}
    assert lines == {sum(message.loss for one in examples(build, "test") for message in one.messages)}
    assert rows["with-thoughts"]["difference"] == 0.0  # nobody thinks aloud in these scenes: the same training
    assert (build / "ablations" / "compare.html").is_file()


@pytest.mark.model
def test_leaks_and_needless_refusals_stand_in_the_table_where_they_are_asked_for(folder, capsys):
    (folder / "boundary.yaml").write_text("questions: []\n", "utf-8")
    end = roletune(capsys, "ablate", folder, "--vary", "rank=1", "--with", "boundary")
    assert (end.code, "needs correcting" in end.err, "Variant 1" in end.out + end.err) == (1, True, False)
    (folder / "boundary.yaml").write_text(BOUNDARY, "utf-8")
    end = roletune(capsys, "ablate", folder, "--vary", "rank=1", "--with", "boundary", "--json")
    assert end.code == 0, end.err
    comparison = json.loads(end.out)["comparison"]
    figures = {one["figure"]: one["estimates"] for one in comparison["figures"] if one["area"] == "boundary"}
    assert set(figures) == {"leaks at the boundary", "twins refused"}
    for found in figures.values():
        assert {name: one["n"] for name, one in found.items()} == {"full": 2, "rank-1": 2, "base with prompt": 2}
    # Whatever is said leaks in answer to the first question, and nothing in answer to the second.
    assert {one["value"] for one in figures["leaks at the boundary"].values()} == {0.5}
    assert "leaks at the boundary" in (folder / "build" / "ablations" / "compare.csv").read_text("utf-8")
    refused = roletune(capsys, "ablate", folder, "--vary", "rank=1", "--with", "voice")
    assert (refused.code, "there is boundary" in refused.err) == (2, True)


@pytest.mark.model
def test_nothing_is_trained_again_and_a_run_of_the_character_is_used(folder, capsys):
    async def train():
        async with workbench(folder) as bench:
            await pipeline.make(bench, "train")

    asyncio.run(train())
    (run,) = (folder / "build" / "runs").iterdir()
    vary = ("ablate", folder, "--vary", "target_only")
    assert roletune(capsys, *vary).code == 0
    before = wrote(folder / "build")
    assert roletune(capsys, *vary).code == 0
    assert wrote(folder / "build") == before
    assert (folder / "build" / "ablations" / "full" / "runs" / run.name).is_dir()
    assert not (folder / "journal" / "run").exists()  # nothing was put to use

    told = json.loads(roletune(capsys, *vary, "--plan", "--json", "--seeds", "2").out)
    assert [one["finished"] for one in told["trainings"]] == [True, False, True, False]
    assert told["left"] == 2
    assert "2 of 4 trainings are left" in roletune(capsys, *vary, "--plan", "--seeds", "2").out
    assert roletune(capsys, *vary, "--seeds", "2").code == 0
    kept = json.loads((folder / "build" / "ablations" / "ablations.json").read_text("utf-8"))
    assert [len(variant["runs"]) for variant in kept["variants"]] == [2, 2]
    assert kept["variants"][1]["by_seed"][0] != kept["variants"][1]["by_seed"][1]


def test_what_cannot_be_varied_is_refused_with_what_can(tmp_path):
    project = Project.open(make_character(tmp_path / "mira", **SETTINGS))
    for wish in ("nonsense", "rank=0", "rank=many", "scenes=1.5", "thoughts=some", "authentic=0.5"):
        with pytest.raises(ProjectError, match=wish.partition("=")[0]):
            read_variants([wish], project)
    with pytest.raises(ProjectError, match="twice"):
        read_variants(["rank=8", "rank=8"], project)


def test_the_score_of_a_line_is_its_mean_over_the_seeds_of_the_lines_that_all_have():
    from roletune.evaluation.comparing import Score

    one, two = {"a": Score(1.0, 3), "b": Score(2.0, 1)}, {"a": Score(2.0, 3)}
    assert mean_scores([one, two], {"a"}) == {"a": Score(1.5, 3)}


def test_a_share_is_one_of_the_scenes_that_the_full_recipe_trains_on(tmp_path):
    folder = make_character(tmp_path / "mira", dataset={"train_share": 0.5}, **SETTINGS)

    async def shares():
        async with workbench(folder) as bench:
            benches = [variant_bench(bench, share_variant(share)) for share in (1.0, 0.25)]
            return [own.project.character.dataset.train_share for own in benches]

    assert asyncio.run(shares()) == [0.5, 0.125]


@pytest.mark.model
def test_a_curve_has_a_point_for_each_share_of_the_training_scenes(folder, capsys):
    end = roletune(capsys, "curve", folder, "--shares", "0.25,0.5", "--json")
    assert end.code == 0, end.err
    found = json.loads(end.out)
    assert [point["share"] for point in found["points"]] == [0.25, 0.5, 1.0]
    assert found["points"][-1]["scenes"] == len(examples(folder / "build"))
    assert found["twice"]["low"] <= found["twice"]["value"] <= found["twice"]["high"] <= 0
    assert "twice the data would bring" in roletune(capsys, "curve", folder, "--shares", "0.25,0.5").out
    assert "<svg" in (folder / "build" / "ablations" / "curve.html").read_text("utf-8")
    assert roletune(capsys, "curve", folder, "--shares", "2").code == 1
