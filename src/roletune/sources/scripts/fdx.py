"""Final Draft's FDX: which element each paragraph is.

A paragraph's words are all of its `Text` runs, however they are styled; dual dialogue holds paragraphs within one.
Whatever else a paragraph holds (script notes, omitted scenes) is a comment. Of the rest of the file only the title page
is read: the other parts are settings of the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from roletune.errors import SourceError
from roletune.sources.scripts.elements import Element, Kind
from roletune.sources.xml_tree import line_of, local, text_of

if TYPE_CHECKING:
    from lxml import etree

_KINDS: dict[str, Kind] = {
    "scene heading": "heading",
    "character": "cue",
    "dialogue": "dialogue",
    "parenthetical": "parenthetical",
    "new act": "section",
}  # all others (Action, General, Transition, Shot, Cast List, End of Act, a user's own) are action
_SUNG = {"singing", "lyrics"}


def fdx_elements(root: etree._Element, name: str) -> tuple[dict[str, str], list[Element]]:
    """The title page as facts, and the elements in order. Raises SourceError if `root` is no Final Draft script."""
    content = root.find("Content")
    if local(root) != "FinalDraft" or content is None:
        raise SourceError(
            f"{name} is XML but no Final Draft script. Save it from Final Draft as .fdx (version 8 or later)."
        )
    elements: list[Element] = []
    for child in content:
        for element in _paragraph(child) if local(child) == "Paragraph" else _comment(child):
            sung = element.kind == "action" and child.get("Type", "").casefold() in _SUNG and elements
            if sung and elements[-2].kind in ("cue", "dialogue", "parenthetical"):
                element = Element("dialogue", element.text, element.number)
            elements.append(element)
    return _title_page(root), elements


def _title_page(root: etree._Element) -> dict[str, str]:
    lines = [_words(paragraph) for paragraph in root.iterfind("TitlePage/Content/Paragraph")]
    first, *others = [line for line in lines if line] or [""]
    facts = {"Title": first, "Title page": "\n".join(others)}
    return {key: value for key, value in facts.items() if value}


def _paragraph(paragraph: etree._Element) -> Iterator[Element]:
    number = line_of(paragraph)
    kind = _KINDS.get(paragraph.get("Type", "").casefold(), "action")
    text = _words(paragraph)
    if kind == "parenthetical":
        text = text.removeprefix("(").removesuffix(")").strip()
    yield Element("break", "", number)
    if text:
        yield Element(kind, text, number, label=paragraph.get("Number", "") if kind == "heading" else "")
    for child in paragraph:
        if local(child) == "DualDialogue":
            for within in child:
                yield from _paragraph(within) if local(within) == "Paragraph" else _comment(within)
        elif local(child) == "SceneProperties":
            yield from _synopsis(child)
        elif local(child) != "Text":
            yield from _comment(child)


def _synopsis(properties: etree._Element) -> Iterator[Element]:
    text = _spaced(properties)
    if text:
        yield Element("synopsis", text, line_of(properties))


def _comment(element: etree._Element) -> Iterator[Element]:
    text = _spaced(element)
    if text:
        yield Element("comment", text, line_of(element))


def _words(paragraph: etree._Element) -> str:
    runs = [text_of(run) for run in paragraph if local(run) == "Text"]
    return " ".join("".join(runs).split())


def _spaced(element: etree._Element) -> str:
    """The words of all texts within, with spaces between one text and the next."""
    return " ".join(" ".join(str(piece) for piece in element.itertext("*")).split())
