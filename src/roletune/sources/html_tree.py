"""HTML from strangers: bytes -> a tree of lxml, in the encoding that the page declares, at a bounded cost.

libxml2 compares every attribute of a tag with all others, so a tag of a million attributes takes an hour: such a page
is refused. Its own limit on depth (256) stays on, nothing is fetched, no entity of the page's own is expanded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from roletune.errors import MissingExtraError, SourceError
from roletune.sources.text import decode

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MAX_BYTES = 10_000_000
MAX_ATTRIBUTES = 5_000
_CHARSET = re.compile(rb"""<meta\b[^>]{0,200}?\bcharset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.I)
_ATTRIBUTE = r"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_TAG = re.compile(rf"<[a-zA-Z][^\s/>]*+(?:{_ATTRIBUTE})*+")
_ONE = re.compile(_ATTRIBUTE)


def parse_html(data: bytes, name: str) -> HtmlElement:
    """The root of a page. Raises SourceError if it is too large, empty, built to exhaust, or in an unnamed encoding."""
    try:
        from lxml import etree, html
    except ImportError as error:
        raise MissingExtraError("Reading HTML", "sources") from error
    if len(data) > MAX_BYTES:
        raise SourceError(f"{name} is over {MAX_BYTES // 1_000_000} MB. Save the part that tells as text.")
    text = decode_html(data, name)
    for tag in _TAG.finditer(text):
        if len(tag[0]) > 2 * MAX_ATTRIBUTES and sum(1 for _ in _ONE.finditer(tag[0])) > MAX_ATTRIBUTES:
            raise SourceError(f"{name} has a tag of over {MAX_ATTRIBUTES:,} attributes. Save what it tells as text.")
    parser = html.HTMLParser(encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True)
    try:
        return html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise SourceError(f"{name} holds no HTML ({error}). Save the page again, or its text.") from error


def decode_html(data: bytes, name: str) -> str:
    """The text of a page: UTF-8, else what a byte order mark or its <meta charset> says. Raises SourceError."""
    try:
        return decode(data, name)
    except SourceError:
        declared = _CHARSET.search(data[:4096])
        if not declared or b"\0" in data:
            raise
        encoding = declared[1].decode("ascii")
        try:
            return data.decode(encoding)  # of texts only: `zip` is a codec too
        except (LookupError, ValueError) as error:
            cure = "Save the page as UTF-8"
            raise SourceError(f"{name} says that it is {encoding}, and is not ({error}). {cure}.") from error
