"""Rows of a stage are accepted, rejected and edited; decisions are kept at once and applied by the next run."""

import asyncio
import io
import json
import random
import sys

import pytest
from tests.character import make_character, scripted_writer, workbench
from tests.cli.terminal import roletune

from roletune.engine.store import read_records
from roletune.pipeline import make
from roletune.records import Edit, Rejection, Scene


@pytest.fixture
def folder(tmp_path):
    folder = make_character(tmp_path / "mira", scenes={"count": 3, "per_call": 1})
    run(folder)
    return folder


def unlike(request):
    """A scene that no other one is like."""
    chance = random.Random(f"{request.messages[-1]['content']} {request.sample}")
    words = " ".join(f"thing{chance.randrange(10**6)}" for _ in range(9))
    return f"## Scene: The find\nLocation: the quay\nBackground: Mira finds {words} there.\n"


def run(folder):
    async def main():
        async with workbench(folder, scripted_writer(unlike)) as bench:
            await make(bench, "scenes")

    asyncio.run(main())


def scenes(folder):
    return read_records(folder / "build" / "scenes.jsonl", Scene)


def decisions(folder):
    return [(edit.id, edit.action) for edit in read_records(folder / "journal" / "edits.jsonl", Edit)]


def review(capsys, monkeypatch, folder, keys, *options):
    """The command with these keys typed, then the end of the input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{key}\n" for key in keys)))
    return roletune(capsys, "review", "scenes", folder, *options)


def test_every_row_is_shown_and_decided(folder, capsys, monkeypatch):
    first, second, third = scenes(folder)
    ended = review(capsys, monkeypatch, folder, "arr")
    assert ended.code == 0
    assert first.background in " ".join(ended.out.split())
    assert decisions(folder) == [(first.id, "accept"), (second.id, "reject"), (third.id, "reject")]
    run(folder)
    assert scenes(folder) == [first]
    rejected = read_records(folder / "build" / "scenes.rejected.jsonl", Rejection)
    assert [row.reason for row in rejected][-2:] == ["rejected by hand"] * 2


def test_a_review_goes_on_where_it_was_left(folder, capsys, monkeypatch):
    first, second, _ = scenes(folder)
    review(capsys, monkeypatch, folder, "aq")
    review(capsys, monkeypatch, folder, "r")  # and the input ends
    assert decisions(folder) == [(first.id, "accept"), (second.id, "reject")]
    assert "1 rows left" in review(capsys, monkeypatch, folder, "q").out


def test_back_takes_a_decision_back_by_another_one(folder, capsys, monkeypatch):
    first, *_ = scenes(folder)
    ended = review(capsys, monkeypatch, folder, "rbaq")
    assert "decided: reject" in ended.out
    run(folder)
    assert first in scenes(folder)


def test_a_skipped_row_comes_again(folder, capsys, monkeypatch):
    review(capsys, monkeypatch, folder, "sss")
    assert not (folder / "journal" / "edits.jsonl").exists()


def editor(tmp_path, monkeypatch, code):
    script = tmp_path / "editor.py"
    script.write_text(f"import sys, json, pathlib\npath = pathlib.Path(sys.argv[1])\n{code}", "utf-8")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")


def test_a_row_is_changed_in_the_editor(folder, tmp_path, capsys, monkeypatch):
    editor(
        tmp_path,
        monkeypatch,
        "row = json.loads(path.read_text())\nrow['title'] = 'By hand'\npath.write_text(json.dumps(row))",
    )
    review(capsys, monkeypatch, folder, "eq")
    run(folder)
    assert scenes(folder)[0].title == "By hand"


CHANGED_ID = """text = path.read_text()
path.write_text(text.replace('"id": "', '"id": "x'))"""


@pytest.mark.parametrize(
    ("code", "told"),
    [("path.write_text('nonsense')", "That is no Scene"), (CHANGED_ID, "The id must stay")],
    ids=["nonsense", "id"],
)
def test_what_is_no_row_any_more_is_refused_and_shown_again(folder, tmp_path, capsys, monkeypatch, code, told):
    editor(tmp_path, monkeypatch, code)
    ended = review(capsys, monkeypatch, folder, "eq")
    assert told in " ".join(ended.out.split())
    assert not (folder / "journal" / "edits.jsonl").exists()


def test_decisions_without_questions(folder, capsys):
    first, second, _ = scenes(folder)
    ended = roletune(capsys, "review", "scenes", folder, "--accept", first.id[:8], "--reject", second.id)
    assert ended.code == 0
    assert decisions(folder) == [(first.id, "accept"), (second.id, "reject")]


def test_an_id_that_is_not_there_decides_nothing(folder, capsys):
    first, *_ = scenes(folder)
    ended = roletune(capsys, "review", "scenes", folder, "--accept", first.id, "--reject", "nobody")
    assert ended.code == 1
    assert "'nobody'" in ended.err
    assert not (folder / "journal" / "edits.jsonl").exists()


def test_a_row_that_was_not_kept_can_be_added(folder, capsys):
    first, second, third = scenes(folder)
    roletune(capsys, "review", "scenes", folder, "--reject", first.id)
    run(folder)
    roletune(capsys, "review", "scenes", folder, "--rejected", "--accept", first.id)
    run(folder)
    assert {scene.id for scene in scenes(folder)} == {first.id, second.id, third.id}


def test_a_file_that_was_changed_by_hand_is_run_first(folder, capsys):
    path = folder / "build" / "scenes.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(json.dumps(row | {"mood": "calm"}) for row in rows), "utf-8")
    ended = roletune(capsys, "review", "scenes", folder, "--accept", rows[0]["id"])
    assert (ended.code, "changed by hand" in ended.err) == (1, True)


@pytest.mark.parametrize(("stage", "told"), [("nonsense", "There are: scenes"), ("dataset/train", "does not exist")])
def test_a_stage_that_has_no_rows_is_an_error_with_a_cure(folder, capsys, stage, told):
    ended = roletune(capsys, "review", stage, folder)
    assert (ended.code, told in ended.err) == (1, True)
