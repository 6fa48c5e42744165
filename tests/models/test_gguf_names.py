import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import ModelError
from roletune.models.gguf_names import Shape, TensorNames, interleave, permute

LLAMA = Shape("llama", 2, 4, 2)


@given(heads=st.integers(1, 8), half=st.integers(1, 8), width=st.integers(1, 4))
def test_interleaving_pairs_the_halves_of_each_head_and_can_be_undone(heads, half, width):
    rows = np.arange(heads * 2 * half * width, dtype=np.float32).reshape(heads * 2 * half, width)
    done = interleave(rows, heads)
    for head in range(heads):
        for i in range(half):
            start = head * 2 * half
            np.testing.assert_array_equal(done[start + 2 * i], rows[start + i])
            np.testing.assert_array_equal(done[start + 2 * i + 1], rows[start + half + i])
    # What transformers does when it reads a GGUF file.
    undone = done.reshape(heads, half, 2, width).swapaxes(1, 2).reshape(rows.shape)
    np.testing.assert_array_equal(undone, rows)


@given(rank=st.integers(1, 6), seed=st.integers(0, 1000))
def test_permuting_an_adapters_b_permutes_its_product(rank, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(rank, 5)), random.normal(size=(16, rank))
    np.testing.assert_allclose(interleave(b @ a, 2), interleave(b, 2) @ a)


def test_only_queries_and_keys_of_llamas_are_permuted():
    rows = np.arange(32, dtype=np.float32).reshape(16, 2)
    assert not np.array_equal(permute(rows, "model.layers.0.self_attn.q_proj", LLAMA), rows)
    assert not np.array_equal(permute(rows, "model.layers.0.self_attn.k_proj.weight", LLAMA), rows)
    np.testing.assert_array_equal(permute(rows, "model.layers.0.self_attn.v_proj", LLAMA), rows)
    np.testing.assert_array_equal(permute(rows, "model.layers.0.self_attn.q_proj", Shape("qwen2", 2, 4, 2)), rows)


def test_modules_and_tensors_get_llama_cpps_names():
    names = TensorNames(LLAMA)
    assert names("model.layers.1.mlp.down_proj") == "blk.1.ffn_down"
    assert names("model.layers.1.mlp.down_proj.weight") == "blk.1.ffn_down.weight"
    with pytest.raises(ModelError, match="no place for"):
        names("model.layers.7.mlp.down_proj")


def test_an_unknown_kind_of_model_is_refused_with_a_cure():
    with pytest.raises(ModelError, match="convert_lora_to_gguf"):
        Shape.of_config({"model_type": "mamba"})
