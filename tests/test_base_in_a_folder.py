"""A base model that is known as a folder only: trained, measured and talked with, without a GGUF file of it."""

import asyncio
import json

import pytest
import yaml
from tests.cli.terminal import roletune

from roletune import pipeline
from roletune.engine.store import read_records
from roletune.inference.transformers_model import TransformersModel
from roletune.llm.request import ChatRequest
from roletune.records import Evaluation, Example, Rejection

from .character import Heard, make_character, workbench
from .inference import tiny

pytestmark = pytest.mark.model
SETTINGS = {
    "scenes": {"count": 0},
    "protective": {"count": 0},
    "train": {"overrides": {"rank": 2, "epochs": 1, "max_tokens": 2048, "evaluations_per_epoch": 1}},
    "evaluate": {"max_tokens": 10, "resamples": 100},
}
HELLO = ChatRequest(({"role": "user", "content": "Who goes there?"},), max_tokens=6, temperature=0)


def mira(place, family):
    base = tiny.base_folder(place / "base", family, context=4096)
    folder = make_character(place / "mira", base=str(base), **SETTINGS)
    (folder / "questions.yaml").write_text(yaml.safe_dump([{"text": "Who goes there?"}]))
    return folder


def made(folder, until):
    """What was told while everything up to `until` was made."""
    heard = Heard()

    async def session():
        async with workbench(folder, progress=heard) as bench:
            await pipeline.make(bench, until)

    asyncio.run(session())
    return heard.lines


def test_a_kind_that_gguf_has_no_adapters_of_goes_the_whole_way_without_one(tmp_path, capsys):
    folder = mira(tmp_path, "Gemma")
    told = made(folder, "report")
    (said,) = [line for line in told if "adapter.gguf" in line]
    assert "Models of the kind 'gemma' can't be written as GGUF yet" in said
    assert not (folder / "build" / "adapter" / "adapter.gguf").exists()
    evaluation = Evaluation.model_validate_json((folder / "build" / "evaluation.json").read_text("utf-8"))
    assert len(evaluation.replies) == 1
    assert not read_records(folder / "build" / "dataset.rejected.jsonl", Rejection)
    assert read_records(folder / "build" / "dataset" / "test.jsonl", Example)
    card = (folder / "build" / "adapter" / "README.md").read_text("utf-8")
    assert "# Mira: a LoRA adapter" in card
    assert "llama-server" not in card
    assert str(tmp_path) not in card
    assert made(folder, "report") == [f"{stage}: unchanged" for stage in pipeline.STAGES]

    end = roletune(capsys, "export", folder, "--to", tmp_path / "out")
    assert end.code == 0, end.err
    assert "llama.cpp" not in end.out
    assert "vLLM" in end.out
    exported = json.loads(roletune(capsys, "export", folder, "--to", tmp_path / "out", "--json").out)
    assert {"adapter_model.safetensors", "README.md"} <= set(exported["sha256"])
    assert "adapter.gguf" not in exported["sha256"]


def test_base_and_adapter_of_a_folder_are_served_from_one_copy_of_its_weights(tmp_path):
    folder = mira(tmp_path, "Llama")
    made(folder, "train")
    assert (folder / "build" / "adapter" / "adapter.gguf").is_file()

    async def session():
        async with workbench(folder) as bench:
            base, adapted = bench.stage_models()
            assert base.identity != adapted.identity
            assert (base.name, adapted.name) == ("base", "base+adapter")
            replies = [await base.complete(HELLO), await adapted.complete(HELLO)]
            assert isinstance(base._model, TransformersModel)
            assert base._model.loaded is adapted._model.loaded
            return base._model, replies

    model, (alone, _) = asyncio.run(session())
    assert alone.key == HELLO.key(model.identity)
    assert alone.completion_tokens == 6
