"""Read what a user names for an import: files, folders and addresses, before anything is copied.

What can't be read is listed with the reason, and a page from the web that can't be read is not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roletune.engine.store import write_bytes
from roletune.errors import EndpointError, SourceError
from roletune.project import Project
from roletune.records import Origin
from roletune.sources.cited import cite
from roletune.sources.files import readable_files
from roletune.sources.formats import AUTO, PLAIN, ReadOptions, read_source
from roletune.sources.material import Material
from roletune.sources.text import decode, read_bytes
from roletune.sources.web import download, kept_path
from roletune.sources.wiki.address import is_wiki_address
from roletune.verbs.profile import MAX_SOURCE_BYTES

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
class Found:
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


def is_address(source: str) -> bool:
    """Whether a source is on the web."""
    return bool(_ADDRESS.match(source))


class SourceReader:
    """Reads sources one by one; what can't be read is in `failed`, with the reason."""

    def __init__(self, project: Project, options: ImportOptions, fetched: Path, written: list[Path]) -> None:
        self.project = project
        self.options = options
        self.fetched = fetched  # where pages from the web are put
        self.written = written
        self.found: list[Found] = []
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
        entry = inside(self.project, part_of or target)
        self.found.append(Found(source, target, entry, data, material, beside=beside))

    def _rttm(self) -> tuple[Path, bytes] | None:
        path = self.options.rttm
        if path is None:
            return None
        data = read_bytes(path, MAX_SOURCE_BYTES)
        here = _is_inside(self.project, path)
        return (path if here else self._target(self.project.folder / FOLDER / _safe(path.name), data)), data

    def _fetch(self, address: str) -> None:
        from roletune.sources.wiki.fetch import fetch_page, page_path

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
        entry = inside(self.project, target)
        url = "" if of_wiki else address
        self.found.append(Found(address, target, entry, data, material, changed, fetched=True, url=url))

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
    name = inside(project, target)
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


def _is_inside(project: Project, path: Path) -> bool:
    return path.resolve().is_relative_to(project.folder.resolve())


def inside(project: Project, path: Path) -> str:
    """A path as character.yaml tells it."""
    return path.resolve().relative_to(project.folder.resolve()).as_posix()


def _safe(name: str) -> str:
    """A file name without what means something in records and on other systems."""
    return re.sub(r'[#<>:"/\\|?*\x00-\x1f]+', "-", name).strip(". ") or "source"
