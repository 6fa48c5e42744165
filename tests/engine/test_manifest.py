"""A stage is made again when what it is made from has changed or its files are gone, and only then."""

import shutil

import pytest

from roletune.engine.manifest import Manifest
from roletune.errors import SourceError


@pytest.fixture
def build(tmp_path):
    build = tmp_path / "build"
    (build / "dataset").mkdir(parents=True)
    for name in ("scenes.jsonl", "dataset/train.jsonl"):
        (build / name).write_text("{}\n", encoding="utf-8")
    return build


def outputs(build):
    return [build / "scenes.jsonl", build / "dataset" / "train.jsonl"]


def record(build, inputs="abc"):
    manifest = Manifest(build / "manifest.json")
    manifest.record("scenes", inputs, outputs(build), seconds=2.5, peak_memory_bytes=7)
    return manifest


def test_a_stage_that_was_made_is_current_for_the_next_run(build):
    assert not Manifest(build / "manifest.json").is_current("scenes", "abc", outputs(build))
    assert record(build).is_current("scenes", "abc", outputs(build))
    manifest = Manifest(build / "manifest.json")
    assert manifest.is_current("scenes", "abc", outputs(build))
    assert manifest.entry("scenes").seconds == 2.5
    assert manifest.entry("scenes").peak_memory_bytes == 7


def test_other_inputs_or_other_files_make_a_stage_again(build):
    manifest = record(build)
    assert not manifest.is_current("scenes", "abd", outputs(build))
    assert not manifest.is_current("scenes", "abc", outputs(build)[:1])
    assert not manifest.is_current("scenes", "abc", [*outputs(build), build / "more.jsonl"])
    assert not manifest.is_current("protective", "abc", outputs(build))
    outputs(build)[1].unlink()
    assert not manifest.is_current("scenes", "abc", outputs(build))


def test_files_changed_by_hand_are_named_and_do_not_count_as_missing(build):
    manifest = record(build)
    assert manifest.edited("scenes") == []
    outputs(build)[1].write_text('{"by": "hand"}\n', encoding="utf-8")
    assert manifest.edited("scenes") == [outputs(build)[1]]
    assert manifest.is_current("scenes", "abc", outputs(build))
    outputs(build)[1].unlink()
    assert manifest.edited("scenes") == []
    assert manifest.edited("never made") == []


def test_a_stage_that_was_forgotten_is_made_again_and_was_not_edited(build):
    record(build).forget("scenes")
    manifest = Manifest(build / "manifest.json")
    outputs(build)[1].write_text("{}", encoding="utf-8")
    assert manifest.edited("scenes") == []
    assert not manifest.is_current("scenes", "abc", outputs(build))
    manifest.forget("never made")


def test_a_folder_that_was_moved_is_still_current(build):
    record(build)
    moved = build.with_name("moved")
    shutil.move(build, moved)
    assert Manifest(moved / "manifest.json").is_current("scenes", "abc", outputs(moved))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stages": {"scenes": {"inputs": 3}}}', "\xff"])
def test_a_manifest_that_can_not_be_read_is_empty_and_written_anew(build, text):
    record(build)
    (build / "manifest.json").write_bytes(text.encode("latin-1"))
    manifest = Manifest(build / "manifest.json")
    assert not manifest.is_current("scenes", "abc", outputs(build))
    assert manifest.entry("scenes") is None
    assert record(build).is_current("scenes", "abc", outputs(build))


def test_an_output_that_was_not_made_can_not_be_recorded(build):
    outputs(build)[0].unlink()
    with pytest.raises(SourceError):
        record(build)
    assert Manifest(build / "manifest.json").entry("scenes") is None
