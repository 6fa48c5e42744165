"""Bring sources into a character's folder: read first, then copy into `sources/` and name in character.yaml.

Guarantees: what can't be read is not copied; nothing is written outside the character's folder; if writing stops in the
middle, what was copied is taken back; importing the same again changes nothing.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roletune.engine.store import write_bytes, write_text
from roletune.errors import EndpointError, SourceError
from roletune.project import SETTINGS_FILE, Project
from roletune.records import Origin
from roletune.sources.cited import cite
from roletune.sources.files import readable_files
from roletune.sources.formats import AUTO, PLAIN, ReadOptions, read_source
from roletune.sources.material import Material
from roletune.sources.settings import DIALOGUES, Source
from roletune.sources.text import decode, marked_encoding, read_bytes
from roletune.sources.web import download, kept_path
from roletune.sources.wiki_address import is_wiki_address
from roletune.verbs.profile import MAX_SOURCE_BYTES
from roletune.verbs.source_entries import Entry, add_entries

FOLDER = "sources"
MAX_FILES = 2000
_ADDRESS = re.compile(r"^(?:https?://|wiki:|fandom:)", re.I)
_WRITTEN_BY_MODELS = {"character-llm", "rolebench", "sharegpt", "openai-messages", "alpaca", "chat-log"}


@dataclass(frozen=True)
class ImportOptions:
    """What the user says about the sources; empty: what they tell themselves."""

    form: str = AUTO
    origin: Origin | None = None
    licence: str = ""
    read: ReadOptions = PLAIN
    rttm: Path | None = None  # says who speaks when in recognised speech
    refresh: bool = False  # ask the web again
    contact: str = ""  # told to the wiki or server


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


@dataclass(frozen=True)
class _Found:
    """A file to import; `target` is where it belongs, `entry` the path of the source that it is part of."""

    source: str
    target: Path
    entry: str
    data: bytes
    material: Material
    changed: bool = False  # a page that was here in another revision
    fetched: bool = False
    url: str = ""  # where a file that does not tell it was downloaded
    beside: tuple[Path, bytes] | None = None  # the RTTM file


def import_sources(project: Project, sources: Sequence[str], options: ImportOptions, *, dry: bool = False) -> Import:
    """Read `sources` (files, folders, URLs, `wiki:PAGE`, `fandom:WIKI/PAGE`) and add them to the character.

    Raises ResourceError if something can't be written, ProjectError if character.yaml can't be added to.
    """
    with tempfile.TemporaryDirectory() as aside, _taken_back_on_failure() as written:
        reader = _Reader(project, options, Path(aside) if dry else project.folder / FOLDER, written)
        for source in sources:
            reader.read(source)
        entries = _entries(project, reader.found, options)
        added = {entry["path"] for entry in entries}
        files = [
            ImportedFile(
                each.source,
                _inside(project, each.target),
                each.material,
                new=each.entry in added or each.changed or each.target in written or not each.target.exists(),
            )
            for each in reader.found
        ]
        if not dry:
            _write(project, reader.found, entries, written)
    return Import(tuple(files), tuple(reader.failed))


def is_address(source: str) -> bool:
    """Whether a source is on the web."""
    return bool(_ADDRESS.match(source))


class _Reader:
    """Reads sources one by one; what can't be read is in `failed`, with the reason."""

    def __init__(self, project: Project, options: ImportOptions, fetched: Path, written: list[Path]) -> None:
        self.project = project
        self.options = options
        self.fetched = fetched  # where pages from the web are put
        self.written = written
        self.found: list[_Found] = []
        self.failed: list[tuple[str, str]] = []

    def read(self, source: str) -> None:
        """A file, a folder with files, or an address."""
        path = Path(source).expanduser()
        try:
            if is_address(source):
                self._fetch(source)
            elif path.is_dir():
                here = _is_inside(self.project, path)
                folder = path if here else self.project.folder / FOLDER / _safe(path.resolve().name)
                for file in _files(path, self.options):
                    self._read_part(file, folder)
            else:
                self._read(source, path, self.project.folder / FOLDER)
        except (SourceError, EndpointError) as error:
            self.failed.append((source, str(error)))

    def _read_part(self, file: Path, folder: Path) -> None:
        try:
            self._read(str(file), file, folder, part_of=folder)
        except SourceError as error:
            self.failed.append((str(file), str(error)))

    def _read(self, source: str, path: Path, folder: Path, part_of: Path | None = None) -> None:
        data = read_bytes(path, MAX_SOURCE_BYTES)
        target = path if _is_inside(self.project, path) else self._target(folder / _safe(path.name), data)
        beside = self._rttm()
        material = _material(self.project, target, data, self.options, beside[1] if beside else b"")
        entry = _inside(self.project, part_of or target)
        self.found.append(_Found(source, target, entry, data, material, beside=beside))

    def _rttm(self) -> tuple[Path, bytes] | None:
        path = self.options.rttm
        if path is None:
            return None
        data = read_bytes(path, MAX_SOURCE_BYTES)
        here = _is_inside(self.project, path)
        return (path if here else self._target(self.project.folder / FOLDER / _safe(path.name), data)), data

    def _fetch(self, address: str) -> None:
        from roletune.sources.wiki import fetch_page, page_path

        of_wiki = is_wiki_address(address)
        before = page_path(address, self.fetched) if of_wiki else kept_path(address, self.fetched)
        known = before.read_bytes() if before and before.is_file() else None
        fetch = fetch_page if of_wiki else download
        path = fetch(address, self.fetched, refresh=self.options.refresh, contact=self.options.contact)
        target = self.project.folder / FOLDER / path.name
        try:
            data = read_bytes(path, MAX_SOURCE_BYTES)
            material = _material(self.project, target, data, self.options, url="" if of_wiki else address)
        except SourceError:
            path.unlink(missing_ok=True) if known is None else write_bytes(path, known)
            raise
        self.written += [path] if known is None else []
        changed = known is not None and known != data
        entry = _inside(self.project, target)
        url = "" if of_wiki else address
        self.found.append(_Found(address, target, entry, data, material, changed, fetched=True, url=url))

    def _target(self, wanted: Path, data: bytes) -> Path:
        """The first of name.md, name-2.md, ... that is free, or holds the very same already."""
        taken = {each.target: each.data for each in self.found}
        path, number = wanted, 1
        while True:
            there = taken.get(path)
            if there is None and path.is_file():
                there = read_bytes(path, MAX_SOURCE_BYTES)
            if there == data or (there is None and not path.exists()):
                return path
            number += 1
            path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")


def _files(folder: Path, options: ImportOptions) -> list[Path]:
    """The files of a folder that may be sources. Raises SourceError if there are none, or thousands."""
    files = readable_files(folder, any_name=options.form != AUTO)
    if not files:
        raise SourceError(f"{folder} holds no file that can be read. Name its files, or give their format with --as.")
    if len(files) > MAX_FILES:
        raise SourceError(f"{folder} holds over {MAX_FILES} files. Put those about the character into another.")
    return files


def _material(
    project: Project, target: Path, data: bytes, options: ImportOptions, rttm: bytes = b"", url: str = ""
) -> Material:
    name = _inside(project, target)
    told = options.read._replace(rttm=decode(rttm, str(options.rttm))) if rttm else options.read
    form, reading = read_source(data, name, options.form, told)
    cited = cite(
        reading, name, _origin(form, options), options.licence, url, "" if reading.date or not url else _today()
    )
    return Material(cited, form, reading)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _origin(form: str, options: ImportOptions) -> Origin:
    if options.origin:
        return options.origin
    if form == "card":
        return "written"
    return "generated" if form in _WRITTEN_BY_MODELS else "authentic"


def _entries(project: Project, found: Sequence[_Found], options: ImportOptions) -> list[Entry]:
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
            "rttm": _inside(project, each.beside[0]) if each.beside else "",
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


def _write(project: Project, found: Sequence[_Found], entries: Sequence[Entry], written: list[Path]) -> None:
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


def _is_inside(project: Project, path: Path) -> bool:
    return path.resolve().is_relative_to(project.folder.resolve())


def _inside(project: Project, path: Path) -> str:
    """A path as character.yaml tells it."""
    return path.resolve().relative_to(project.folder.resolve()).as_posix()


def _safe(name: str) -> str:
    """A file name without what means something in records and on other systems."""
    return re.sub(r'[#<>:"/\\|?*\x00-\x1f]+', "-", name).strip(". ") or "source"
