"""Trainings side by side, and going back to one, with a tiny random base."""

import asyncio
import json
import shutil

import pytest
import yaml
from tests.character import Heard, make_character, workbench
from tests.cli.terminal import roletune

from roletune import pipeline
from roletune.errors import TrainingError
from roletune.project import Project
from roletune.verbs.runs import check_link, chosen_run, differing, finished_runs, unfinished_runs

from .on_tiny_base import on_tiny_base

pytestmark = pytest.mark.model
OVERRIDES = {"rank": 2, "epochs": 1, "max_tokens": 2048, "evaluations_per_epoch": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A character with two trainings, of which the second, with rank 3, is in use."""
    place = tmp_path_factory.mktemp("trained")
    folder = on_tiny_base(place, train={"overrides": OVERRIDES})
    make(folder)
    configure(folder, rank=3)
    make(folder)
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "mira", symlinks=True)


def configure(folder, **overrides):
    path = folder / "character.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings["train"]["overrides"].update(overrides)
    path.write_text(yaml.safe_dump(settings), "utf-8")


def make(folder, again=False):
    """Everything up to the training; what was told meanwhile."""
    heard = Heard()

    async def session():
        async with workbench(folder, progress=heard) as bench:
            await pipeline.make(bench, "train", again=again)

    asyncio.run(session())
    return [line for line in heard.lines if line.startswith("train") or "Training" in line or "chosen" in line]


def in_use(folder):
    (run,) = [run for run in finished_runs(folder / "build") if run.in_use]
    return run.adapter


def test_runs_are_compared_by_what_differs(folder, capsys):
    told = json.loads(roletune(capsys, "runs", folder, "--json").out)
    assert told["differing"] == ["rank"]
    assert [run["differs"] for run in told["runs"]] == [{"rank": 2}, {"rank": 3}]
    assert [run["in_use"] for run in told["runs"]] == [False, True]
    assert all(run["best_validation_loss"] > 0 and run["tokens_per_second"] > 0 for run in told["runs"])
    shown = roletune(capsys, "runs", folder)
    assert shown.code == 0
    assert "rank" in shown.out


def test_a_chosen_run_stays_in_use_and_nothing_is_trained_in_its_place(folder, capsys):
    first = finished_runs(folder / "build")[0].adapter.run
    assert roletune(capsys, "use", first[:4], folder).code == 0
    assert in_use(folder).recipe["rank"] == 2
    configure(folder, rank=5)
    assert any("was chosen" in line for line in make(folder))
    assert in_use(folder).run == first
    assert len(finished_runs(folder / "build")) == 2
    assert json.loads(roletune(capsys, "runs", folder, "--json").out)["chosen"] == first


def test_the_settings_decide_again_when_they_are_asked_to(folder, capsys):
    first = finished_runs(folder / "build")[0].adapter.run
    roletune(capsys, "use", first, folder)
    assert roletune(capsys, "use", "settings", folder).code == 0
    assert chosen_run(Project.open(folder)) is None
    make(folder)
    assert in_use(folder).recipe["rank"] == 3
    assert len(finished_runs(folder / "build")) == 2


def test_a_chosen_run_that_is_gone_is_told_and_not_replaced(folder, capsys):
    first = finished_runs(folder / "build")[0].adapter.run
    roletune(capsys, "use", first, folder)
    shutil.rmtree(folder / "build" / "runs" / first)
    with pytest.raises(TrainingError, match="roletune use settings"):
        make(folder)


@pytest.mark.parametrize("name", ["zzzz", ""])
def test_a_run_that_does_not_exist_is_refused_with_those_that_do(folder, capsys, name):
    end = roletune(capsys, "use", name, folder)
    assert end.code == 1
    assert finished_runs(folder / "build")[0].adapter.run in end.err
    assert in_use(folder).recipe["rank"] == 3


def test_a_run_of_another_base_is_refused(folder, capsys):
    run = finished_runs(folder / "build")[0].adapter
    record = folder / "build" / "runs" / run.run / "adapter.json"
    record.write_text(run.model_copy(update={"base_identity": "another"}).model_dump_json(), "utf-8")
    end = roletune(capsys, "use", run.run, folder)
    assert end.code == 1
    assert "was trained on" in end.err


def test_again_really_trains_again_and_drops_a_choice(folder, capsys):
    roletune(capsys, "use", finished_runs(folder / "build")[0].adapter.run, folder)
    before = {run.adapter.run: run.finished for run in finished_runs(folder / "build")}
    told = make(folder, again=True)
    assert any(line.startswith("Training ") for line in told)
    assert any("No run is chosen" in line for line in told)
    after = in_use(folder)
    assert after.recipe["rank"] == 3
    assert finished_runs(folder / "build")[-1].finished > before[after.run]
    assert not any(line.startswith("Training ") for line in make(folder))


def test_a_run_whose_weights_are_gone_is_trained_again(folder):
    (folder / "build" / "adapter" / "adapter_model.safetensors").unlink()
    assert len(unfinished_runs(folder / "build")) == 1
    assert any(line.startswith("Training ") for line in make(folder))
    assert unfinished_runs(folder / "build") == []


def test_an_adapter_that_is_a_folder_of_its_own_is_refused_before_training(folder):
    link = folder / "build" / "adapter"
    link.unlink()
    link.mkdir()
    with pytest.raises(TrainingError, match="roletune use NAME"):
        make(folder)
    with pytest.raises(TrainingError, match="is a folder"):
        check_link(folder / "build")


def test_no_runs_are_no_error(tmp_path, capsys):
    folder = make_character(tmp_path / "mira")
    assert differing(finished_runs(folder / "build")) == []
    end = roletune(capsys, "runs", folder)
    assert end.code == 0
    assert "Nothing was trained yet" in end.out
