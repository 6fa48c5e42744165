"""From a record back to all that it was made of: dialogue, scene, passage, prompt, model, and the calls themselves.

Records are read as plain JSON and followed by their links, so rows of every stage can be traced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roletune.errors import ProjectError
from roletune.llm.bill import StoredCall
from roletune.prompts import BUILT_IN
from roletune.records import Edit, Passage
from roletune.workbench import Workbench

_TOLD = 5  # ids that a message names


@dataclass(frozen=True)
class TracedCall:
    """A call that made something: `template` is the prompt's file if it is still as it was, '' if not."""

    made: str
    template: str
    template_text: str
    call: StoredCall


@dataclass(frozen=True)
class Trace:
    """Where a row comes from, the nearest first. What people wrote has no calls."""

    file: str
    row: dict[str, Any]
    dialogue_file: str = ""
    dialogue: dict[str, Any] | None = None
    scene: dict[str, Any] | None = None
    passage: Passage | None = None
    calls: list[TracedCall] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # keys of calls that this ledger does not have
    edits: list[Edit] = field(default_factory=list)


def trace_row(bench: Workbench, prefix: str) -> Trace:
    """The lineage of the record whose id begins with `prefix`. Raises ProjectError if there is none, or several."""
    file, row = _find(bench.project.build, prefix)
    dialogue_file, dialogue = "", row if "turns" in row else None
    if row.get("dialogue"):
        dialogue_file, dialogue = _find(bench.project.build, row["dialogue"], whole=True)
    scene = dialogue["scene"] if dialogue else (row if "background" in row else None)
    lineage = [("row", row), ("rejected reply", _rejected(row)), ("dialogue", dialogue), ("scene", scene)]
    sources = {key: what for what, record in lineage if record and (key := _provenance(record).get("request"))}
    calls = {key: (what, bench.ledger.find(key)) for key, what in sources.items()}
    prompts = {_provenance(record).get("request"): _provenance(record).get("prompt") for _, record in lineage if record}
    return Trace(
        file=file,
        row=row,
        dialogue_file=dialogue_file,
        dialogue=dialogue if dialogue is not row else None,
        scene=scene if scene is not row else None,
        passage=_passage(bench, *(record for _, record in lineage if record)),
        calls=[TracedCall(what, *_template(bench, prompts[key]), call) for key, (what, call) in calls.items() if call],
        missing=[key for key, (_, call) in calls.items() if call is None],
        edits=[edit for edit in bench.edits() if edit.id in {record["id"] for _, record in lineage if record}],
    )


def _find(build: Path, prefix: str, *, whole: bool = False) -> tuple[str, dict[str, Any]]:
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in [*sorted(build.glob("dataset/*.jsonl")), *sorted(build.glob("*.jsonl"))]:
        for record in _lines(path):
            identity = str(record.get("id", ""))
            if identity == prefix or (not whole and identity.startswith(prefix)):
                found.setdefault(identity, (path.relative_to(build).as_posix(), record))
    if prefix in found:
        return found[prefix]
    if not found or not prefix:
        raise ProjectError(
            f"No record in {build} has an id that begins with {prefix!r}. Ids are in build/dataset/train.jsonl and in "
            "the files of the stages."
        )
    if len(found) > 1:
        told = ", ".join(list(found)[:_TOLD])
        raise ProjectError(f"{len(found)} records have ids that begin with {prefix!r}: {told}, ... Give more of it.")
    return next(iter(found.values()))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file of records; a rejection is told by the record in it."""
    for line in path.read_text("utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # a torn last line; the stages themselves report others
            continue
        if isinstance(record, dict):
            yield record["record"] if path.name.endswith(".rejected.jsonl") else record


def _provenance(record: dict[str, Any]) -> dict[str, Any]:
    return record.get("provenance") or {}


def _rejected(row: dict[str, Any]) -> dict[str, Any] | None:
    """What the rejected reply of a preference pair comes from."""
    return {"id": row["id"], "provenance": row["rejected_by"]} if row.get("rejected_by") else None


def _passage(bench: Workbench, *records: dict[str, Any]) -> Passage | None:
    identities = [_provenance(record).get("passage") for record in records]
    known = {passage.id: passage for passage in bench.profile.passages}
    return next((known[identity] for identity in identities if identity in known), None)


def _template(bench: Workbench, wanted: str | None) -> tuple[str, str]:
    """Name and text of the prompt file with this hash; empty if it was changed since."""
    folders = [bench.project.prompts, BUILT_IN / "en"]  # every prompt has its English form
    for name in dict.fromkeys(path.stem for folder in folders for path in sorted(folder.glob("*.md"))):
        prompt = bench.prompt(name)
        if prompt.hash == wanted:
            return prompt.path.name, prompt.source
    return "", ""
