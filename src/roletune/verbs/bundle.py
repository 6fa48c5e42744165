"""`export --bundle`: everything about a trained character in one zip, for `roletune install` elsewhere.

Guarantees: the same character gives the same bytes but for the time in `bundle.json`; the data it was trained on is not
in it, and no path of this machine; weights are stored as they are, so that a bundle can't unpack to much more than
itself. What is inside stands in LAYOUT, and `install` takes nothing else.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from roletune import __version__
from roletune.engine.store import file_hash, read_records
from roletune.errors import ProjectError
from roletune.inference.serve.names import served_name
from roletune.models.atomic import whole_file
from roletune.models.trained import whole_model
from roletune.models.weights import HUB_ID, KNOWN
from roletune.records import (
    Bundle,
    BundledBase,
    BundledFile,
    DataManifest,
    DataStatistics,
    Dialogue,
    Passage,
    Provenance,
)
from roletune.verbs.card import card_bytes, card_of
from roletune.verbs.load import ai_notice, require_made
from roletune.verbs.modelfile import modelfile
from roletune.verbs.notices import notices
from roletune.verbs.report import report_in_use
from roletune.verbs.runs import check_base
from roletune.workbench import Workbench

BUNDLE = "bundle.json"
TEXT_BYTES, WEIGHT_BYTES = 50_000_000, 16_000_000_000
PROMPTS = ("persona", "recall", "memory")  # that a chat renders


class Member(NamedTuple):
    """A file that a bundle may hold: where the character's folder has it, and the most bytes of it."""

    place: str  # "" for what is made for the bundle, and not needed once it is installed
    limit: int = TEXT_BYTES
    required: bool = False


LAYOUT = {
    "README.md": Member("build/adapter/README.md"),
    "NOTICE.md": Member(""),
    "ATTRIBUTION.md": Member("build/ATTRIBUTION.md"),
    "Modelfile": Member(""),
    "card.png": Member(""),
    "data.json": Member(""),
    "profile.jsonl": Member("build/profile.jsonl", required=True),
    "lorebook.json": Member("build/lorebook.json"),
    "report/report.json": Member("build/report/report.json"),
    "report/report.html": Member("build/report/report.html"),
    "report/report.md": Member("build/report/report.md"),
    "adapter/adapter.json": Member("build/adapter/adapter.json", required=True),
    "adapter/adapter_config.json": Member("build/adapter/adapter_config.json", required=True),
    "adapter/adapter_model.safetensors": Member("build/adapter/adapter_model.safetensors", WEIGHT_BYTES, required=True),
    "adapter/adapter.gguf": Member("build/adapter/adapter.gguf", WEIGHT_BYTES),
    **{f"prompts/{name}.md": Member(f"prompts/{name}.md") for name in PROMPTS},
}


def write_bundle(bench: Workbench, out: Path) -> Bundle:
    """Write the bundle, whole or not at all; what it tells of itself. Raises ProjectError if nothing was trained."""
    require_made(bench.project)
    if whole_model(bench.project.build / "adapter"):
        raise ProjectError(
            f"{bench.project.character.name} was trained whole (method: full), and a bundle holds an adapter. Take its "
            f"model away with roletune export {bench.project.folder}"
        )
    check_base(bench.project, bench.base)
    made = dict(_made(bench))
    found = {member: bench.project.folder / each.place for member, each in LAYOUT.items() if each.place}
    measured = report_in_use(bench) is not None
    copied = {member: path for member, path in found.items() if path.is_file() and (measured or not _is_report(member))}
    files = {
        member: BundledFile(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data)) for member, data in made.items()
    }
    files |= {member: _bundled(path) for member, path in copied.items()}
    bundle = _told(bench, dict(sorted(files.items())))
    with whole_file(out) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        packed.writestr(_entry(BUNDLE), bundle.model_dump_json(indent=2))
        for member in bundle.files:
            with packed.open(_entry(member), "w", force_zip64=True) as target:
                if member in made:
                    target.write(made[member])
                else:
                    with copied[member].open("rb") as source:
                        shutil.copyfileobj(source, target, 1 << 20)
    return bundle


def data_manifest(bench: Workbench) -> DataManifest:
    """What the adapter in use was trained on: hashes, counts, origins and sources, not a word of it."""
    folder = bench.project.build / "dataset"
    statistics, said = folder / "statistics.json", bench.project.records("dialogues")
    lived = read_records(said, Dialogue) if said.is_file() else []
    named: list[Passage | Provenance] = [*bench.profile.passages, *(each.provenance for each in lived)]
    sources = [
        {"url": each.url, "licence": each.licence, "revision": each.revision, "date": each.date}
        for each in named
        if each.url
    ]
    return DataManifest(
        data=bench.adapter().data,
        files={path.name: _bundled(path) for path in sorted(folder.glob("*.jsonl"))},
        statistics=DataStatistics.model_validate_json(statistics.read_text("utf-8")) if statistics.is_file() else None,
        sources=tuple({tuple(each.values()): each for each in sources}.values()),
    )


def _made(bench: Workbench) -> Iterator[tuple[str, bytes]]:
    yield "NOTICE.md", _notice(bench).encode()
    yield "card.png", card_bytes(card_of(bench), ".png")
    yield "data.json", data_manifest(bench).model_dump_json(indent=2).encode()
    if bench.local.adapter_gguf():
        yield "Modelfile", modelfile(bench).encode()


def _told(bench: Workbench, files: dict[str, BundledFile]) -> Bundle:
    character, profile = bench.project.character, bench.profile
    return Bundle(
        name=_name(bench),
        character=profile.name,
        aliases=profile.aliases,
        language=character.language,
        subject=character.subject,
        consent=character.consent,
        notices=tuple(notices(bench.project)),
        licence=profile.licence or character.licence,
        commercial_use=profile.commercial_use,
        base=BundledBase(name=_base_name(bench), label=bench.base.label, identity=bench.base.identity()),
        run=bench.adapter().run,
        persona_prompt=bench.persona.prompt.hash,
        chat=character.chat.model_dump(mode="json", exclude_defaults=True),
        files=files,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        roletune=__version__,
    )


def _is_report(member: str) -> bool:
    return member.startswith("report/")


def _name(bench: Workbench) -> str:
    name = served_name(bench.project.folder.resolve().name)
    if not name:
        raise ProjectError(f"{bench.project.folder} has a name that no character can be served under. Rename it.")
    return name[:64]


def _base_name(bench: Workbench) -> str:
    """What the base is called in settings anywhere: never a path."""
    name = bench.base.name
    return name if name in KNOWN or (bench.base.hub and HUB_ID.fullmatch(name)) else bench.base.label


def _notice(bench: Workbench) -> str:
    profile = bench.profile
    lines = [
        f"# {' '.join(profile.name.split())}",
        ai_notice(profile.name),
        *notices(bench.project),
        f"Licence of the sources: {profile.licence or bench.project.character.licence or 'not stated'}.",
        "" if profile.commercial_use else "Commercial use is not allowed, or not known to be.",
        f"The base model, {bench.base.label}, has a licence of its own: {bench.base.licence or 'see its page'}.",
    ]
    return "\n\n".join(filter(None, lines)) + "\n"


def _bundled(path: Path) -> BundledFile:
    return BundledFile(sha256=file_hash(path), bytes=path.stat().st_size)


def _entry(member: str) -> zipfile.ZipInfo:
    """A member with a date that says nothing; weights don't shrink, and stored ones are no bomb."""
    info = zipfile.ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0))
    weights = member in LAYOUT and LAYOUT[member].limit == WEIGHT_BYTES
    info.compress_type = zipfile.ZIP_STORED if weights else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
