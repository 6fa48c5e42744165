"""`export`: the adapter to take away, alone or added into its base, or the whole model; its data for other trainers.

What is copied is copied whole or not at all, and told with its SHA-256. What an earlier export left and does not belong
to this adapter is removed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from roletune.dataset.exchange import Rows, axolotl_rows, llamafactory_rows, needs_history_mask, trl_rows
from roletune.engine.store import file_hash, read_records, write_bytes, write_json, write_text
from roletune.errors import DatasetError, ProjectError, ResourceError
from roletune.evaluation.model_card import slug
from roletune.models import gguf_base
from roletune.models.dequantise import trainable_folder
from roletune.models.hub import upload
from roletune.models.merge import merge_adapter
from roletune.models.trained import ADAPTER, ADAPTER_GGUF, copy_model, trained_weights, whole_model
from roletune.records import Example, Split
from roletune.training.exchange import axolotl_config, differences, llamafactory_config, trl_config
from roletune.verbs.dataset import open_renderer
from roletune.verbs.modelfile import modelfile
from roletune.verbs.report import card, report_in_use
from roletune.verbs.runs import check_base
from roletune.workbench import Workbench

Trainer = Literal["llamafactory", "axolotl", "trl"]

FILES = (ADAPTER, "adapter_config.json", "adapter.json", "README.md", ADAPTER_GGUF)
MERGED, REPORT = "merged", "report.md"
_SPLITS: tuple[Split, ...] = ("train", "validation")


def copy_adapter(bench: Workbench, folder: Path) -> dict[str, str]:
    """The adapter in use into `folder`, with its card, the report and the attribution; hashes by name."""
    adapter, copied = _adapter(bench), {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            if (adapter / name).is_file():
                copied[name] = _copy(adapter / name, folder / name)
            else:
                (folder / name).unlink(missing_ok=True)  # of an earlier adapter, which does not go with this one
        (folder / REPORT).unlink(missing_ok=True)
        for beside in _beside(bench):
            copied[beside.name] = _copy(beside, folder / beside.name)
    except OSError as error:
        raise ResourceError(
            f"{folder} can't be written: {error.strerror or error}. Free disk space or choose --to."
        ) from error
    return copied


def write_merged(bench: Workbench, folder: Path) -> dict[str, str]:
    """The base with the adapter added into its weights as `folder/merged`, with a card of its own; hashes by name.

    A model that was trained whole is what it is.
    """
    out, adapter = folder / MERGED, _adapter(bench)
    if whole := whole_model(adapter):
        copy_model(whole, out)
    else:
        with bench.progress.task("adding the adapter into the base", None):
            merge_adapter(trainable_folder(bench.base, bench.progress), adapter, out, bench.base.label)
    if report := report_in_use(bench):
        write_text(out / "README.md", card(bench, report, merged=True))
    for beside in _beside(bench):
        _copy(beside, out / beside.name)
    return {f"{MERGED}/{path.name}": file_hash(path) for path in sorted(out.iterdir())}


def write_merged_gguf(bench: Workbench, folder: Path, kinds: Sequence[gguf_base.GgufType]) -> dict[str, str]:
    """`folder/NAME-KIND.gguf` for each kind, from the merged weights in `folder/merged`; hashes by name.

    Raises ModelError where the base came without a GGUF file, whose tokenizer and metadata it needs.
    """
    source = gguf_base.source_of(bench.base)
    name = slug(bench.project.character.name) or "character"
    written = {}
    for kind in kinds:
        with bench.progress.task(f"{name}-{kind}.gguf", None):
            out = gguf_base.write(folder / MERGED, source, folder / f"{name}-{kind}.gguf", kind)
        written[out.name] = file_hash(out)
    return written


def write_modelfile(bench: Workbench, folder: Path, exported: Iterable[str]) -> dict[str, str]:
    """`folder/Modelfile` for Ollama, of the merged model if it is among what was `exported`; its hash by name."""
    path = folder / "Modelfile"
    whole = [name for name in exported if name.endswith(".gguf") and name != "adapter.gguf"]
    if not whole and "adapter.gguf" not in exported:
        path.unlink(missing_ok=True)  # nothing that llama.cpp could load
        return {}
    write_text(path, modelfile(bench, f"./{whole[0]}", "") if whole else modelfile(bench))
    return {path.name: file_hash(path)}


def push(bench: Workbench, folder: Path, hub_id: str, *, private: bool) -> str:
    """Upload an exported folder to the hub; its address. Raises ProjectError for one without a card."""
    if not (folder / "README.md").is_file():
        raise ProjectError(
            f"{folder} has no card yet, and nothing goes to the hub without one. Run: roletune run "
            f"{bench.project.folder}"
        )
    with bench.progress.task(f"uploading to {hub_id}", None):
        return upload(folder, hub_id, private=private)


def write_for(bench: Workbench, trainer: Trainer, folder: Path) -> dict[str, Any]:
    """Train and validation examples and the recipe for another trainer into `folder`; what was written and left out.

    Raises DatasetError before the stage `dataset`, or if nothing can be told in the trainer's format.
    """
    examples = {split: _examples(bench, split) for split in _SPLITS}
    everything = [example for each in examples.values() for example in each]
    one_a_reply = trainer == "llamafactory" and needs_history_mask(everything)
    rows = {split: _rows(bench, trainer, examples[split], one_a_reply) for split in _SPLITS}
    if not all(found.rows for found in rows.values()):
        raise DatasetError(f"No conversation of a split can be told in {trainer}'s format. Choose another trainer.")
    recipe, base = bench.project.recipe, bench.base.label
    count = len(rows["train"].rows)
    for split, found in rows.items():
        _write_rows(folder / f"{split}.jsonl", found.rows)
    if trainer == "llamafactory":
        write_json(folder / "dataset_info.json", {split: _sharegpt(split) for split in _SPLITS})
        config = llamafactory_config(recipe, base, examples=count, one_a_reply=one_a_reply)
    elif trainer == "axolotl":
        config = axolotl_config(recipe, base, examples=count)
    else:
        config = trl_config(recipe, base, examples=count)
    write_text(folder / f"{trainer}.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return {
        "folder": str(folder),
        "rows": {split: len(found.rows) for split, found in rows.items()},
        "left_out": sum(found.left_out for found in rows.values()),
        "differences": differences(recipe, stops_early=trainer == "axolotl"),
    }


def _rows(bench: Workbench, trainer: Trainer, examples: list[Example], one_a_reply: bool) -> Rows:
    if trainer == "axolotl":
        return axolotl_rows(examples)
    if trainer == "trl":
        return trl_rows(examples, open_renderer(bench))
    return llamafactory_rows(examples, one_a_reply=one_a_reply)


def _sharegpt(split: str) -> dict[str, Any]:
    """An entry of LLaMA-Factory's dataset_info.json."""
    return {
        "file_name": f"{split}.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    }


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    write_bytes(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())


def _examples(bench: Workbench, split: Split) -> list[Example]:
    path = bench.project.build / "dataset" / f"{split}.jsonl"
    if not path.is_file():
        raise DatasetError(f"There are no examples yet. Run: roletune dataset {bench.project.folder}")
    return read_records(path, Example)


def _adapter(bench: Workbench) -> Path:
    adapter = bench.project.build / "adapter"
    if not trained_weights(adapter):
        character = bench.project.character
        raise ProjectError(f"{character.name} was not trained yet. Run: roletune run {bench.project.folder}")
    check_base(bench.project, bench.base)
    return adapter


def _beside(bench: Workbench) -> list[Path]:
    """What goes with the weights: a report only if it is theirs."""
    build = bench.project.build
    report = [build / "report" / REPORT] if report_in_use(bench) else []
    return [path for path in (*report, build / "ATTRIBUTION.md") if path.is_file()]


def _copy(source: Path, target: Path) -> str:
    """Copy a file, whole or not at all; its hash."""
    temporary = target.with_name(f".{target.name}.new")
    try:
        shutil.copyfile(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return file_hash(target)
