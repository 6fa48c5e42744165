import gguf
import numpy as np

from roletune.models.gguf_reader import open_gguf, parsed_once

from .tiny import whole_gguf


def test_it_reads_what_the_packages_reader_reads(tmp_path):
    path = whole_gguf(tmp_path / "m.gguf")
    stock, ours = gguf.GGUFReader(path), open_gguf(path)
    assert {key: field.contents() for key, field in ours.fields.items()} == {
        key: field.contents() for key, field in stock.fields.items()
    }
    for a, b in zip(stock.tensors, ours.tensors, strict=True):
        assert (a.name, a.tensor_type, list(a.shape)) == (b.name, b.tensor_type, list(b.shape))
        np.testing.assert_array_equal(a.data, b.data)


def test_a_file_is_parsed_once_within_and_anew_afterwards(tmp_path):
    path = whole_gguf(tmp_path / "m.gguf")
    stock = gguf.GGUFReader
    with parsed_once():
        assert gguf.GGUFReader(path) is gguf.GGUFReader(path)
        table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
        assert gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2) is table
        assert gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 3) is not table
    assert gguf.GGUFReader is stock
    assert gguf.GGUFReader(path) is not gguf.GGUFReader(path)
