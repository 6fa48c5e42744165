import errno

import gguf
import numpy as np
import pytest

from roletune.errors import ModelError, ResourceError
from roletune.models.atomic import whole_file
from roletune.models.gguf_base import servable_gguf, write
from roletune.models.gguf_names import interleave
from roletune.models.weights import resolve

from .tiny import gguf_tensors, llama, qwen, read_tensors, source_gguf


def state(model):
    return {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}


def test_every_tensor_arrives_under_its_name_with_queries_and_keys_permuted(tmp_path):
    theirs = state(llama(tmp_path / "m"))
    out = write(tmp_path / "m", source_gguf(tmp_path / "source.gguf"), tmp_path / "out.gguf")
    ours = read_tensors(out)
    assert set(ours) == set(gguf_tensors())
    layer = "model.layers.1.self_attn."
    half = lambda array: array.astype(np.float16)  # noqa: E731
    np.testing.assert_array_equal(ours["blk.1.attn_q.weight"], half(interleave(theirs[layer + "q_proj.weight"], 4)))
    np.testing.assert_array_equal(ours["blk.1.attn_k.weight"], half(interleave(theirs[layer + "k_proj.weight"], 2)))
    np.testing.assert_array_equal(ours["blk.1.attn_v.weight"], half(theirs[layer + "v_proj.weight"]))
    np.testing.assert_array_equal(
        ours["blk.0.ffn_norm.weight"], theirs["model.layers.0.post_attention_layernorm.weight"]
    )


def test_metadata_is_the_sources_but_for_the_type_of_the_weights(tmp_path):
    llama(tmp_path / "m")
    source = source_gguf(tmp_path / "source.gguf", general__license="mit")
    fields = gguf.GGUFReader(write(tmp_path / "m", source, tmp_path / "out.gguf", "q8_0")).fields
    assert fields["general.license"].contents() == "mit"
    assert fields["tokenizer.ggml.tokens"].contents() == [f"t{i}" for i in range(96)]
    assert fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_Q8_0


def test_q8_0_keeps_each_weight_within_its_blocks_step(tmp_path):
    theirs = state(llama(tmp_path / "m"))
    out = write(tmp_path / "m", source_gguf(tmp_path / "source.gguf"), tmp_path / "out.gguf", "q8_0")
    down = theirs["model.layers.0.mlp.down_proj.weight"]
    step = np.abs(down.reshape(64, -1, 32)).max(-1, keepdims=True) / 127
    error = np.abs(read_tensors(out)["blk.0.ffn_down.weight"] - down).reshape(64, -1, 32)
    assert (error <= step * 0.57).all()  # half a step, and 127 times what float16 rounds off the step
    assert error.max() > 0


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    llama(tmp_path / "m")
    source = source_gguf(tmp_path / "source.gguf")
    one = write(tmp_path / "m", source, tmp_path / "one.gguf")
    assert one.read_bytes() == write(tmp_path / "m", source, tmp_path / "two.gguf").read_bytes()


@pytest.mark.parametrize("flaw", ["another shape", "another kind", "a tensor more", "a tensor less"])
def test_a_source_of_another_model_is_refused_and_nothing_is_written(flaw, tmp_path):
    (qwen if flaw == "another kind" else llama)(tmp_path / "m")
    tensors = gguf_tensors(inner=96) if flaw == "another shape" else gguf_tensors()
    if flaw == "a tensor more":
        tensors["output.weight"] = np.zeros((96, 64), dtype=np.float32)
    if flaw == "a tensor less":
        del tensors["blk.1.attn_v.weight"]
    with pytest.raises(ModelError):
        write(tmp_path / "m", source_gguf(tmp_path / "source.gguf", tensors=tensors), tmp_path / "out.gguf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "source.gguf"]


def test_tensors_that_the_converter_computes_are_copied(tmp_path):
    llama(tmp_path / "m")
    extra = {"rope_freqs.weight": np.linspace(1, 8, 8, dtype=np.float32)}
    source = source_gguf(tmp_path / "source.gguf", tensors=gguf_tensors() | extra)
    written = read_tensors(write(tmp_path / "m", source, tmp_path / "out.gguf"))
    np.testing.assert_array_equal(written["rope_freqs.weight"], extra["rope_freqs.weight"])


def test_weights_without_a_gguf_can_not_be_served_and_the_message_says_what_to_do(tmp_path):
    llama(tmp_path / "m")
    with pytest.raises(ModelError, match="convert_hf_to_gguf"):
        servable_gguf(resolve(str(tmp_path / "m")), tmp_path / "m")


def test_what_is_served_is_written_once(tmp_path, own_cache):
    llama(tmp_path / "m")
    weights = resolve(str(source_gguf(tmp_path / "source.gguf")))
    first = servable_gguf(weights, tmp_path / "m")
    before = first.stat().st_mtime_ns
    assert servable_gguf(weights, tmp_path / "m") == first
    assert first.stat().st_mtime_ns == before
    assert own_cache in first.parents


def test_a_full_disk_is_told(tmp_path):
    (tmp_path / "out").write_text("earlier")
    with pytest.raises(ResourceError, match="Free some space"):
        _fail_half_way(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _fail_half_way(out):
    with whole_file(out) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
