"""What was trained in 4 bits is measured, answered with and trained on from in 4 bits, with a tiny random base."""

import asyncio
import json

import pytest
from tests.character import workbench
from tests.cli.terminal import roletune
from tests.verbs.test_prefer import pair

from roletune import pipeline
from roletune.engine.store import read_records, write_json, write_records
from roletune.errors import ResourceError
from roletune.evaluation.likelihood import line_likelihoods
from roletune.inference.loaded_model import served_identity
from roletune.llm.request import ChatRequest
from roletune.models.frozen import Frozen
from roletune.records import Example
from roletune.verbs.contestants import answering, measured_base
from roletune.verbs.dataset import open_renderer
from roletune.verbs.evaluate import loaded_with_adapter

from .on_tiny_base import on_tiny_base

pytestmark = pytest.mark.model
OVERRIDES = {
    "rank": 2,
    "epochs": 1,
    "max_tokens": 2048,
    "evaluations_per_epoch": 1,
    "dtype": "float32",
    "quantisation": "nf4",
    "double_quantisation": True,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def in_4_bits(tmp_path_factory):
    pytest.importorskip("bitsandbytes")
    place = tmp_path_factory.mktemp("four")
    prefer = {"learning_rate": 0.002, "batch": 2, "epochs": 1}
    folder = on_tiny_base(place, train={"overrides": OVERRIDES}, prefer=prefer)

    async def session():
        async with workbench(folder) as bench:
            await pipeline.make(bench, "train")

    asyncio.run(session())
    return folder


def with_bench(folder, work):
    async def session():
        async with workbench(folder) as bench:
            return await work(bench)

    return asyncio.run(session())


def kinds(model):
    return {type(module).__name__ for module in model.modules()}


def test_the_adapter_is_measured_on_the_base_that_it_was_trained_beside(in_4_bits):
    async def measured(bench):
        examples = read_records(bench.project.build / "dataset" / "validation.jsonl", Example)
        with loaded_with_adapter(bench) as (model, device):
            lines = line_likelihoods(examples, open_renderer(bench), model, device=device)
            with model.disable_adapter():
                bare = line_likelihoods(examples, open_renderer(bench), model, device=device)
            figures = [sum(one.nll for one in found) / sum(one.tokens for one in found) for found in (lines, bare)]
            return figures, kinds(model)

    (adapter, base), layers = with_bench(in_4_bits, measured)
    trained = json.loads((in_4_bits / "build" / "adapter" / "adapter.json").read_text())
    assert "Linear4bit" in layers
    # What training itself found on the same lines, which a base that is held whole would not give.
    assert adapter == pytest.approx(trained["best_validation_loss"], rel=1e-4)
    assert base != pytest.approx(adapter, rel=1e-3)


def test_short_memory_is_explained_when_it_is_measured(in_4_bits):
    async def measured(bench):
        with loaded_with_adapter(bench):
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with pytest.raises(ResourceError, match="smaller base"):
        with_bench(in_4_bits, measured)


def test_a_base_in_4_bits_is_another_one_to_all_that_is_measured(in_4_bits):
    async def identities(bench):
        record = bench.project.build / "adapter" / "adapter.json"
        kept, found = record.read_text(), []
        for settings in ({}, {"double_quantisation": False}, {"quantisation": "none", "dtype": "auto"}):
            adapter = bench.adapter()
            write_json(record, adapter.model_copy(update={"recipe": {**adapter.recipe, **settings}}))
            served = served_identity(bench.base, None, Frozen.of_run(record.parent))
            found.append((measured_base(bench), served, str(answering(bench))))
        record.write_text(kept)
        return found, bench.base.identity()

    found, plain = with_bench(in_4_bits, identities)
    assert [len(set(each)) for each in zip(*found, strict=True)] == [3, 3, 3]
    assert found[2][0] == plain  # what was measured before of runs in 16 bits stays measured


def test_replies_in_this_process_come_of_the_same_weights(in_4_bits):
    async def loaded(bench):
        beside = await bench.local.loaded()
        reply = await bench.local.at(1.0).complete(ChatRequest(({"role": "user", "content": "Who?"},), max_tokens=4))
        assert reply.completion_tokens > 0
        alone = await bench.local._load(None)
        return kinds(beside.model), kinds(alone.model), bench.local.at(0.0).identity, bench.local.at(None).identity

    beside, alone, switched_off, plain = with_bench(in_4_bits, loaded)
    assert "Linear4bit" in beside
    assert "Linear4bit" not in alone
    assert switched_off != plain


def test_preferences_are_trained_and_measured_in_4_bits(in_4_bits, capsys):
    pytest.importorskip("trl")
    pairs = [pair(number) for number in range(4)] + [pair(number, "test") for number in range(4, 8)]
    write_records(in_4_bits / "build" / "pairs.jsonl", pairs)
    end = roletune(capsys, "prefer", in_4_bits, "--json")
    assert end.code == 0, end.err
    report = json.loads(end.out)
    assert report["figures"]["margin"]["value"] > 0
    roletune(capsys, "use", "settings", in_4_bits)
