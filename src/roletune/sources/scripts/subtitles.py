"""Subtitles: SRT, ASS and SSA, and WebVTT with its voices (blocks by webvtt-py).

ASS tells the speaker in its Name column and WebVTT in `<v Name>`; SRT only by what is written (see `utterances`). Texts
in a style for signs or songs are actions of nobody. Comments, drawings and what has no readable time are unread. Left
out: numbers and times, fonts, styles, regions and positions.

pysubs2 is not used: it takes a last line that is a number ("How many?" "42") for the number of the next subtitle, reads
ASS by a fixed order of columns, leaves out what it can't read, and takes quadratic time on unclosed braces; the tests
ask it for what it does read. Of webvtt-py's cues only the times are taken: it names the first voice alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import pairwise

from roletune.errors import MissingExtraError, SourceError
from roletune.rendering.script import UnreadLine
from roletune.sources.reading import Reading
from roletune.sources.scripts.utterances import Utterance, scenes_of
from roletune.sources.text import decode

_TAG = re.compile(r"</?[A-Za-z][^<>]{0,300}>|\{\\[^{}]*+\}|</?\d[\d:.]*+>")  # the last: WebVTT's karaoke times
_VOICE = re.compile(r"<v(?:\.[^\s<>]*+)?[ \t]+(?P<name>[^<>]*+)>|</v>")
_OVERRIDE = re.compile(r"\{[^{}]*+\}")
_TIME = re.compile(r"(\d{1,3}):(\d{1,2}):(\d{1,2})[.,](\d{1,3})")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9]")
_SIGNS = re.compile(r"sign|song|lyric|karaoke|title|caption|^(?:op|ed)\b", re.I)
_ASS_FIELDS = "layer, start, end, style, name, marginl, marginr, marginv, effect, text"
_CURE = "Name a file with lines such as 00:01:02,000 --> 00:01:04,000, or an .ass file with its [Events]."


def read_subtitles(data: bytes, name: str) -> Reading:
    """SRT, ASS or SSA. Raises SourceError for anything in which no subtitle is found."""
    text = decode(data, name)
    is_ass = re.search(r"^(?:\[Events\]|Dialogue:)", text, re.M | re.I)
    items = list(_ass(text) if is_ass else _srt(text))
    utterances = [item for item in items if isinstance(item, Utterance)]
    unread = [item for item in items if isinstance(item, UnreadLine)]
    if not utterances:
        raise SourceError(f"{name} holds no subtitles. {_CURE}")
    title = re.search(r"^Title:[ \t]*+(.*)$", text, re.M) if is_ass else None
    return Reading(title=title[1].strip() if title else "", scenes=scenes_of(utterances), unread=tuple(unread))


def _times(line: str) -> list[float]:
    """The points of time in a line, in seconds."""
    return [int(h) * 3600 + int(m) * 60 + float(f"{s}.{rest}") for h, m, s, rest in _TIME.findall(line)]


def _srt(text: str) -> Iterator[Utterance | UnreadLine]:
    lines = text.split("\n")
    times = {number: _times(line) for number, line in enumerate(lines) if "-->" in line and len(line) < 300}
    starts = [number for number, stamps in times.items() if len(stamps) == 2]
    for number, line in enumerate(lines[: starts[0] if starts else None], start=1):
        if line.strip() and not line.strip().isdecimal():
            yield UnreadLine(number, line, "before the first subtitle")
    for start, end in pairwise([*starts, len(lines)]):
        if end < len(lines) and _is_index(lines, start, end - 1):
            end -= 1
        good = next((n for n in range(start + 1, end) if "-->" in lines[n]), end)
        for number in range(good, end):
            if lines[number].strip():
                yield UnreadLine(number + 1, lines[number], "after a time that can't be read")
        said = _broken(_TAG.sub("", "\n".join(lines[start + 1 : good])))
        yield Utterance(said, times[start][0], times[start][1], start + 1)


def _is_index(lines: list[str], start: int, number: int) -> bool:
    """Whether a line is the number of the subtitle that follows: it stands alone, or right after the time before."""
    if number <= start or not lines[number].strip().isdecimal():
        return False
    return number == start + 1 or not lines[number - 1].strip()


def _ass(text: str) -> Iterator[Utterance | UnreadLine]:
    fields = [field.strip() for field in _ASS_FIELDS.split(",")]
    section = "events"
    for number, line in enumerate(text.split("\n"), start=1):
        kind, colon, rest = line.strip().partition(":")
        if line.strip().startswith("[") and line.strip().endswith("]"):
            section = line.strip().strip("[]").casefold()
        elif kind == "Format" and section == "events":
            fields = [field.strip().casefold().replace("actor", "name") for field in rest.split(",")][:30]
        elif kind == "Dialogue" and colon:
            values = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            yield _event(values, number, line)
        elif kind == "Comment" and colon:
            yield UnreadLine(number, line, "a comment")
        elif section == "events" and line.strip():
            yield UnreadLine(number, line, "no event")


def _event(values: dict[str, str], number: int, line: str) -> Utterance | UnreadLine:
    times = [_times(values.get(key, "")) for key in ("start", "end")]
    if "text" not in values or not all(len(stamps) == 1 for stamps in times):
        return UnreadLine(number, line, "a time that can't be read")
    if _DRAWING.search(values["text"]):
        return UnreadLine(number, line, "a drawing")
    text = _broken(_OVERRIDE.sub("", values["text"])).strip()
    speaker = values.get("name", "").strip()
    if text and not speaker and _SIGNS.search(values.get("style", "")):
        text = f"[{' '.join(text.split())}]" if not set(text) & set("[]♪") else text
    return Utterance(text, times[0][0], times[1][0], number, speaker)


def _broken(text: str) -> str:
    """With line breaks and hard spaces for ASS's marks of them."""
    return text.replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", " ")


def read_webvtt(data: bytes, name: str) -> Reading:
    """WebVTT. Raises SourceError for a text that does not begin with WEBVTT, and for one without a cue."""
    text = decode(data, name)
    if not text.startswith("WEBVTT"):
        raise SourceError(f"{name} does not begin with WEBVTT. If it is SRT, call it .srt.")
    header, *blocks = _blocks(text)
    utterances: list[Utterance] = []
    unread: list[UnreadLine] = []
    for number, lines in blocks:
        cue = _cue(number, lines)
        if cue is None:
            reason = "a comment" if lines[0].startswith("NOTE") else "a time that can't be read"
            unread += [UnreadLine(number + i, line, reason) for i, line in enumerate(lines)]
        utterances += cue or []
    if not utterances:
        raise SourceError(f"{name} holds no cue. {_CURE}")
    title = header[1][0].removeprefix("WEBVTT").strip(" -\t")
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in header[1][1:])}
    return Reading(title=title, scenes=scenes_of(utterances), unread=tuple(unread), facts=facts)


def _blocks(text: str) -> list[tuple[int, list[str]]]:
    """Blocks of lines with the number of their first; an arrow that can't be of the block's own cue begins another."""
    blocks: list[tuple[int, list[str]]] = []
    is_open = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            is_open = False
        elif is_open and not ("-->" in line and _has_begun(blocks)):
            blocks[-1][1].append(line)
        else:
            blocks.append((number, [line]))
            is_open = True
    return blocks


def _has_begun(blocks: list[tuple[int, list[str]]]) -> bool:
    lines = blocks[-1][1]
    return len(blocks) == 1 or len(lines) > 1 or "-->" in lines[0]


def _cue(number: int, lines: list[str]) -> list[Utterance] | None:
    """What a block says, one utterance a voice; [] for a style or a region, None for what is no cue."""
    try:
        from webvtt.models import Caption
        from webvtt.vtt import parse_item
    except ImportError as error:
        raise MissingExtraError("Reading WebVTT", "sources") from error
    item = parse_item(lines)
    if not isinstance(item, Caption):
        return None if item is None else []
    start, end = item.start_time.in_milliseconds() / 1000, item.end_time.in_milliseconds() / 1000
    return [Utterance(text, start, end, number, voice) for voice, text in _voices(item.raw_text)]


def _voices(raw: str) -> Iterator[tuple[str, str]]:
    voice, at = "", 0
    for mark in _VOICE.finditer(raw):
        yield voice, _unmarked(raw[at : mark.start()])
        voice, at = " ".join(html.unescape(mark["name"] or "").split()), mark.end()
    yield voice, _unmarked(raw[at:])


def _unmarked(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()
