"""Plays in TEI (as DraCor, Folger and others publish them): each innermost division is a scene.

    teiHeader                 title, licence, revision date; names of the persons that `who` points to
    div (act, scene), head    a scene, titled by the heads from the outermost in
    sp, speaker, @who         a turn; the name is the person's, else the printed one without its full stop
    l, p, ab, lg, lb          the speech; verse lines stay lines
    stage                     an action: of the speaker within a speech; of nobody for entrances, exits, and outside
    castList, front, back     paragraphs
    note, fw, del, rdg        unread, and so is prose between speeches; of a `choice` the regular form is read

No entity is expanded and nothing is fetched (see `xml_tree`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from roletune.errors import SourceError
from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.sources.reading import Paragraph, Reading
from roletune.sources.scripts.cue_names import read_cue
from roletune.sources.xml_tree import line_of, local, parse_xml

if TYPE_CHECKING:
    from lxml import etree

_ASIDE_FROM_TEXT = {"note", "fw", "del", "rdg", "figure"}
_IRREGULAR = {"sic", "orig", "abbr"}
_LINES = {"l", "p", "ab"}
_BLOCKS = {"p", "l", "ab", "castItem", "titlePart", "byline", "role", "stage", "item"}
_DIVISION = re.compile(r"^div\d?$|^(?:prologue|epilogue|performance|set)$")
_OF_NOBODY = re.compile(r"^\W*(?:(?:re-?)?enter|exit|exeunt|flourish|alarum|curtain|thunder|they)\b", re.I)
_OF_NOBODY_TYPES = {"entrance", "exit", "setting", "location", "sound", "entrance exit"}
_ID = "{http://www.w3.org/XML/1998/namespace}id"


def read_tei(data: bytes, name: str) -> Reading:
    """A TEI play. Raises SourceError for XML that is none, or that holds no speech (`sp`)."""
    root = parse_xml(data, name)
    text = next((element for element in root.iter() if local(element) == "text"), None)
    if text is None or not any(local(element) == "sp" for element in text.iter()):
        raise SourceError(f"{name} is XML but no TEI play: it has no <text> with speeches (<sp>).")
    reader = _Reader(_persons(root))
    reader.walk(text)
    header = next((element for element in root if local(element) == "teiHeader"), None)
    return Reading(
        title=_first(header, "title"),
        licence=_licence(header),
        paragraphs=tuple(reader.paragraphs),
        scenes=tuple(reader.finished()),
        unread=tuple(sorted(reader.unread, key=lambda line: line.number)),
    )


class _Reader:
    """Walks the text; the scene being read is the last one."""

    def __init__(self, persons: dict[str, str]) -> None:
        self.persons = persons
        self.scenes = [ParsedScene()]
        self.headed = False  # whether the scene being read has a head of its own
        self.paragraphs: list[Paragraph] = []
        self.unread: list[UnreadLine] = []
        self.heads: list[str] = []  # of the divisions that are open

    def walk(self, parent: etree._Element) -> None:
        self._loose(parent.text, parent)
        for child in parent:
            tag = local(child)
            if tag == "sp":
                self._speech(child)
            elif tag == "stage":
                self._act("", _words(child))
            elif tag == "head" and self.heads:
                self._head(child)
            elif tag in ("front", "back", "castList"):
                self._prose(child)
            elif _DIVISION.match(tag):
                self._division(child)
            elif tag in ("body", "text", "group", "lg", "floatingText"):
                self.walk(child)
            elif tag:
                self._pass_over(child)
            self._loose(child.tail, child)

    def finished(self) -> Iterator[ParsedScene]:
        """The scenes, once all is walked; one that only goes on after a division's end, with nothing, is none."""
        self._leave()
        return iter(self.scenes)

    def _division(self, division: etree._Element) -> None:
        kind = " ".join(filter(None, [division.get("type"), division.get("n")]))
        self.heads.append("" if any(local(child) == "head" for child in division) else kind)
        self._begin(division)
        self.walk(division)
        self.heads.pop()
        self._begin(division)  # what follows it is no part of it

    def _head(self, head: etree._Element) -> None:
        self.heads[-1] = " ".join(filter(None, [self.heads[-1], _words(head)]))
        if self.scenes[-1].turns:
            self._begin(head)
        self.scenes[-1].title, self.headed = self._title(), True

    def _begin(self, element: etree._Element) -> None:
        self._leave()
        self.scenes.append(ParsedScene(self._title(), line=line_of(element)))
        self.headed = False

    def _leave(self) -> None:
        """A scene without turns is kept if its own head would be lost: the head of an act is in its scenes' titles."""
        last = self.scenes[-1] if self.scenes else None
        if last and not last.turns and not (self.headed and not self._title().startswith(last.title)):
            self.scenes.pop()

    def _title(self) -> str:
        return ", ".join(filter(None, self.heads))

    def _speech(self, speech: etree._Element) -> None:
        printed = [read_cue(_words(child)) for child in speech if local(child) == "speaker"]
        known = [self.persons.get(who.lstrip("#"), "") for who in speech.get("who", "").split()]
        names = [cue.name.rstrip(" .,:") for cue in printed if cue.name]
        ids = [who.lstrip("#").replace("_", " ") for who in speech.get("who", "").split()]
        speaker = " & ".join(known if known and all(known) else names or ids)
        for cue in printed:
            for manner in cue.manners:
                self._act(speaker, manner)
        parts: list[str] = []
        self._said(speech, speaker, parts)
        self._say(speaker, parts, speech)

    def _said(self, parent: etree._Element, speaker: str, parts: list[str]) -> None:
        """The words of `parent` into `parts`; a stage direction ends a turn, and the next one goes on after it."""
        parts.append(_flat(parent.text))
        for child in parent:
            tag = local(child)
            if tag == "stage":
                self._say(speaker, parts, child)
                nobodys = child.get("type", "") in _OF_NOBODY_TYPES or _OF_NOBODY.match(_words(child))
                self._act("" if nobodys else speaker, _words(child))
            elif tag in _ASIDE_FROM_TEXT:
                self._pass_over(child)
            elif tag == "lb":
                parts.append(" " if local(parent) == "p" else "\n")
                self._said(child, speaker, parts)  # TEI has it empty, files may not
            elif not tag:
                parts.append(_entity(child))
            elif tag != "speaker" and tag not in _IRREGULAR:
                around = "\n" if tag in _LINES else ""
                parts.append(around)
                self._said(child, speaker, parts)
                parts.append(around)
            parts.append(_flat(child.tail))

    def _say(self, speaker: str, parts: list[str], element: etree._Element) -> None:
        text = "\n".join(filter(None, (" ".join(line.split()) for line in "".join(parts).split("\n"))))
        parts.clear()
        if text and speaker:
            self.scenes[-1].turns.append(Turn(speaker=speaker, text=text))
        elif text:
            self.unread.append(UnreadLine(line_of(element), text, "no speaker is named"))

    def _act(self, speaker: str, text: str) -> None:
        if text:
            text = text[1:-1].strip() if text[0] + text[-1] in ("()", "[]") else text
            self.scenes[-1].turns.append(Turn(speaker=speaker, text=text or "...", kind="action"))

    def _prose(self, part: etree._Element, heading: str = "") -> None:
        """Front and back matter: each block is a paragraph under the last head."""
        self._paragraph(part.text, heading)
        for child in part:
            tag = local(child)
            if tag == "head":
                heading = _words(child)
            elif tag in _BLOCKS:
                self._paragraph(_words(child), heading)
            elif tag:
                self._prose(child, heading)
            self._paragraph(child.tail, heading)

    def _paragraph(self, text: str | None, heading: str) -> None:
        if text and text.strip():
            self.paragraphs.append(Paragraph(" ".join(text.split()), heading))

    def _pass_over(self, element: etree._Element) -> None:
        text = _words(element)
        if text:
            self.unread.append(UnreadLine(line_of(element), text, f"<{local(element)}> is no speech"))

    def _loose(self, text: str | None, element: etree._Element) -> None:
        if text and text.strip():
            self.unread.append(UnreadLine(line_of(element), " ".join(text.split()), "outside of a speech"))


def _persons(root: etree._Element) -> dict[str, str]:
    """Id -> name, of the persons in the header and the roles in the cast list."""
    names: dict[str, str] = {}
    for element in root.iter("{*}person", "{*}personGrp", "{*}role", "{*}castItem"):
        identity = element.get(_ID)
        named = next(element.iter("{*}persName", "{*}name", "{*}role"), element)
        if identity and _words(named):
            names[identity] = _words(named)
    return names


def _licence(header: etree._Element | None) -> str:
    """What the header says of the licence: its words, and where it is found."""
    element = next(header.iter("{*}licence"), None) if header is not None else None
    if element is None:
        return _first(header, "availability")
    return " ".join(filter(None, [_words(element), element.get("target")]))


def _first(header: etree._Element | None, tag: str) -> str:
    found = next(header.iter(f"{{*}}{tag}"), None) if header is not None else None
    return "" if found is None else _words(found)


def _words(element: etree._Element) -> str:
    return " ".join("".join(_pieces(element)).split())


def _pieces(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        tag = local(child)
        if tag and tag not in _IRREGULAR:
            yield from _pieces(child)
            yield " " if tag in ("lb", "p", "l") else ""
        elif not tag:
            yield _entity(child)
        yield child.tail or ""


def _entity(node: etree._Element) -> str:
    """A reference such as &mdash; as its sign, "" for a comment or an instruction."""
    text = node.text or ""
    return html.unescape(text) if text.startswith("&") and text.endswith(";") else ""


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""
