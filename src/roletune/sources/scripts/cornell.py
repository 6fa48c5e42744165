"""The Cornell Movie-Dialogs Corpus: each conversation is a scene.

The source is a ZIP that holds `movie_lines.txt` and `movie_conversations.txt`, in any folder, as the corpus is
published; `movie_titles_metadata.txt` gives the films their titles if it is there. Fields are parted by ` +++$+++ `:

    L194 +++$+++ u0 +++$+++ m0 +++$+++ BIANCA +++$+++ the text
    u0 +++$+++ u2 +++$+++ m0 +++$+++ ['L194', 'L195']

The files are ISO-8859-1 with Windows' quotation marks in them; UTF-8 is read too. Lines that are in no conversation,
and conversations with a line that is missing, are unread. Names come again from film to film: `movie` reads one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from roletune.errors import SourceError
from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.sources.archive import Archive
from roletune.sources.reading import Reading

MAX_BYTES = 100_000_000  # of one file, unpacked; the largest of the corpus has 34 MB
_LINES, _CONVERSATIONS, _TITLES = "movie_lines.txt", "movie_conversations.txt", "movie_titles_metadata.txt"
_SEPARATOR = " +++$+++ "
_LINE_ID = re.compile(r"\bL\d+\b")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,60}>")
_CURE = f"Zip {_LINES} and {_CONVERSATIONS} of the Cornell Movie-Dialogs Corpus into one file."


class _Line(NamedTuple):
    number: int
    movie: str
    turn: Turn


def read_cornell(data: bytes, name: str, movie: str = "") -> Reading:
    """A ZIP of the corpus; `movie` (its title or its id, such as m0) picks one film.

    Raises SourceError for what is no such ZIP, is too large (see `archive`), or has no film of that name.
    """
    files = _files(data, name)
    titles = {
        fields[0].strip(): fields[1].strip() for _, fields, _ in _rows(files.get(_TITLES, b""), 6) if len(fields) > 1
    }
    unread: list[UnreadLine] = []
    lines = _lines(files[_LINES], unread)
    picked = _pick(movie, titles, lines, name)
    scenes = list(_scenes(files[_CONVERSATIONS], lines, titles, unread))
    taken = {turn for scene in scenes for turn in map(id, scene.turns)}
    for line in lines.values():
        if id(line.turn) not in taken and picked in ("", line.movie):
            unread.append(UnreadLine(line.number, f"{line.turn.speaker}: {line.turn.text}", "in no conversation"))
    scenes = [scene for scene in scenes if picked in ("", scene.headers["film"])]
    return Reading(title=titles.get(picked, picked), scenes=tuple(scenes), unread=tuple(unread))


def _files(data: bytes, name: str) -> dict[str, bytes]:
    if not data.startswith(b"PK"):
        raise SourceError(f"{name} is a part of the corpus or none of it. {_CURE}")
    archive = Archive(data, name, "Cornell corpus")
    paths = sorted(path for path in archive.names if "__MACOSX" not in path)
    members = {PurePosixPath(path).name: path for path in paths}
    if not {_LINES, _CONVERSATIONS} <= set(members):
        raise SourceError(f"{name} does not hold the corpus. {_CURE}")
    wanted = (_LINES, _CONVERSATIONS, _TITLES)
    return {file: archive.read(members[file], MAX_BYTES) for file in wanted if file in members}


def _pick(movie: str, titles: Mapping[str, str], lines: Mapping[str, _Line], name: str) -> str:
    """The id of the film called `movie`, "" for all films."""
    if not movie or movie in titles or any(line.movie == movie for line in lines.values()):
        return movie
    for identity, title in titles.items():
        if title.casefold() == movie.casefold():
            return identity
    raise SourceError(f"{name} has no film called {movie!r}. Give its title or id as in {_TITLES}, or leave it out.")


def _lines(raw: bytes, unread: list[UnreadLine]) -> dict[str, _Line]:
    lines: dict[str, _Line] = {}
    for number, fields, whole in _rows(raw, 5):
        text = " ".join(_MARKUP.sub("", fields[4]).split()) if len(fields) == 5 else ""
        if not text or fields[0] in lines:
            reason = "a line that says nothing" if len(fields) == 5 and not text else "no line of five fields"
            unread.append(UnreadLine(number, whole, "a second line of that number" if text else reason))
            continue
        lines[fields[0]] = _Line(number, fields[2], Turn(speaker=" ".join(fields[3].split()), text=text))
    return lines


def _scenes(
    raw: bytes, lines: Mapping[str, _Line], titles: Mapping[str, str], unread: list[UnreadLine]
) -> Iterator[ParsedScene]:
    for number, fields, whole in _rows(raw, 4):
        wanted = _LINE_ID.findall(fields[3]) if len(fields) == 4 else []
        if not wanted or any(identity not in lines for identity in wanted):
            unread.append(UnreadLine(number, whole, "a conversation with lines that are missing"))
            continue
        film = fields[2].strip()
        title = f"{titles.get(film, film)}, {wanted[0]}"
        turns = [lines[identity].turn for identity in wanted]
        yield ParsedScene(title, {"film": film}, turns, line=number)


def _rows(raw: bytes, fields: int) -> Iterator[tuple[int, list[str], str]]:
    """Line number, fields and the whole of each line that is not empty."""
    for number, line in enumerate(_text(raw).split("\n"), start=1):  # not splitlines: some texts hold odd separators
        line = line.rstrip("\r")
        if line.strip():
            yield number, (line + " ").split(_SEPARATOR, fields - 1), line


def _text(raw: bytes) -> str:
    """UTF-8 if it is; else ISO-8859-1, in which Windows' signs are put where that has control characters."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1").translate(_WINDOWS)


def _windows_signs() -> dict[int, str]:
    signs = {code: bytes([code]).decode("cp1252", errors="ignore") for code in range(0x80, 0xA0)}
    return {code: sign for code, sign in signs.items() if sign}


_WINDOWS = _windows_signs()
