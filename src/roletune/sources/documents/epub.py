"""EPUB: a book as a zip of XHTML, read in the order of its spine.

Guarantees: bounded by `archive` and `xml_tree`; nothing is unpacked to disk, fetched or expanded; a book locked by DRM
is told. Formats: EPUB 2 and 3, Open Packaging Format, OCF (META-INF/container.xml and encryption.xml).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5
from posixpath import dirname, normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from roletune.errors import SourceError
from roletune.sources.archive import Archive
from roletune.sources.documents.page import place
from roletune.sources.documents.xhtml_blocks import blocks
from roletune.sources.html_tree import parse_html
from roletune.sources.reading import Reading
from roletune.sources.xml_tree import local, parse_xml

if TYPE_CHECKING:
    from lxml import etree

MAX_CHAPTERS = 5_000
MAX_CHAPTER = 10_000_000
MAX_METADATA = 5_000_000
MAX_TEXT = 50_000_000

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
_XML_ENTITIES = {"amp", "lt", "gt", "quot", "apos"}
_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_ISO_DATE = re.compile(r"\d{4}(?:-\d{2}){0,2}")
_DRM = "is locked by DRM. Export it from where you bought it without, or give the text in another format."


@dataclass(frozen=True)
class _Package:
    """What the OPF file says; `spine` are the members of the text in order."""

    metadata: dict[str, list[str]]
    spine: tuple[str, ...]


def read_epub(data: bytes, name: str) -> Reading:
    """A book's paragraphs under the last headings before them, its title, date, source and rights as it states them.

    Raises SourceError for a damaged, hostile or locked book, MissingExtraError without lxml.
    """
    archive = Archive(data, name, "EPUB")
    package = _package(archive)
    if _locked(archive) & set(package.spine):
        raise SourceError(f"{name} {_DRM}")
    told = package.metadata
    title = next(iter(told.get("title", ())), "")
    missing = [member for member in package.spine if member not in archive.names]
    texts = _texts([member for member in package.spine if member in archive.names], archive, title)
    paragraphs = place(texts)
    if not paragraphs:
        raise SourceError(f"{name} holds no text, perhaps only pictures. Give a book with text.")
    identifiers = [*told.get("source", ()), *told.get("identifier", ())]
    return Reading(
        title=title,
        paragraphs=paragraphs,
        notices=tuple(f"{name}: the chapter {member} is not in the book." for member in missing),
        url=next((told for told in identifiers if told.startswith(("http://", "https://"))), ""),
        date=next((match[0] for match in map(_ISO_DATE.match, told.get("date", ())) if match), ""),
        licence=" ".join(told.get("rights", ())),
    )


def _texts(members: list[str], archive: Archive, title: str) -> Iterator[tuple[str, str]]:
    heading: dict[int, str] = {}
    characters = 0
    for member in members:
        for level, text in blocks(_chapter(archive, member)):
            characters += len(text)
            if characters > MAX_TEXT:
                raise SourceError(f"{archive.name} holds over {MAX_TEXT // 1_000_000} MB of text. Split the book.")
            if level:
                heading = {above: words for above, words in heading.items() if above < level} | {level: text}
            else:
                yield ": ".join(words.replace("\n", " ") for words in heading.values() if words != title), text


def _chapter(archive: Archive, member: str) -> etree._Element:
    """As XML, which chapters have to be; as HTML where one is not."""
    data = _ENTITY.sub(_character, archive.read(member, MAX_CHAPTER))
    where = f"{archive.name}/{member}"
    try:
        return parse_xml(data, where)
    except SourceError:
        if b"<!ENTITY" in data:
            raise
        root: etree._Element = parse_html(data, where)
        return root


def _character(match: re.Match[bytes]) -> bytes:
    """`&nbsp;` and its like, which XML knows from a document type that is not read here."""
    named = match[1].decode("ascii")
    characters = "" if named in _XML_ENTITIES else html5.get(f"{named};", "")
    return "".join(f"&#{ord(character)};" for character in characters).encode("ascii") or match[0]


def _package(archive: Archive) -> _Package:
    container = parse_xml(archive.read(_CONTAINER, MAX_METADATA), f"{archive.name}/{_CONTAINER}")
    path = next((item.get("full-path") for item in container.iter() if local(item) == "rootfile"), None)
    if not path:
        raise SourceError(f"{archive.name} does not say where its contents are. Export or convert it again.")
    root = parse_xml(archive.read(path, MAX_METADATA), f"{archive.name}/{path}")
    items = {item.get("id"): item for item in root.iter() if local(item) == "item"}
    order = [item.get("idref") for item in root.iter() if local(item) == "itemref"]
    spine = [_member(path, items[reference]) for reference in dict.fromkeys(order) if _is_text(items.get(reference))]
    if len(spine) > MAX_CHAPTERS:
        raise SourceError(f"{archive.name} has over {MAX_CHAPTERS:,} chapters. Split the book.")
    metadata: dict[str, list[str]] = {}
    for element in root.iter():
        if str(element.tag).startswith("{http://purl.org/dc/elements/1.1/}"):
            metadata.setdefault(local(element), []).append(" ".join((element.text or "").split()))
    return _Package(metadata, tuple(spine))


def _is_text(item: etree._Element | None) -> bool:
    if item is None or "nav" in item.get("properties", "").split():
        return False
    return item.get("media-type", "") in _PAGES


def _member(package: str, item: etree._Element) -> str:
    """The path in the archive of what the package names relative to itself."""
    path = unquote(item.get("href", "").partition("#")[0])
    return normpath(f"{dirname(package)}/{path}").lstrip("/")


def _locked(archive: Archive) -> set[str]:
    """What is encrypted; fonts often are, in a way that locks nothing."""
    if _ENCRYPTION not in archive.names:
        return set()
    root = parse_xml(archive.read(_ENCRYPTION, MAX_METADATA), f"{archive.name}/{_ENCRYPTION}")
    references = (element.get("URI", "") for element in root.iter() if local(element) == "CipherReference")
    return {unquote(reference).lstrip("/") for reference in references}
