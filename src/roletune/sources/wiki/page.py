"""A fetched page of a wiki, as its file keeps it -> what it tells.

The file is a `WikiPage` as JSON. Pages that are transcripts give scenes, all others paragraphs and facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from pydantic import ValidationError

from roletune.errors import SourceError
from roletune.records import Record
from roletune.sources.reading import Reading
from roletune.sources.text import decode
from roletune.sources.wiki.lines import first_links, wiki_lines
from roletune.sources.wiki.transcript import read_transcript, transcript_lines
from roletune.sources.wiki.wikitext import checked, read_wikitext


class WikiPage(Record):
    """One revision of one page, with all that reading it and giving credit for it needs."""

    schema_version: Literal[1] = 1
    format: Literal["roletune wiki page"] = "roletune wiki page"
    address: str
    title: str
    page_id: int
    revision_id: int
    timestamp: str
    url: str
    wiki: str = ""
    language: str = ""
    licence: str = ""
    licence_url: str = ""
    redirects: tuple[str, ...] = ()
    disambiguation: bool = False
    files: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    fetched: str
    wikitext: str

    def checked(self) -> WikiPage:
        """The page, marked as one that only lists meanings if one of its templates says so."""
        page = wiki_lines(self.wikitext, files=self.files, categories=self.categories)
        return self.model_copy(update={"disambiguation": True}) if page.disambiguation else self


def choices(page: WikiPage) -> tuple[str, ...]:
    """The titles that a page of meanings lists: the first link of each item."""
    return first_links(page.wikitext)


def read_wiki(data: bytes, name: str, *, pick: Iterable[str] = (), skip: Iterable[str] = ()) -> Reading:
    """Read a file that `wiki.fetch_page` wrote; `pick` and `skip` name sections.

    Raises SourceError for any other file, and for a section that the page does not have.
    """
    try:
        page = WikiPage.model_validate_json(decode(data, name))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "JSON"
        raise SourceError(
            f"{name} is not a whole page of a wiki ({where}: {error.errors()[0]['msg']}). Fetch it again."
        ) from error
    text = checked(page.wikitext, name)
    lines = transcript_lines(page.title, text, files=page.files, categories=page.categories)
    if lines:
        told = read_transcript(lines, page.wikitext)
    else:
        article = read_wikitext(page.wikitext, name, pick=pick, skip=skip, files=page.files, categories=page.categories)
        told = article.reading
    reading = replace(
        told,
        title=page.title,
        url=page.url,
        revision=str(page.revision_id),
        date=page.timestamp,
        licence=_licence(page),
    )
    if not (reading.paragraphs or reading.scenes or reading.facts):
        raise SourceError(f"{name}: the page {page.title!r} tells nothing. Name another page, or pick its sections.")
    return reading


def _licence(page: WikiPage) -> str:
    """As the wiki reports it: its words and its address, as far as there are."""
    if page.licence and page.licence_url:
        return f"{page.licence} <{page.licence_url}>"
    return page.licence or page.licence_url
