import asyncio
import json
import subprocess
import sys

import pytest
from tests.character import make_character, workbench
from tests.evaluation import invented

from roletune.cli.stages import what_next
from roletune.engine.lock import project_lock
from roletune.models.weights import resolve
from roletune.pipeline import METHODS, STAGES
from roletune.project import Project
from roletune.training.recipe import Recipe

from .terminal import roletune, without


def test_help_is_there_at_once_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['roletune', '--help']\n"
        "from roletune.cli import main\n"
        "try: main()\n"
        "finally: print('HEAVY', sorted({'torch', 'transformers', 'peft', 'xllamacpp', 'gguf', 'matplotlib', 'openai'}"
        " & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.endswith("HEAVY []\n")
    for command in (
        "new",
        "check",
        "run",
        "show",
        "chat",
        "export",
        "cost",
        "doctor",
        "clean",
        "fetch",
        "recipes",
        *STAGES,
        *METHODS,
    ):
        assert f" {command} " in told


def test_a_new_character_is_asked_for_what_is_known(tmp_path, capsys):
    assert roletune(capsys, "new", tmp_path / "ada").code == 0
    end = roletune(capsys, "check", tmp_path / "ada")
    assert end.code == 1
    assert "Nothing tells about Ada. Write what is known into" in " ".join(end.err.split())


def test_a_new_character_with_a_profile_passes_its_check(tmp_path, capsys):
    assert roletune(capsys, "new", tmp_path / "ada-lovelace").code == 0
    (tmp_path / "ada-lovelace" / "profile.md").write_text("# Ada\n\nShe counted gulls.\n", "utf-8")
    end = roletune(capsys, "check", tmp_path / "ada-lovelace", "--json")
    assert json.loads(end.out) == {
        "name": "Ada Lovelace",
        "passages": 1,
        "dialogues": 1,
        "splits": {"train": 1},
        "not_read": 0,
        "base": "smollm2-135m-instruct",
        "recipe": "quick",
    }


@pytest.mark.parametrize("name", ["Yes", 'Ada "Byron" King', "O'Neill", "Müller #2"])
def test_a_name_of_any_characters_is_written_so_that_it_is_read_back(tmp_path, capsys, name):
    assert roletune(capsys, "new", tmp_path / "x", "--name", name).code == 0
    end = roletune(capsys, "check", tmp_path / "x", "--json")
    assert "can't be used" not in end.out
    assert name in (json.loads(end.out).get("name") or json.loads(end.out)["error"])


def test_what_is_made_and_what_is_only_yours_stays_out_of_git(tmp_path, capsys):
    roletune(capsys, "new", tmp_path / "ada")
    assert {"build/", "journal/"} <= set((tmp_path / "ada" / ".gitignore").read_text().split())


def test_check_makes_nothing(tmp_path, capsys):
    folder = make_character(tmp_path / "mira")
    assert roletune(capsys, "check", folder).code == 0
    assert not (folder / "build").exists()
    assert not (folder / "journal").exists()


def test_a_stage_says_what_it_made_what_was_not_kept_and_what_comes_next(folder, capsys):
    end = roletune(capsys, "protective", folder)
    assert end.code == 0
    told = " ".join(end.out.split())
    assert "profile: 2 passages, 12 dialogues" in told
    assert "12 written" in told
    assert f"Look at it: roletune show protective {folder}" in told.replace("\n", "")
    assert "Next: roletune dataset" in told


def test_after_a_training_it_says_how_to_see_what_was_forgotten(folder):
    async def told():
        async with workbench(folder) as bench:
            return [what_next(bench, name, folder)[-1] for name in ("train", "report")]

    trained, reported = asyncio.run(told())
    what = "To measure what it forgot of general knowledge"
    assert trained == f"{what}: roletune evaluate {folder} --with capability"
    assert reported == f"{what}: roletune run {folder} --with capability"


def test_json_is_the_only_thing_on_standard_output(folder, capsys):
    end = roletune(capsys, "protective", folder, "--json")
    made = json.loads(end.out)
    assert made["ran"] == ["profile", "scenes", "experiences", "protective"]
    assert made["stages"]["scenes"]["seconds"] >= 0
    assert json.loads(roletune(capsys, "protective", folder, "--json").out)["ran"] == []
    assert json.loads(roletune(capsys, "scenes", folder, "--again", "--json").out)["ran"] == ["scenes"]


def test_every_run_leaves_a_log_with_what_it_said(folder, capsys):
    roletune(capsys, "profile", folder)
    (log,) = (folder / "build" / "logs").glob("*.log")
    told = log.read_text("utf-8")
    assert told.startswith(f"roletune profile {folder}\n")
    assert "profile: 2 passages, 12 dialogues" in told


@pytest.mark.parametrize(("stage", "seen"), [("profile", "clockwork"), ("scenes", "quay"), ("experiences", "herring")])
def test_what_a_stage_made_can_be_looked_at(folder, capsys, stage, seen):
    roletune(capsys, "protective", folder)
    end = roletune(capsys, "show", stage, folder, "--number", "1")
    assert (end.code, seen in end.out) == (0, True)
    records = json.loads(roletune(capsys, "show", stage, folder, "--json").out)
    lines = (folder / "build" / f"{stage}.jsonl").read_text("utf-8").splitlines()
    assert records == [json.loads(line) for line in lines]


def test_protective_dialogues_are_shown_as_scripts(folder, capsys):
    roletune(capsys, "protective", folder)
    assert "Visitor: " in roletune(capsys, "show", "protective", folder).out


def test_every_stage_can_be_shown():
    from roletune.cli.show import _FILES, _SHOW

    assert set(_SHOW) == set(_FILES) == {*STAGES, *METHODS}
    for stage, (file, _) in _FILES.items():
        assert file in (STAGES | METHODS)[stage].writes


def test_the_bill_counts_each_call_once(folder, endpoint, capsys):
    roletune(capsys, "protective", folder)
    bill = json.loads(roletune(capsys, "cost", folder, "--json").out)
    assert [row["stage"] for row in bill] == ["scenes", "experiences", "protective"]
    assert {row["model"] for row in bill} == {"quill"}
    assert sum(row["calls"] for row in bill) == len(endpoint.asked)
    assert sum(row["prompt_tokens"] for row in bill) == 11 * len(endpoint.asked)
    roletune(capsys, "protective", folder, "--again")
    assert json.loads(roletune(capsys, "cost", folder, "--json").out) == bill
    assert "quill" in roletune(capsys, "cost", folder).out


def test_clean_keeps_the_journal_and_a_new_run_asks_nothing(folder, endpoint, capsys):
    roletune(capsys, "protective", folder)
    made, asked = (folder / "build" / "scenes.jsonl").read_bytes(), len(endpoint.asked)
    assert roletune(capsys, "clean", folder, "--yes").code == 0
    assert not (folder / "build").exists()
    assert (folder / "journal" / "ledger.sqlite").is_file()
    assert roletune(capsys, "protective", folder).code == 0
    assert len(endpoint.asked) == asked
    assert (folder / "build" / "scenes.jsonl").read_bytes() == made


def test_clean_without_anything_made_says_so(tmp_path, capsys):
    end = roletune(capsys, "clean", make_character(tmp_path / "mira"), "--yes")
    assert (end.code, end.out) == (0, "Nothing to delete.\n")


def test_two_at_once_are_told_apart(folder, capsys):
    with project_lock(folder / "build"):
        end = roletune(capsys, "profile", folder)
        assert (end.code, "Another roletune is working" in end.err) == (1, True)
        assert roletune(capsys, "clean", folder, "--yes").code == 1
    assert (folder / "build").exists()


def test_an_adapter_is_exported_whole_with_its_hashes(tmp_path, capsys):
    folder = make_character(tmp_path / "mira")
    run = folder / "build" / "runs" / "abc"
    run.mkdir(parents=True)
    for name in ("adapter_model.safetensors", "adapter_config.json", "adapter.gguf"):
        (run / name).write_text(name)
    own = invented.adapter(base_identity=resolve(Project.open(folder).base).identity())
    (run / "adapter.json").write_text(own.model_dump_json())
    (folder / "build" / "adapter").symlink_to("runs/abc")
    assert roletune(capsys, "profile", folder).code == 0  # its persona goes into the Modelfile
    end = roletune(capsys, "export", folder, "--to", tmp_path / "out", "--json")
    told = json.loads(end.out)
    assert set(told["sha256"]) == {path.name for path in (tmp_path / "out").iterdir()}
    assert (tmp_path / "out" / "adapter.gguf").read_text() == "adapter.gguf"
    assert told["folder"] == str(tmp_path / "out")


def test_recipes_are_listed_with_the_meaning_of_every_field(capsys):
    assert {recipe["name"] for recipe in json.loads(roletune(capsys, "recipes", "--json").out)} >= {"quick", "jarvis"}
    (quick,) = json.loads(roletune(capsys, "recipes", "quick", "--json").out)
    assert set(quick) == set(Recipe.model_fields)
    assert roletune(capsys, "recipes", "quikc").code == 1
    assert "rank" in roletune(capsys, "recipes", "quick").out
    assert "learning_rate" in roletune(capsys, "recipes").out


def test_the_doctor_says_what_is_missing_and_how_to_install_it():
    end = without(["torch", "xllamacpp"], "doctor", "--json")
    told = json.loads(end.out)
    assert told["device"] == "unknown without torch"
    assert told["advice"] == "pip install 'roletune[train,local]'"


@pytest.mark.model
def test_the_doctor_knows_device_model_and_disk(capsys):
    told = json.loads(roletune(capsys, "doctor", "--json").out)
    assert "threads" in told["device"]
    assert "SmolLM2" in told["base model"]
    assert "GB free" in told["cache"]
