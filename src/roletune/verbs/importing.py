"""Bring sources into a character's folder: read first, then copy into `sources/` and name in character.yaml.

Guarantees: what can't be read is not copied; nothing is written outside the character's folder; if writing stops in the
middle, what was copied is taken back; importing the same again changes nothing.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from roletune.character_file import SETTINGS_FILE
from roletune.engine.store import write_bytes, write_text
from roletune.errors import SourceError
from roletune.project import Project
from roletune.sources.formats import AUTO
from roletune.sources.material import Material
from roletune.sources.settings import DIALOGUES, Source
from roletune.sources.text import marked_encoding
from roletune.verbs.import_reading import FOLDER, Found, ImportOptions, SourceReader, inside
from roletune.verbs.source_entries import Entry, add_entries


@dataclass(frozen=True)
class ImportedFile:
    """One file that was read, and where it lies in the character's folder."""

    source: str  # as the user named it
    path: str  # in the character's folder
    material: Material
    new: bool  # whether file or entry were not there before


@dataclass(frozen=True)
class Import:
    """What an import found, and what it could not read: (source, why)."""

    files: tuple[ImportedFile, ...]
    failed: tuple[tuple[str, str], ...]


def import_sources(project: Project, sources: Sequence[str], options: ImportOptions, *, dry: bool = False) -> Import:
    """Read `sources` (files, folders, URLs, `wiki:PAGE`, `fandom:WIKI/PAGE`) and add them to the character.

    Raises ResourceError if something can't be written, ProjectError if character.yaml can't be added to.
    """
    with tempfile.TemporaryDirectory() as aside, _taken_back_on_failure() as written:
        reader = SourceReader(project, options, Path(aside) if dry else project.folder / FOLDER, written)
        for source in sources:
            reader.read(source)
        entries = _entries(project, reader.found, options)
        added = {entry["path"] for entry in entries}
        files = [
            ImportedFile(
                each.source,
                inside(project, each.target),
                each.material,
                new=each.entry in added or each.changed or each.target in written or not each.target.exists(),
            )
            for each in reader.found
        ]
        if not dry:
            _write(project, reader.found, entries, written)
    return Import(tuple(files), tuple(reader.failed))


def _entries(project: Project, found: Sequence[Found], options: ImportOptions) -> list[Entry]:
    """The entries that character.yaml lacks; the folder of written scenes stays a source if nothing was named yet."""
    entries: dict[str, Entry] = {}
    known = {os.path.normpath(source.path) for source in project.character.sources if not source.package}
    covered = {path for path in known if (project.folder / path).is_dir()}
    for each in found:
        if each.entry in known or each.entry in entries or str(Path(each.entry).parent) in covered:
            continue
        entry: Entry = {"path": each.entry, "origin": each.material.cited.origin}
        if options.form != AUTO:
            entry["format"] = options.form
        if options.licence:
            entry["licence"] = options.licence
        told: Entry = {
            "sections": list(options.read.sections),
            "skip": list(options.read.skip),
            "part": options.read.part,
            "speakers": dict(options.read.speakers),
            "rttm": inside(project, each.beside[0]) if each.beside else "",
            "url": each.url,
            "date": each.material.cited.date if each.url and not each.material.reading.date else "",
        }
        entry |= {key: value for key, value in told.items() if value}
        entries[each.entry] = entry
    if entries and "sources" not in project.character.model_fields_set and _has_scenes(project, DIALOGUES):
        return [{"path": DIALOGUES.path}, *entries.values()]
    return list(entries.values())


def _has_scenes(project: Project, source: Source) -> bool:
    try:
        return bool(project.source_files(source))
    except SourceError:
        return False


def _write(project: Project, found: Sequence[Found], entries: Sequence[Entry], written: list[Path]) -> None:
    for each in found:
        copies = [] if each.fetched else [(each.target, each.data)]
        for target, data in [*copies, *([each.beside] if each.beside else [])]:
            if not target.exists():
                written.append(target)
                write_bytes(target, data)
    if entries:
        path = project.folder / SETTINGS_FILE
        raw = path.read_bytes()
        mark = "\ufeff" if raw.startswith(b"\xef\xbb\xbf") else ""
        # Line ends stay as they are, which is why this is not `read_text`.
        write_text(path, mark + add_entries(raw.decode(marked_encoding(raw)), entries))


@contextmanager
def _taken_back_on_failure() -> Iterator[list[Path]]:
    """A list of files that are deleted again if the block does not end well."""
    written: list[Path] = []
    well = False
    try:
        yield written
        well = True
    finally:
        for path in [] if well else written:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others lie there
                path.parent.rmdir()
