"""A base that is divided while it is read: what each process has of it, and that they train what one does."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from roletune.models.device import Device
from roletune.training.model import TrainableModel
from roletune.training.recipe import Recipe

from .launches import assert_same_training, run_two, small_call, train_alone


@pytest.fixture(scope="module")
def bases(tiny_config):
    """By the dtype that they are loaded in: configuration, dtype and bytes of the files."""
    return {
        # Rows that two processes can't share equally, in several files with an index.
        "bfloat16": (tiny_config("llama", intermediate_size=97), torch.float32, "60KB"),
        "float32": (tiny_config("qwen2", tie_word_embeddings=True), torch.bfloat16, "1GB"),
    }


@pytest.fixture(scope="module")
def call(tiny_base, tiny_sequences):
    # So few tokens at once that the processes have different numbers of micro-batches.
    return small_call(tiny_base, tiny_sequences, sharding="fsdp", micro_tokens=40)


@pytest.fixture(scope="module")
def divided(bases, call, tmp_path_factory):
    """The folder in which two processes have loaded the bases and trained."""
    folder = tmp_path_factory.mktemp("divided")
    for dtype, (config, stored, largest) in bases.items():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config, dtype=stored)
        model.save_pretrained(folder / f"in-{dtype}", max_shard_size=largest)
    run_two("divide_as_rank.py", call, folder / "two", folder)
    return folder


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_two_processes_read_their_shares_and_have_to_the_bit_what_one_loads_whole(dtype, bases, call, divided):
    base = divided / f"in-{dtype}"
    alone = TrainableModel.load(base, Recipe(**call["recipe"]), Device("cpu", dtype, 2, "a test")).model
    expected = {name: t.detach() for name, t in (*alone.named_parameters(), *alone.named_buffers())}
    read = []
    for rank in (0, 1):
        path = divided / f"{base.name}-{rank}.safetensors"
        have = load_file(path)
        assert have.keys() == expected.keys()
        assert not [name for name, t in have.items() if t.dtype != expected[name].dtype]
        assert not [name for name, t in have.items() if not torch.equal(t, expected[name])]
        with safe_open(path, framework="pt") as opened:
            read.append(int(opened.metadata()["read"]))
    sizes = {name: t.numel() * bases[dtype][1].itemsize for name, t in alone.named_parameters() if "lora" not in name}
    layers = sum(size for name, size in sizes.items() if ".layers." in name and alone.get_parameter(name).ndim > 1)
    assert sum(read) == layers + 2 * (sum(sizes.values()) - layers)  # each the embedding, the norms and the head
    assert abs(read[0] - read[1]) < 0.02 * layers


def test_two_processes_that_divide_the_base_train_what_one_does(call, divided, tmp_path):
    train_alone(call, tmp_path / "alone")
    assert_same_training(tmp_path / "alone", divided / "two")
    said = (divided / "said.txt").read_text()
    assert "2 layers divided between 2 processes (0.000" in said  # GB of a toy
    assert "of it read by each)" in said
