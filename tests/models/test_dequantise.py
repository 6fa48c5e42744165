import subprocess
import sys

import gguf
import numpy as np
import pytest
import torch

from roletune.errors import ModelError, ResourceError
from roletune.models.dequantise import _check_disk, _plain, trainable_folder
from roletune.models.gguf_names import interleave
from roletune.models.load import load_causal_lm, load_tokenizer
from roletune.models.weights import resolve

from .tiny import llama, read_tensors, source_gguf, whole_gguf


class Said:
    def __init__(self):
        self.lines = []

    def say(self, message):
        self.lines.append(message)


def test_a_folder_is_trained_from_where_it_is(tmp_path):
    llama(tmp_path / "m")
    assert trainable_folder(resolve(str(tmp_path / "m"))) == tmp_path / "m"


@pytest.mark.model
def test_the_dequantised_weights_are_the_ggufs_own_in_float16(smollm2, smollm2_folder):
    from safetensors import safe_open

    reader = gguf.GGUFReader(smollm2.gguf)
    theirs = {t.name: t for t in reader.tensors if t.name.startswith("blk.7.") or t.name.startswith("token_embd")}
    heads = {"q": 9, "k": 3}
    with safe_open(smollm2_folder / "model.safetensors", framework="np") as ours:
        for letter, count in heads.items():
            projection = ours.get_tensor(f"model.layers.7.self_attn.{letter}_proj.weight")
            tensor = theirs[f"blk.7.attn_{letter}.weight"]
            expected = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float16)
            assert not np.array_equal(projection, expected)
            np.testing.assert_array_equal(interleave(projection, count), expected)
        down = theirs["blk.7.ffn_down.weight"]
        expected = gguf.quants.dequantize(down.data, down.tensor_type).astype(np.float16)
        np.testing.assert_array_equal(ours.get_tensor("model.layers.7.mlp.down_proj.weight"), expected)


@pytest.mark.model
def test_the_folder_is_whole_names_no_local_path_and_is_made_once(smollm2, smollm2_folder):
    written = smollm2_folder / "config.json"
    assert "quantization_config" not in written.read_text()
    assert str(smollm2.gguf.parent) not in written.read_text()
    assert load_tokenizer(smollm2_folder).chat_template.startswith("{% for message in messages %}")
    before = written.stat().st_mtime_ns
    assert trainable_folder(smollm2) == smollm2_folder
    assert written.stat().st_mtime_ns == before
    assert not [left for left in smollm2_folder.parent.iterdir() if left.name.startswith(".")]


def test_a_gguf_becomes_a_model_and_a_tokenizer_that_load(tmp_path, own_cache):
    weights = resolve(str(whole_gguf(tmp_path / "m.gguf")))
    said = Said()
    folder = trainable_folder(weights, said)
    assert folder.is_relative_to(own_cache)
    assert len(said.lines) == 1
    model, tokenizer = load_causal_lm(folder, torch.float32), load_tokenizer(folder)
    theirs = read_tensors(weights.gguf)["blk.1.attn_q.weight"].astype(np.float16).astype(np.float32)
    ours = model.model.layers[1].self_attn.q_proj.weight.detach().numpy()
    np.testing.assert_array_equal(interleave(ours, 4), theirs)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert tokenizer.chat_template.startswith("{% for m in messages %}")
    assert tokenizer.eos_token == "<|im_end|>"


def test_digits_are_split_off_as_in_llama_cpp(tmp_path, own_cache):
    """llama.cpp's `smollm`: a digit never takes a space along, so two spaces before one stay together."""
    tokenizer = load_tokenizer(trainable_folder(resolve(str(whole_gguf(tmp_path / "m.gguf")))))
    assert [tokenizer.decode([i]) for i in tokenizer.encode("a  12")] == ["a", "  ", "1", "2"]


def test_weights_too_large_for_float16_stay_in_float32(tmp_path):
    model = llama(tmp_path / "m")
    assert _plain(model).dtype == torch.float16
    model = llama(tmp_path / "m")
    with torch.no_grad():
        model.model.norm.weight[0] = 70000.0
    plain = _plain(model)
    assert plain.dtype == torch.float32
    assert plain.model.norm.weight[0] == 70000.0


def test_two_processes_that_want_it_at_once_both_get_the_one_folder(tmp_path, own_cache):
    path = whole_gguf(tmp_path / "m.gguf")
    code = (
        "import sys; from roletune.models import dequantise, weights;"
        "print(dequantise.trainable_folder(weights.resolve(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {process.communicate()[0].strip() for process in both}
    assert len(told) == 1
    assert [process.returncode for process in both] == [0, 0]
    made = [folder for folder in (own_cache / "dequantised").iterdir() if folder.is_dir()]
    assert [str(folder) for folder in made] == list(told)


def test_what_a_killed_process_left_behind_is_removed(tmp_path, own_cache):
    weights = resolve(str(whole_gguf(tmp_path / "m.gguf")))
    left_over = own_cache / "dequantised" / f".{weights.identity()}-v1-abc" / "whole"
    left_over.mkdir(parents=True)
    trainable_folder(weights)
    assert not left_over.exists()


def test_a_gguf_of_an_unsupported_kind_is_refused_and_leaves_nothing_behind(tmp_path, own_cache):
    weights = resolve(str(source_gguf(tmp_path / "m.gguf", architecture="rwkv7")))
    with pytest.raises(ModelError, match="folder or hub id"):
        trainable_folder(weights)
    assert [path.name for path in (own_cache / "dequantised").iterdir() if path.is_dir()] == []


def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    with pytest.raises(ResourceError, match="ROLETUNE_CACHE"):
        _check_disk(1 << 60, tmp_path)
