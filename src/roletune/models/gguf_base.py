"""Write a model folder as a GGUF file for llama.cpp, in float16 or Q8_0.

The metadata and tokenizer come from a GGUF file of the same model. Guarantees: every tensor of the source has its
counterpart of the same shape, or nothing is written; the file appears whole or not at all; one tensor at a time is in
memory. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout
from roletune.models.atomic import whole_file
from roletune.models.cache import cache_dir
from roletune.models.gguf_header import read_header
from roletune.models.gguf_names import Shape, TensorNames, permute
from roletune.models.gguf_reader import open_gguf
from roletune.models.weights import Weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

GgufType = Literal["f16", "q8_0"]
# Half the memory to read for each token: replies in 0.63 of the time of f16 on two cores. The next token was that of
# torch in 67 of 70 prompts of the JARVIS example, in 70 with f16; the three were near-ties (logits 0.06 to 0.18 apart).
SERVED: GgufType = "q8_0"

_COMPUTED = frozenset({"rope_freqs.weight"})  # llama.cpp's converter makes it from the config: copied as it is
_OURS = frozenset({"general.architecture", "general.file_type", "general.quantization_version"})


@dataclass(frozen=True)
class _Planned:
    """One tensor to write: read from `file` as `name`, or copied from the source if there is no file."""

    gguf_name: str
    name: str
    file: Path | None
    shape: tuple[int, ...]
    kind: Any  # gguf.GGMLQuantizationType


def write(folder: Path, source: Path, out: Path, dtype: GgufType = "f16") -> Path:
    """Write the weights in `folder` to `out` with the metadata of the GGUF file `source`; vectors stay float32.

    Raises `ModelError` if the two are not the same kind of model, `ResourceError` if the disk is full.
    """
    try:
        import gguf
    except ImportError as error:
        raise MissingExtraError("Writing a GGUF file", "local") from error
    shape = Shape.of_config(layout.check(folder))
    plan = _plan(folder, source, shape, dtype)
    reader = open_gguf(source)
    with whole_file(out) as temporary:
        writer = gguf.GGUFWriter(temporary, shape.architecture)
        try:
            _write_metadata(writer, reader, dtype)
            _write_tensors(writer, reader, plan, shape)
        finally:
            writer.close()
    return out


def source_of(weights: Weights) -> Path:
    """The GGUF file that the weights came from, whose tokenizer and metadata others get too. ModelError if none."""
    if weights.gguf is None:
        raise ModelError(
            f"{weights.name} has no GGUF file to serve it with. Name the model by a .gguf file of it, "
            "or convert the folder with llama.cpp's convert_hf_to_gguf.py."
        )
    return weights.gguf


def servable_gguf(weights: Weights, folder: Path, dtype: GgufType = SERVED) -> Path:
    """The GGUF file to serve an adapter on: the trained folder's weights as they are, not the coarser source's.

    Kept in the cache under the weights' identity. Raises `ModelError` if the weights came without a GGUF file.
    """
    source = source_of(weights)
    out = cache_dir() / "gguf" / f"{weights.identity()}-{dtype}.gguf"
    return out if out.is_file() else write(folder, source, out, dtype)


def _plan(folder: Path, source: Path, shape: Shape, dtype: GgufType) -> list[_Planned]:
    """What to write, in the source's order, which keeps a layer's tensors together."""
    header = read_header(source)
    if header.text("general.architecture") != shape.architecture:
        raise ModelError(f"{source} is a {header.text('general.architecture')}, {folder} a {shape.architecture} model.")
    ours = _tensors(folder, TensorNames(shape))
    lacking = [name for name in header.shapes if name not in ours and name not in _COMPUTED]
    strange = [name for name in ours if header.shapes.get(name) != ours[name][2]]
    if lacking or strange:
        raise ModelError(f"{folder} and {source} are not the same model: {', '.join((lacking + strange)[:3])} differ.")
    plan = []
    for gguf_name, lengths in header.shapes.items():
        name, file, _ = ours.get(gguf_name, (gguf_name, None, lengths))
        plan.append(_Planned(gguf_name, name, file, lengths, _kind(lengths, dtype)))
    return plan


def _tensors(folder: Path, names: TensorNames) -> dict[str, tuple[str, Path, tuple[int, ...]]]:
    from safetensors import safe_open

    found = {}
    for file in layout.weight_files(folder):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a dict
                found[names(name)] = (name, file, tuple(tensors.get_slice(name).get_shape()))
    return found


def _kind(shape: tuple[int, ...], dtype: GgufType) -> Any:
    import gguf

    if len(shape) == 1:
        return gguf.GGMLQuantizationType.F32
    # Q8_0 takes 32 numbers of a row together.
    return gguf.GGMLQuantizationType.Q8_0 if dtype == "q8_0" and shape[-1] % 32 == 0 else gguf.GGMLQuantizationType.F16


def _write_metadata(writer: Any, reader: Any, dtype: GgufType) -> None:
    import gguf

    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in _OURS:
            continue
        kind, content = field.types[0], field.contents()
        if kind == gguf.GGUFValueType.ARRAY and len(content) == 0:
            continue  # has no element type to write
        writer.add_key_value(key, content, kind, sub_type=field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    file_type = gguf.LlamaFileType.MOSTLY_Q8_0 if dtype == "q8_0" else gguf.LlamaFileType.MOSTLY_F16
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _write_tensors(writer: Any, reader: Any, plan: list[_Planned], shape: Shape) -> None:
    import gguf
    import numpy as np

    for item in plan:
        size = int(np.prod(gguf.quant_shape_to_byte_shape(item.shape, item.kind)))
        writer.add_tensor_info(item.gguf_name, item.shape, np.dtype(np.float32), size, raw_dtype=item.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    computed = {tensor.name: tensor.data for tensor in reader.tensors if tensor.name in _COMPUTED}
    with _opened(plan) as read:
        for item in plan:
            rows = read(item) if item.file is not None else np.asarray(computed[item.gguf_name], dtype=np.float32)
            rows = np.ascontiguousarray(permute(rows, item.name, shape))
            writer.write_tensor_data(gguf.quants.quantize(rows, item.kind))


@contextmanager
def _opened(plan: list[_Planned]) -> Iterator[Any]:
    from contextlib import ExitStack

    from safetensors import safe_open

    with ExitStack() as stack:
        files = {file: stack.enter_context(safe_open(file, framework="pt")) for file in {p.file for p in plan} if file}

        def read(item: _Planned) -> npt.NDArray[np.float32]:
            return files[item.file].get_tensor(item.name).float().numpy()  # type: ignore[index]

        yield read
