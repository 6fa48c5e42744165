import gguf
import numpy as np
import pytest

from roletune.errors import ModelError, ResourceError
from roletune.models.dequantise import _check_disk, trainable_folder
from roletune.models.gguf_names import interleave
from roletune.models.load import load_tokenizer
from roletune.models.weights import resolve

from .tiny import llama, source_gguf


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


@pytest.mark.model
def test_digits_are_split_as_in_llama_cpp(smollm2_folder):
    """Ids as told by llama.cpp's /tokenize for the same GGUF."""
    tokenizer = load_tokenizer(smollm2_folder)
    assert [tokenizer.decode([i]) for i in tokenizer.encode("a  1")] == ["a", "  ", "1"]
    assert [tokenizer.decode([i]) for i in tokenizer.encode("x\n\n  12 b")] == ["x", "\n\n  ", "1", "2", " b"]


def test_a_gguf_of_an_unsupported_kind_is_refused_and_leaves_nothing_behind(tmp_path, own_cache):
    weights = resolve(str(source_gguf(tmp_path / "m.gguf", architecture="rwkv7")))
    with pytest.raises(ModelError, match="folder or hub id"):
        trainable_folder(weights)
    assert [path.name for path in (own_cache / "dequantised").iterdir() if path.is_dir()] == []


def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    with pytest.raises(ResourceError, match="ROLETUNE_CACHE"):
        _check_disk(1 << 60, tmp_path)
