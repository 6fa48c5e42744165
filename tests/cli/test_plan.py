"""`roletune train --plan` and what `doctor` says of training: nothing is made and no weight is read."""

import json

import pytest
from tests.character import make_character

from .terminal import roletune

pytestmark = pytest.mark.model


def test_the_plan_of_a_model_that_is_not_on_this_machine_is_made_without_it(tmp_path, capsys):
    folder = make_character(tmp_path / "mira", base="Qwen/Qwen2.5-72B-Instruct")
    told = json.loads(roletune(capsys, "train", folder, "--plan", "--json").out)
    assert told["base"] == "Qwen/Qwen2.5-72B-Instruct"
    assert told["needed_bytes"] > 140e9
    assert told["verdict"] == "does not fit"
    assert sum(part["bytes"] for part in told["parts"] if part["phase"] != "loading") == told["needed_bytes"]
    assert any(cure["change"].startswith("quantisation: nf4") for cure in told["cures"])
    assert not (folder / "build").exists()


def test_a_plan_for_several_processes_on_gpus_that_are_not_here(tmp_path, capsys):
    folder = make_character(tmp_path / "mira")
    asked = ("train", folder, "--plan", "--recipe", "large", "--gpu")
    eighth = json.loads(roletune(capsys, *asked, "a100", "--processes", "8", "--json").out)
    assert (eighth["base"], eighth["processes"]) == ("meta-llama/Meta-Llama-3-70B-Instruct", 8)
    assert (eighth["device"], eighth["dtype"], eighth["verdict"]) == ("cuda", "bfloat16", "fits")
    assert json.loads(roletune(capsys, *asked, "48", "--json").out)["verdict"] == "does not fit"
    assert eighth["read_bytes"] == pytest.approx(141e9, rel=0.01)  # each weight is quantised as a whole
    assert eighth["host_bytes"] == 128256 * 8192 * 2 + next(
        part["bytes"] for part in eighth["parts"] if part["name"] == "adapters: masters"
    )
    told = " ".join(roletune(capsys, *asked, "80", "--processes", "8").out.split())
    assert "what the adapters and one weight need: 5.4 GB, 43 GB for all" in told
    assert "rtx4090" in roletune(capsys, *asked, "abacus").err
    assert "go with --plan" in roletune(capsys, "train", folder, "--gpu", "t4").err


def test_the_plan_is_a_table_with_the_arithmetic(tmp_path, capsys):
    folder = make_character(tmp_path / "mira", train={"recipe": "jarvis"})
    end = roletune(capsys, "train", folder, "--plan")
    assert end.code == 0, end.err
    assert "4.127 bits" in end.out
    assert "estimate" in end.out


def test_doctor_says_what_can_be_trained_here_and_that_times_are_estimates(capsys):
    told = json.loads(roletune(capsys, "doctor", "--json").out)
    bases = told["trains here"]
    assert bases == "nothing fits" or all("estimate" in what for what in bases.values())
    assert "recipe" in told["advice"]
