"""Every format that a source can have: its reader, its name in `sources.format`, and how it is recognised.

A format is recognised by what is in the file before what the file is called: a `.json` may be a card, a chat log or
somebody's training data, and a `.txt` anything. A reader is imported when it is called: the table costs
nothing.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import PurePath
from typing import NamedTuple

from roletune.errors import SourceError
from roletune.sources.json_formats import detect_json
from roletune.sources.reading import Reader, Reading
from roletune.sources.text import peek
from roletune.sources.text_formats import detect_text

HEAD_BYTES = 262_144  # what `detect` is given of a file
AUTO = "auto"


class Sections(NamedTuple):
    """The sections of a wiki page to read, all if none is picked, and those to leave out."""

    pick: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


ALL = Sections()


def _in(module: str, function: str) -> Reader:
    """The reader `function` of `sources/module.py`, imported when it is called."""

    def read(data: bytes, name: str) -> Reading:
        reader: Reader = getattr(import_module(f"roletune.sources.{module}"), function)
        return reader(data, name)

    return read


READERS: dict[str, Reader] = {
    "prose": _in("profile", "read_profile_text"),
    "script": _in("script_source", "read_script"),
    "plain": _in("plain", "read_plain"),
    "wiki": _in("wiki", "read_wiki"),
    "wiki-transcript": _in("wiki_transcript", "read_wiki_transcript"),
    "fountain": _in("screenplay", "read_fountain"),
    "fdx": _in("screenplay", "read_fdx"),
    "subtitles": _in("subtitles", "read_subtitles"),
    "webvtt": _in("subtitles", "read_webvtt"),
    "tei": _in("tei", "read_tei"),
    "cornell": _in("cornell", "read_cornell"),
    "speech": _in("speech", "read_speech"),
    "rttm": _in("speech", "read_rttm"),
    "chat-log": _in("chat_log", "read_chat_log"),
    "html": _in("documents", "read_html"),
    "pdf": _in("documents", "read_pdf"),
    "epub": _in("epub", "read_epub"),
    "card": _in("cards", "read_card"),
    "character-llm": _in("character_llm", "read_character_llm"),
    "rolebench": _in("rolebench_rows", "read_rolebench"),
    "sharegpt": _in("conversations", "read_sharegpt"),
    "openai-messages": _in("conversations", "read_openai_messages"),
    "alpaca": _in("conversations", "read_alpaca"),
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


def detect(name: str, head: bytes) -> str:
    """The format of the file `name` that begins with `head`, by what is in it and else by its extension.

    Raises SourceError for a file of no known format.
    """
    suffix = PurePath(name).suffix.casefold()
    found = _by_magic(suffix, head) or EXTENSIONS.get(suffix, "") or _by_contents(suffix, head)
    if found:
        return found
    raise SourceError(f"{name} is in no format that can be read. Name it with `format` (--as): {', '.join(READERS)}.")


def read_source(data: bytes, name: str, form: str = AUTO, sections: Sections = ALL) -> tuple[str, Reading]:
    """(format, what is in it) of a file. Raises SourceError if it can't be read, with what to do."""
    found = detect(name, data[:HEAD_BYTES]) if form == AUTO else form
    if found not in READERS:
        raise SourceError(f"There is no format {found!r}. The formats are: {', '.join(READERS)}.")
    if sections == ALL:
        return found, READERS[found](data, name)
    if found != "wiki":
        raise SourceError(f"{name} is no page of a wiki: its sections can't be picked or skipped. Take them out of it.")
    from roletune.sources.wiki_page import read_wiki

    return found, read_wiki(data, name, pick=sections.pick, skip=sections.skip)


def _by_magic(suffix: str, head: bytes) -> str:
    if head.startswith(b"PK\x03\x04"):
        return "epub" if suffix == ".epub" or b"application/epub+zip" in head[:200] else "card"
    return next((form for mark, form in _MAGIC if head.startswith(mark)), "")


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
