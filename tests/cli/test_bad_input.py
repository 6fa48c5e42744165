"""Every mistake: one message with its cure, exit code 1, nothing half-written."""

import json
import resource
import socket

import pytest
from tests.character import PROFILE, make_character

from .terminal import ended, left_behind, process, roletune, without


def spoil(folder, file, content):
    path = folder / file
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content, "utf-8")


MISTAKES = {
    "no settings": ("character.yaml", None, "Make a character with: roletune new"),
    "malformed": ("character.yaml", "name: [Mira\n", "not valid YAML: line"),
    "unknown key": ("character.yaml", "name: Mira\ncolour: red\n", "colour: there is no such setting"),
    "settings in another encoding": (
        "character.yaml",
        ("name: Zoë à côté\n" * 30).encode("cp1252"),
        "is not UTF-8",
    ),
    "no profile": ("profile.md", None, "write what is known about the character"),
    "empty profile": ("profile.md", "# Mira\n\n", "Nothing tells about Mira. Write what is known into"),
    "profile in another encoding": ("profile.md", ("Ærlige Åse går på øya. " * 20).encode("cp1252"), "iconv -f"),
    "no script": ("dialogues/scenes.md", None, "holds no script"),
    "no line of the character": ("dialogues/scenes.md", "## Scene: X\n\nA: Hello.\nB: Oh.\n", "No dialogue of Mira"),
    "empty script": ("dialogues/scenes.md", "", "scenes.md is empty"),
    "bad questions": ("questions.yaml", "- what?\n", "is not a question"),
}


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(("file", "content", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_message_with_its_cure(tmp_path, capsys, command, file, content, told):
    folder = make_character(tmp_path / "mira")
    (folder / file).unlink() if content is None else spoil(folder, file, content)
    end = roletune(capsys, command, folder)
    assert end.code == 1
    assert end.err.count("Error: ") == 1
    assert told in end.err
    assert "Traceback" not in end.err
    assert left_behind(folder) == []


def test_a_mistake_as_json_is_one_value_on_standard_output(tmp_path, capsys):
    end = roletune(capsys, "run", tmp_path / "nobody", "--json")
    assert end.code == 1
    told = json.loads(end.out)
    assert told["kind"] == "ProjectError"
    assert "roletune new" in told["error"]


def test_an_endpoint_that_nobody_listens_at_is_told_and_nothing_of_its_stage_is_written(tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    writer = {"url": f"http://127.0.0.1:{port}/v1", "model": "m", "key": ""}
    folder = make_character(tmp_path / "mira", models={"writer": writer}, scenes={"count": 2, "per_call": 2})
    end = roletune(capsys, "scenes", folder)
    assert end.code == 1
    assert f"127.0.0.1:{port}/v1" in end.err
    assert "Is it running" in end.err
    assert not (folder / "build" / "scenes.jsonl").exists()


def test_a_key_that_is_not_set_is_told_by_the_name_of_its_variable(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MIRA_KEY", raising=False)
    writer = {"url": "http://127.0.0.1:9/v1", "model": "m", "key": "MIRA_KEY"}
    folder = make_character(tmp_path / "mira", models={"writer": writer}, scenes={"count": 1})
    end = roletune(capsys, "scenes", folder)
    assert end.code == 1
    assert "export MIRA_KEY=" in end.err


@pytest.mark.parametrize("size", [4_000, 60_000], ids=["for the ledger", "for the dialogues"])
def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path, capsys, size):
    folder = make_character(tmp_path / "mira")
    assert roletune(capsys, "profile", folder).code == 0
    before = (folder / "build" / "dialogues.jsonl").read_bytes()
    scenes = folder / "dialogues" / "scenes.md"
    scenes.write_text(
        scenes.read_text("utf-8") + f"\n## Scene: Long\n\nOlaf: Well?\nMira: {'herring ' * 9000}.\n", "utf-8"
    )

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    end = ended(process("profile", folder, preexec_fn=limit))
    assert end.code == 1, end.err
    assert end.err.count("Error: ") == 1
    assert "full" in end.err
    assert "Traceback" not in end.err
    assert (folder / "build" / "dialogues.jsonl").read_bytes() == before
    assert not list(folder.rglob("*.tmp"))
    assert roletune(capsys, "profile", folder).code == 0


def test_a_missing_extra_is_told_with_the_command_that_installs_it(folder):
    end = without(["torch", "transformers", "peft"], "dataset", folder)
    assert end.code == 1
    assert "pip install 'roletune[train]'" in end.err
    assert "Traceback" not in end.err
    assert (folder / "build" / "protective.jsonl").is_file(), "what needs no torch was made"
    assert not (folder / "build" / "dataset").exists()


def test_what_is_not_trained_can_be_neither_exported_nor_talked_to(tmp_path, capsys):
    folder = make_character(tmp_path / "mira")
    for command in ("export", "chat"):
        end = roletune(capsys, command, folder)
        assert (end.code, "was not trained yet. Run: roletune run" in end.err) == (1, True)


def test_what_was_not_made_can_not_be_shown(tmp_path, capsys):
    end = roletune(capsys, "show", "scenes", make_character(tmp_path / "mira"))
    assert (end.code, "scenes was not made yet" in end.err) == (1, True)


@pytest.mark.parametrize("args", [("run", "--until", "nowhere"), ("show", "nowhere")])
def test_a_stage_that_does_not_exist_is_told_with_those_that_do(tmp_path, capsys, args):
    end = roletune(capsys, *args, make_character(tmp_path / "mira"))
    assert end.code == 2
    assert "protective" in end.err


def test_a_folder_that_has_settings_is_not_overwritten(tmp_path, capsys):
    folder = make_character(tmp_path / "mira")
    before = (folder / "character.yaml").read_bytes()
    end = roletune(capsys, "new", folder)
    assert (end.code, "exists already" in end.err) == (1, True)
    assert (folder / "character.yaml").read_bytes() == before


def test_a_profile_that_is_there_already_is_kept_by_new(tmp_path, capsys):
    (tmp_path / "mira").mkdir()
    (tmp_path / "mira" / "profile.md").write_text(PROFILE)
    assert roletune(capsys, "new", tmp_path / "mira").code == 0
    assert (tmp_path / "mira" / "profile.md").read_text() == PROFILE
