"""Every format that a source can have: its reader, its name in `sources.format`, and how it is recognised.

A format is recognised by what is in the file before what the file is called: a `.json` may be a card, a chat log or
somebody's training data, and a `.txt` anything. A reader is imported when it is called: the table costs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, NamedTuple

from roletune.errors import SourceError
from roletune.sources.datasets.json_formats import detect_json
from roletune.sources.reading import Reader, Reading
from roletune.sources.renamed import with_speakers
from roletune.sources.text import peek
from roletune.sources.text_formats import detect_text

HEAD_BYTES = 262_144  # what `detect` is given of a file
AUTO = "auto"


class ReadOptions(NamedTuple):
    """What settings know of a source that it does not tell itself; empty: nothing."""

    sections: tuple[str, ...] = ()  # of a wiki page: those to read, all if none is named
    skip: tuple[str, ...] = ()  # of a wiki page: those to leave out
    part: str = ""  # the one film of a corpus, the one role of RoleBench's rows
    speakers: Mapping[str, str] = MappingProxyType({})  # name as printed -> who it is
    rttm: str = ""  # of recognised speech: a diariser's file, its text


PLAIN = ReadOptions()


def _in(module: str, function: str) -> Reader:
    """The reader `function` of `sources/`'s `module`, imported when it is called."""

    def read(data: bytes, name: str, **options: Any) -> Reading:
        reader: Callable[..., Reading] = getattr(import_module(f"roletune.sources.{module}"), function)
        return reader(data, name, **options)

    return read


READERS: dict[str, Reader] = {
    "prose": _in("profile", "read_profile_text"),
    "script": _in("scripts.script", "read_script"),
    "plain": _in("scripts.plain", "read_plain"),
    "wiki": _in("wiki.fetch", "read_wiki"),
    "wiki-transcript": _in("wiki.transcript", "read_wiki_transcript"),
    "fountain": _in("scripts.screenplay", "read_fountain"),
    "fdx": _in("scripts.screenplay", "read_fdx"),
    "subtitles": _in("scripts.subtitles", "read_subtitles"),
    "webvtt": _in("scripts.subtitles", "read_webvtt"),
    "tei": _in("scripts.tei", "read_tei"),
    "cornell": _in("scripts.cornell", "read_cornell"),
    "speech": _in("scripts.speech", "read_speech"),
    "rttm": _in("scripts.speech", "read_rttm"),
    "chat-log": _in("datasets.chat_log", "read_chat_log"),
    "html": _in("documents.page", "read_html"),
    "pdf": _in("documents.page", "read_pdf"),
    "epub": _in("documents.epub", "read_epub"),
    "card": _in("cards.card", "read_card"),
    "character-llm": _in("datasets.character_llm", "read_character_llm"),
    "rolebench": _in("datasets.rolebench", "read_rolebench"),
    "sharegpt": _in("datasets.conversations", "read_sharegpt"),
    "openai-messages": _in("datasets.conversations", "read_openai_messages"),
    "alpaca": _in("datasets.conversations", "read_alpaca"),
}

# Option -> the formats that have it, and what their reader calls it.
_OPTIONS: dict[str, dict[str, str]] = {
    "sections": {"wiki": ""},
    "part": {"cornell": "movie", "rolebench": "role"},
    "rttm": {"speech": "rttm"},
}

# Formats whose scenes know the line of the text that they start on.
LINED = frozenset({"script", "plain", "fountain"})

# Extension -> format, where the extension says it all; "" where the contents have to tell.
EXTENSIONS: dict[str, str] = {
    **dict.fromkeys((".md", ".markdown", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".yaml", ".yml"), ""),
    ".fountain": "fountain",
    ".spmd": "fountain",
    ".fdx": "fdx",
    ".srt": "subtitles",
    ".ass": "subtitles",
    ".ssa": "subtitles",
    ".vtt": "webvtt",
    ".tei": "tei",
    ".rttm": "rttm",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".epub": "epub",
    ".png": "card",
    ".charx": "card",
    ".wiki": "wiki-transcript",
    ".wikitext": "wiki-transcript",
    ".mediawiki": "wiki-transcript",
}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "card"),
    (b"%PDF-", "pdf"),
)
_MARKUP: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<FinalDraft\b"), "fdx"),
    (re.compile(r"<(?:tei:)?(?:TEI(?:\.2)?|teiCorpus)\b"), "tei"),
    (re.compile(r"<!doctype html|<html\b", re.I), "html"),
)
_MARKUP_HEAD = 4000  # characters in which a document's root element is looked for


def detect(name: str, data: bytes) -> str:
    """The format of the file `name` that holds `data`, by what is in it and else by its extension.

    Raises SourceError for a file of no known format.
    """
    suffix = PurePath(name).suffix.casefold()
    head = data[:HEAD_BYTES]
    found = _by_magic(suffix, data) or EXTENSIONS.get(suffix, "") or _by_contents(suffix, head)
    if found:
        return found
    raise SourceError(f"{name} is in no format that can be read. Name it with `format` (--as): {', '.join(READERS)}.")


def read_source(data: bytes, name: str, form: str = AUTO, options: ReadOptions = PLAIN) -> tuple[str, Reading]:
    """(format, what is in it) of a file. Raises SourceError if it can't be read, with what to do."""
    found = detect(name, data) if form == AUTO else form
    if found not in READERS:
        raise SourceError(f"There is no format {found!r}. The formats are: {', '.join(READERS)}.")
    return found, with_speakers(_reader(found, name, options)(data, name), options.speakers)


def _reader(form: str, name: str, options: ReadOptions) -> Reader:
    """The reader of a format with its options. Raises SourceError for options that are none of this format's."""
    given = {
        "sections": bool(options.sections or options.skip),
        "part": bool(options.part),
        "rttm": bool(options.rttm),
    }
    for option, formats in _OPTIONS.items():
        if given[option] and form not in formats:
            raise SourceError(f"{name} is read as {form}, which has no {option}: that is for {', '.join(formats)}.")
    keywords: dict[str, Any] = {}
    if given["sections"]:
        keywords = {"pick": options.sections, "skip": options.skip}
    elif options.part:
        keywords = {_OPTIONS["part"][form]: options.part}
    elif options.rttm:
        keywords = {"rttm": options.rttm}
    return partial(READERS[form], **keywords) if keywords else READERS[form]


def _by_magic(suffix: str, data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        if suffix == ".epub" or b"application/epub+zip" in data[:200]:
            return "epub"
        # A ZIP has its table of contents at its end.
        return "cornell" if b"movie_lines.txt" in data[-HEAD_BYTES:] else "card"
    return next((form for mark, form in _MAGIC if data.startswith(mark)), "")


def _by_contents(suffix: str, head: bytes) -> str:
    text = peek(head)
    if suffix in (".json", ".jsonl", ".ndjson") or text.lstrip()[:1] in ("{", "["):
        found = detect_json(text)
        if found or suffix.startswith((".json", ".ndjson")):
            return found
    if text.lstrip()[:1] == "<":
        return next((form for mark, form in _MARKUP if mark.search(text[:_MARKUP_HEAD])), "")
    if suffix in (".yaml", ".yml"):
        return "card"
    return detect_text(text) if suffix in EXTENSIONS or not suffix else ""
