"""Read what a GGUF file says about itself, without its weights and without the `gguf` package.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian). Arrays (the
vocabulary) are stepped over. Guarantees: nothing is allocated on the file's word; a broken file is a `ModelError`.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roletune.errors import ModelError

Scalar = int | float | bool | str

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MAX_TEXT = 4 << 20  # a chat template is a few kB; what is longer is a broken length


@dataclass(frozen=True)
class Header:
    """Scalar metadata, and the tensors' shapes in torch's order (rows first)."""

    values: dict[str, Scalar]
    shapes: dict[str, tuple[int, ...]]

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def text(self, key: str) -> str:
        """The value of `key` as text, empty if it is missing."""
        return str(self.values.get(key, "")).strip()


def read_header(path: Path) -> Header:
    """The metadata of `path`. Raises `ModelError` if it is not a GGUF file, or cut short."""
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except (OSError, struct.error, OverflowError, ValueError) as error:
        raise ModelError(f"{path} is not a whole GGUF file ({error}). Download it again.") from error


def _read(file: BinaryIO, size: int) -> Header:
    if file.read(4) != b"GGUF":
        raise ValueError("it does not start with GGUF")
    version, tensors, keys = _unpack(file, "IQQ")
    if version not in (2, 3):
        raise ValueError(f"version {version} is not supported")
    # Each entry takes at least 13 bytes: a larger count can't be true.
    if (tensors + keys) * 13 > size:
        raise ValueError("it counts more entries than it has room for")
    values: dict[str, Scalar] = {}
    for _ in range(keys):
        key = _text(file)
        value = _value(file, _unpack(file, "I")[0])
        if value is not None:
            values[key] = value
    return Header(values, dict(_tensor(file) for _ in range(tensors)))


def _value(file: BinaryIO, kind: int) -> Scalar | None:
    if kind == _ARRAY:
        element, count = _unpack(file, "IQ")
        _skip_array(file, element, count)
        return None
    if kind == _STRING:
        return _text(file)
    if kind not in _SCALARS:
        raise ValueError(f"unknown type {kind}")
    value: Scalar = _unpack(file, _SCALARS[kind])[0]
    return value


def _skip_array(file: BinaryIO, element: int, count: int) -> None:
    if element == _STRING:
        for _ in range(count):
            file.seek(_unpack(file, "Q")[0], 1)
    elif element in _SCALARS:
        file.seek(struct.calcsize("<" + _SCALARS[element]) * count, 1)
    else:
        raise ValueError(f"an array of type {element}")


def _tensor(file: BinaryIO) -> tuple[str, tuple[int, ...]]:
    name = _text(file)
    (dimensions,) = _unpack(file, "I")
    if not 1 <= dimensions <= 4:
        raise ValueError(f"a tensor of {dimensions} dimensions")
    lengths = _unpack(file, "Q" * dimensions)
    _unpack(file, "IQ")  # type and offset
    return name, lengths[::-1]


def _text(file: BinaryIO) -> str:
    (length,) = _unpack(file, "Q")
    if length > _MAX_TEXT:
        raise ValueError(f"a text of {length} bytes")
    return file.read(length).decode("utf-8")


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    layout = "<" + layout
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
