"""Preference training with TRL on a tiny random model: a few steps."""

import json
from functools import cached_property

import pytest
import torch
from safetensors.torch import load_file
from tests.inference import tiny
from transformers import TrainingArguments

from roletune.engine.progress import SilentProgress
from roletune.errors import DatasetError
from roletune.models.load import load_tokenizer
from roletune.records import Adapter, Message
from roletune.rendering.template import Renderer
from roletune.training.preference import balance, prefer
from roletune.training.preference_data import PreferSettings, Start, TokenPair, TokenThumb, rows_of
from roletune.training.recipe import Recipe

pytestmark = pytest.mark.model
pytest.importorskip("trl")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A tiny base with an adapter of it and the adapter's record."""
    place = tmp_path_factory.mktemp("start")
    base = tiny.base_folder(place / "base")
    adapter = Adapter(
        run="sft",
        character="Mira",
        base="org/tiny",
        base_identity="b",
        data="d",
        # A run that is older than one of the recipe's fields.
        recipe={k: v for k, v in Recipe(dtype="float32").settings.items() if k != "gradient_checkpointing"},
        curve=(),
        best_step=1,
        best_validation_loss=1.0,
        stopped_early=False,
        tokens=1,
        seconds=1.0,
        tokens_per_second=1.0,
        trainable_parameters=7,
        device="cpu",
        dtype="float32",
    )
    return Start(tiny.adapter_folder(base, place / "sft"), adapter, base)


@pytest.fixture(scope="module")
def pairs(start):
    """Talks of two turns in which the kept reply is another word than the other."""
    renderer = Renderer(load_tokenizer(start.base))
    found = []
    for number in range(8):
        before = [
            Message(role="system", content="You are Mira."),
            Message(role="user", content=f"Who is {number}?"),
            Message(role="assistant", content="Nobody."),
            Message(role="user", content="And now?"),
        ]
        ends = []
        for reply in ("the sea", "an AI"):
            rendered = renderer.render([*before, Message(role="assistant", content=reply, loss=True)])
            ((first, last),) = rendered.spans
            ends.append((tuple(rendered.ids[:first]), tuple(rendered.ids[first:last])))
        found.append(TokenPair(ends[0][0], ends[0][1], ends[1][1]))
    return found


def trained(start, train, validation, folder, **settings):
    chosen = PreferSettings(**{"learning_rate": 2e-3, "batch": 2, "epochs": 4, **settings})
    return prefer(train, validation, start, chosen, data_hash="pairs", run_dir=folder, progress=SilentProgress())


def test_dpo_learns_to_prefer_from_the_adapter_that_it_starts_from(start, pairs, tmp_path):
    adapter = trained(start, pairs[:4], pairs[4:], tmp_path / "run")
    first = next(point for point in adapter.curve if point.validation_loss is not None)
    # The reference is the adapter itself: at the start neither reply is preferred, which is a loss of log 2.
    assert first.step == 0
    assert first.validation_loss == pytest.approx(0.6931, abs=1e-3)
    assert adapter.best_validation_loss < 0.6
    assert adapter.best_step > 0
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (start.folder, tmp_path / "run"))
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    config = json.loads((tmp_path / "run" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "org/tiny"
    assert adapter.recipe["preference"]["starts_from"] == "sft"
    assert adapter.recipe["rank"] == start.adapter.recipe["rank"]


def test_a_finished_training_is_not_done_again(start, pairs, tmp_path):
    first = trained(start, pairs[:4], [], tmp_path / "run", epochs=1)
    written = (tmp_path / "run" / "adapter_model.safetensors").stat().st_mtime_ns
    assert trained(start, pairs[:4], [], tmp_path / "run", epochs=1) == first
    assert (tmp_path / "run" / "adapter_model.safetensors").stat().st_mtime_ns == written


def test_kto_learns_from_thumbs(start, pairs, tmp_path):
    thumbs = [TokenThumb(pair.prompt, pair.chosen, True) for pair in pairs]
    thumbs += [TokenThumb(pair.prompt, pair.rejected, False) for pair in pairs]
    adapter = trained(start, thumbs[::2], thumbs[1::2], tmp_path / "run", method="kto")
    losses = [point.validation_loss for point in adapter.curve if point.validation_loss is not None]
    assert min(losses) < losses[0]


def test_where_there_are_several_gpus_one_is_trained_on(start, pairs, tmp_path, monkeypatch):
    """As far as a CPU goes: transformers' settings are made to count two."""
    find = TrainingArguments._setup_devices.func

    def find_two(settings):
        device = find(settings)
        settings._n_gpu = 2
        return device

    counted = cached_property(find_two)
    counted.__set_name__(TrainingArguments, "_setup_devices")
    monkeypatch.setattr(TrainingArguments, "_setup_devices", counted)
    trained(start, pairs[:2], [], tmp_path / "run", epochs=1)  # TRL raises ValueError for two
    assert (tmp_path / "run" / "adapter.json").is_file()


def test_too_few_pairs_and_thumbs_of_one_kind_are_refused(start, pairs, tmp_path):
    with pytest.raises(DatasetError, match="1 pairs"):
        trained(start, pairs[:1], [], tmp_path / "run")
    liked = [TokenThumb(pair.prompt, pair.chosen, True) for pair in pairs]
    with pytest.raises(DatasetError, match="Every reply is liked"):
        trained(start, liked, [], tmp_path / "run", method="kto")


def test_the_rarer_kind_of_thumbs_counts_for_more():
    thumbs = [TokenThumb((1,), (2,), liked) for liked in (True, True, True, False)]
    assert balance(thumbs) == {"desirable_weight": 1.0, "undesirable_weight": 3.0}
    assert balance([TokenPair((1,), (2,), (3,))]) == {}


def test_kto_sees_the_reply_of_a_neighbour_in_the_batch():
    thumbs = [TokenThumb((1,), (number,), True) for number in (5, 6, 7)]
    assert [row["KL_completion_ids"] for row in rows_of(thumbs, 2)] == [[6], [5], [7]]
