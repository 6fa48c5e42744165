"""HTML pages and PDF files: prose about the character, with its headings.

A page's menus, comments and footers are left out by trafilatura, which tells the text from the rest; how much it left
out is told. A PDF's pages are read by pypdf; see `pdf_pages` and `pdf_prose`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from roletune.errors import MissingExtraError, SourceError
from roletune.sources.documents.pdf_pages import read_pages
from roletune.sources.documents.pdf_prose import running_heads, to_prose
from roletune.sources.html_tree import parse_html
from roletune.sources.reading import Paragraph, Reading

if TYPE_CHECKING:
    from lxml import etree

MAX_FACT = 60  # words of a heading and its value; a longer one is text
_BREAK = "\u2028"
_QUIET = logging.NullHandler()  # the library's remarks on bad pages are no output of ours


def read_html(data: bytes, name: str) -> Reading:
    """A page's text, title, date, URL and licence as it states them; a table's rows of two cells are facts.

    Raises SourceError for what is no HTML or holds no running text, MissingExtraError without trafilatura.
    """
    try:
        import trafilatura
    except ImportError as error:
        raise MissingExtraError("Reading HTML", "sources") from error
    for logger in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(logger).addHandler(_QUIET)
    tree = parse_html(data, name)
    words = len(" ".join(tree.xpath("//body//text()[not(parent::script or parent::style)]")).split())
    facts = dict(_facts(tree))
    stated = tree.xpath("//link[@rel='license']/@href | //a[@rel='license']/@href")
    page = trafilatura.bare_extraction(tree, with_metadata=True, include_comments=False)
    body: etree._Element | None = getattr(page, "body", None)
    if page is None or isinstance(page, dict) or body is None or not len(body):
        raise SourceError(f"{name} holds no running text. Save what the page tells as a text file.")
    _part(body)
    title = page.title or ""
    paragraphs = place(block for block in _blocks(body, title, facts) if block[1])
    kept = sum(len(paragraph.text.split()) for paragraph in paragraphs)
    notice = f"{name}: {kept:,} of the page's {words:,} words are its text; menus and the like are left out."
    return Reading(
        title=title,
        paragraphs=paragraphs,
        notices=(notice,) if kept < words else (),
        url=page.url or "",
        date=page.date or "",
        licence=page.license or next(map(str, stated), ""),
        facts=facts,
    )


def read_pdf(data: bytes, name: str) -> Reading:
    """A PDF's text by paragraphs; the heading of each ends with its page. Lines that repeat on the pages are left out.

    Raises SourceError for a damaged, encrypted or scanned file, MissingExtraError without pypdf.
    """
    document = read_pages(data, name)
    heads = running_heads(document.pages)
    paragraphs = place(to_prose(document.pages, heads))
    notices = [f"{name}: left out on {pages} pages: {line!r}" for line, pages in heads.told]
    if document.empty:
        told = ", ".join(map(str, document.empty[:20])) + ("..." if len(document.empty) > 20 else "")
        notices.append(f"{name}: no text on page {told}: pictures, or scanned. To read those: ocrmypdf --skip-text")
    return Reading(document.title, paragraphs, notices=tuple(notices), date=document.date)


def place(blocks: Iterable[tuple[str, str]]) -> tuple[Paragraph, ...]:
    """(heading, text) as paragraphs; offsets count in all the texts, an empty line between each two."""
    placed = []
    start = 0
    for heading, text in blocks:
        placed.append(Paragraph(text, heading, start, start + len(text)))
        start += len(text) + 2
    return tuple(placed)


def _blocks(body: etree._Element, title: str, facts: dict[str, str]) -> Iterator[tuple[str, str]]:
    heading = ""
    for element in body:
        if element.tag == "head":
            text = _text(element)
            heading = "" if text == title else text
        elif element.tag == "list":
            yield heading, "\n".join(f"- {text}" for text in map(_text, element) if text)
        elif element.tag == "table":
            rows = [list(filter(None, map(_text, row))) for row in element.iter("row")]
            told = [cells for cells in rows if cells and not (len(cells) == 2 and facts.get(cells[0]) == cells[1])]
            yield heading, "\n".join(map(" | ".join, told))
        else:
            yield heading, _text(element)


def _facts(tree: etree._Element) -> Iterator[tuple[str, str]]:
    """Rows of a heading and its value, as infoboxes have them; they may stand outside of what is the page's text."""
    for row in tree.iter("tr"):
        cells = [cell for cell in row if cell.tag in ("th", "td")]
        if [cell.tag for cell in cells] == ["th", "td"]:
            key, value = (" ".join(str(text) for text in cell.itertext()).split() for cell in cells)
            if key and value and len(key) + len(value) <= MAX_FACT:
                yield " ".join(key), " ".join(value)


def _text(element: etree._Element) -> str:
    """The words within; a line break of the page is one here."""
    lines = "".join(map(str, element.itertext())).split(_BREAK)
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def _part(body: etree._Element) -> None:
    """Mark where words of one element must not touch those of the next."""
    for element in body.iterdescendants():
        if element.tag == "lb" or element.tag in ("p", "item", "list", "row", "cell", "head", "quote"):
            element.tail = (_BREAK if element.tag == "lb" else " ") + (element.tail or "")
