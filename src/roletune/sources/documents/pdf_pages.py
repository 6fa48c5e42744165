"""PDF bytes -> the text of its pages, bounded in pages, drawing operations and characters.

pypdf bounds what a single stream may unpack to; the bounds here are on the whole file. A file that any reader opens
without a password is read; one with a password, and one of pictures only, is refused with what to do.
"""

from __future__ import annotations

import io
import logging
import shlex
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from roletune.errors import MissingExtraError, SourceError

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_BYTES = 100_000_000
MAX_PAGES = 5_000
MAX_OPERATIONS = 10_000_000  # of drawing, in all pages: about a minute
MAX_TEXT = 20_000_000

_QUIET = logging.NullHandler()
# "Broken PDF files might cause other Exceptions" (pypdf.errors): what Python raises over a wrong type or value.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class PdfText:
    """The text of each page; `empty` are the numbers of those without any. `date` is ISO 8601."""

    title: str
    date: str
    pages: tuple[str, ...]
    empty: tuple[int, ...]


class _TooMuchError(Exception):
    """Raised through pypdf from within a page."""


def read_pages(data: bytes, name: str, operations: int = MAX_OPERATIONS) -> PdfText:
    """The pages of a PDF, drawn in at most so many operations.

    Raises SourceError, or MissingExtraError without pypdf.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, PyPdfError
    except ImportError as error:
        raise MissingExtraError("Reading PDF", "sources") from error
    if len(data) > MAX_BYTES:
        raise SourceError(f"{name} is over {MAX_BYTES // 1_000_000} MB. Cut out the pages that tell: qpdf --pages")
    logging.getLogger("pypdf").addHandler(_QUIET)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise _locked(name)
        return _read(reader, name, operations)
    except DependencyError as error:
        raise _locked(name) from error
    except SourceError:
        raise
    except (PyPdfError, *_BROKEN) as error:
        fault = " ".join(str(error).split())[:200] or type(error).__name__
        cure = f"Download it again, or mend it: qpdf {shlex.quote(name)} mended.pdf"
        raise SourceError(f"{name} is no sound PDF ({fault}). {cure}") from error


def _read(reader: PdfReader, name: str, operations: int) -> PdfText:
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise SourceError(f"{name} has {count:,} pages, over {MAX_PAGES:,}. Cut out those that tell: qpdf --pages")
    budget = _Budget(operations)
    pages: list[str] = []
    try:
        for page in reader.pages:
            pages.append(page.extract_text(visitor_operand_before=budget.spend).replace("\0", ""))
            budget.keep(len(pages[-1]))
    except _TooMuchError as error:
        fault = f"draws more than can be read, on page {len(pages) + 1}"
        raise SourceError(f"{name} {fault}. Export its text: pdftotext {shlex.quote(name)}") from error
    empty = tuple(number for number, text in enumerate(pages, 1) if not text.strip())
    if len(empty) == len(pages):
        cure = f"Recognise its text first: ocrmypdf {shlex.quote(name)} readable.pdf"
        raise SourceError(f"{name} has no text, only pictures of it (a scan). {cure}")
    # Halves of characters, which broken fonts give, can't be written as UTF-8.
    clean = tuple(text.encode("utf-8", "replace").decode() for text in pages)
    return PdfText(*_metadata(reader), clean, empty)


class _Budget:
    """What may still be drawn and kept."""

    def __init__(self, operations: int) -> None:
        self.operations, self.characters = operations, MAX_TEXT

    def spend(self, *_: Any) -> None:
        """One operation of drawing."""
        self.operations -= 1
        if self.operations < 0:
            raise _TooMuchError

    def keep(self, characters: int) -> None:
        """The text of a page."""
        self.characters -= characters
        if self.characters < 0:
            raise _TooMuchError


def _metadata(reader: PdfReader) -> tuple[str, str]:
    told = reader.metadata
    title = str(told.title or "").strip() if told else ""
    date = told.modification_date or told.creation_date if told else None
    return title, date.date().isoformat() if isinstance(date, datetime) else ""


def _locked(name: str) -> SourceError:
    cure = f"Save a copy without one: qpdf --decrypt --password=... {shlex.quote(name)} open.pdf"
    return SourceError(f"{name} needs a password. {cure}")
