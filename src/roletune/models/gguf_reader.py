"""The `gguf` package's reader, several times faster; the file is trusted no more than by the original.

A vocabulary is 100,000 strings, and each of them was a slice of a memory map, which costs numpy four times as much as
one of an ordinary array over the same bytes. transformers moreover parses a file anew for its configuration, tokenizer
and weights, and makes the table of tensor names once for each module: two thirds of the time to dequantise a small
model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any


def open_gguf(path: Path) -> Any:
    """A `gguf.GGUFReader` of the file. Raises what that one raises."""
    return _reader()(path)


@contextmanager
def parsed_once() -> Iterator[None]:
    """Within, whoever asks the `gguf` package for a reader or a table of names again gets the one made before."""
    import gguf

    stock = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = cache(_reader()), cache(stock[1])
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = stock


@cache
def _reader() -> type[Any]:
    import gguf
    import numpy as np

    class PlainReader(gguf.GGUFReader):
        """Reads through an ordinary array over the mapped file."""

        @property
        def data(self) -> Any:
            return self._data

        @data.setter
        def data(self, mapped: Any) -> None:
            self._data = np.asarray(mapped)

    return PlainReader
