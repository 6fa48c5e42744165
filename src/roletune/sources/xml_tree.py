"""XML from strangers: a tree, or a SourceError that says what to do. Nothing is fetched and no entity is expanded.

A document type that declares entities is refused: expanding them is how a kilobyte becomes a gigabyte, and none of the
formats read here needs them. libxml2's own limits on depth (256) and on the length of a text (10 MB) stay on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roletune.errors import MissingExtraError, SourceError
from roletune.sources.text import MAX_BYTES

if TYPE_CHECKING:
    from lxml import etree


def parse_xml(data: bytes, name: str) -> etree._Element:
    """The root of a document in whatever encoding it declares.

    Raises SourceError if it is over 50 MB, declares entities or is no well-formed XML.
    """
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingExtraError("Reading XML", "sources") from error
    if len(data) > MAX_BYTES:
        raise SourceError(f"{name} is over {MAX_BYTES // 1_000_000} MB. Give the part that tells about the character.")
    if b"<!ENTITY" in data.replace(b"\0", b""):  # in UTF-16 too
        cure = "Replace them by what they stand for: xmllint --noent --dropdtd"
        raise SourceError(f"{name} declares XML entities, which are not expanded here. {cure}")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:  # ValueError: nothing at all to parse
        raise SourceError(f"{name} is no well-formed XML: {error}. Export it again from where it was made.") from error


def local(element: etree._Element) -> str:
    """The element's name without its namespace; "" for a comment, an entity or a processing instruction."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def line_of(element: etree._Element) -> int:
    """The line that the element begins on, from 1."""
    line: Any = element.sourceline  # the stubs know no type for it
    return line or 1


def text_of(element: etree._Element) -> str:
    """All words within the element, without the texts of comments."""
    return "".join(str(piece) for piece in element.itertext("*"))
