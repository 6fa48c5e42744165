import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.errors import ModelError
from roletune.models.gguf_header import read_header

from .tiny import source_gguf


def test_scalars_and_shapes_are_read_and_arrays_are_stepped_over(tmp_path):
    header = read_header(source_gguf(tmp_path / "m.gguf", general__license="apache-2.0"))
    assert header.text("general.architecture") == "llama"
    assert header.text("general.license") == "apache-2.0"
    assert header.values["llama.block_count"] == 2
    assert header.shapes["blk.0.attn_k.weight"] == (32, 64)
    assert header.parameters == 96 * 64 + 64 + 2 * (2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128)
    assert "tokenizer.ggml.tokens" not in header.values


def test_a_missing_value_is_an_empty_text(tmp_path):
    assert read_header(source_gguf(tmp_path / "m.gguf")).text("general.license") == ""


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04" * 20, b"GGUF" + struct.pack("<IQQ", 99, 0, 0)])
def test_what_is_not_gguf_is_refused_with_a_cure(content, tmp_path):
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(ModelError, match="Download it again"):
        read_header(tmp_path / "m.gguf")


def test_counts_and_lengths_that_can_not_be_true_are_refused_before_they_cost_memory(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 60) + b"x" * 99)
    with pytest.raises(ModelError, match="text of"):
        read_header(tmp_path / "m.gguf")
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 1 << 40) + b"x" * 99)
    with pytest.raises(ModelError, match="more entries"):
        read_header(tmp_path / "m.gguf")


@given(cut=st.integers(min_value=0, max_value=2000), flipped=st.integers(min_value=0, max_value=255))
def test_a_broken_header_is_a_model_error_or_read_never_a_crash(cut, flipped, tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    whole = bytearray(source_gguf(folder / "m.gguf").read_bytes())
    whole[min(cut, len(whole) - 1)] ^= flipped
    (folder / "m.gguf").write_bytes(whole[: max(cut, 400)])
    with contextlib.suppress(ModelError):
        read_header(folder / "m.gguf")
