"""Recognised speech: the JSON of whisper, whisperX, faster-whisper and whisper.cpp, with speakers if it has them.

    {"segments": [{"start": 0.0, "end": 1.5, "text": "...", "speaker": "SPEAKER_00", "words": [...]}]}
    {"transcription": [{"offsets": {"from": 0, "to": 1500}, "text": "..."}]}          whisper.cpp, milliseconds

A segment whose words have speakers of their own is divided between them. Who spoke when may also come from a diariser
as RTTM (pyannote, NeMo): its text in the key `rttm` of the same JSON, or as the argument `rttm`; each segment, or word
where there are times of words, then belongs to whom it overlaps most. What one speaker says without a pause is one
turn; a silence of SCENE_GAP seconds begins a scene (see `utterances`). Segments without text or times are unread.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import Any

from roletune.errors import SourceError
from roletune.rendering.script import UnreadLine
from roletune.sources.json_documents import read_json
from roletune.sources.reading import Reading
from roletune.sources.scripts.utterances import Utterance, scenes_of
from roletune.sources.text import decode

_CURE = 'It needs {"segments": [{"start": 0.0, "end": 1.5, "text": "..."}]}: whisper --output_format json writes it.'
_RTTM = re.compile(r"^SPEAKER\s+\S+\s+\S+\s+([\d.]{1,20})\s+([\d.]{1,20})\s+\S+\s+\S+\s+(\S+)")


@dataclass(frozen=True)
class _Word:
    text: str
    start: float
    end: float
    speaker: str


@dataclass(frozen=True)
class Segment:
    """A piece of recognised speech in seconds; `words` is empty if their times are not known."""

    text: str
    start: float
    end: float
    number: int  # of the segment, from 1
    speaker: str = ""
    words: tuple[_Word, ...] = ()


@dataclass(frozen=True)
class Interval:
    """Somebody speaks from `start` to `end`, in seconds."""

    start: float
    end: float
    speaker: str


def read_speech(data: bytes, name: str, rttm: str = "") -> Reading:
    """Recognised speech; `rttm` is the text of a diariser's file. Raises SourceError for JSON that is none."""
    values = [document.value for document in read_json(data, name).documents]
    document = values[0] if values and isinstance(values[0], dict) else {}
    rows = document.get("segments", document.get("transcription"))
    if rows is None and all(isinstance(value, dict) and "text" in value for value in values):
        rows = values  # faster-whisper's segments as a list, or one a line
    if not isinstance(rows, list):
        raise SourceError(f"{name} is no recognised speech. {_CURE}")
    rttm = rttm or str(document.get("rttm") or "")
    segments: list[Segment] = []
    unread = _unread_rttm(rttm)
    for number, row in enumerate(rows, start=1):
        segment = _segment(row, number)
        if segment:
            segments.append(segment)
        elif not (isinstance(row, dict) and str(row.get("text", "")).strip() == "" and "start" in row):
            text = json.dumps(row, ensure_ascii=False, default=str)
            unread.append(UnreadLine(number, text, "a segment without text or times"))
    if rttm:
        segments = list(merge_rttm(segments, rttm))
    utterances = [utterance for segment in segments for utterance in _utterances(segment)]
    language = document.get("language")
    facts = {"Language": language} if isinstance(language, str) and language else {}
    return Reading(scenes=scenes_of(utterances, whole_speakers=True), unread=tuple(unread), facts=facts)


def read_rttm(data: bytes, name: str) -> Reading:
    """An RTTM file alone says who speaks when, and not what: always a SourceError that tells what to do."""
    count = len({interval.speaker for interval in _intervals(decode(data, name))})
    raise SourceError(
        f"{name} tells when {count} people speak, but not what they say. Put its text into the key `rttm` of the "
        "recogniser's JSON, and give that."
    )


def merge_rttm(segments: Sequence[Segment], rttm: str) -> tuple[Segment, ...]:
    """The segments and their words with the speaker whose intervals overlap them most; others keep what they have."""
    overlaps = _Overlaps(_intervals(rttm))

    def named(segment: Segment) -> Segment:
        words = tuple(
            replace(word, speaker=overlaps.most(word.start, word.end) or word.speaker) for word in segment.words
        )
        speaker = overlaps.most(segment.start, segment.end) or segment.speaker
        return replace(segment, words=words, speaker=speaker)

    return tuple(named(segment) for segment in segments)


class _Overlaps:
    """Who speaks most within a time; a query takes time in the number of speakers, not of intervals."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        of: defaultdict[str, list[Interval]] = defaultdict(list)
        for interval in sorted(intervals, key=lambda interval: interval.start):
            before = of[interval.speaker][-1] if of[interval.speaker] else None
            if before and interval.start <= before.end:  # one speaker's intervals must not overlap each other
                of[interval.speaker][-1] = replace(before, end=max(before.end, interval.end))
            else:
                of[interval.speaker].append(interval)
        self._ends = {speaker: [interval.end for interval in each] for speaker, each in of.items()}
        self._starts = {speaker: [interval.start for interval in each] for speaker, each in of.items()}
        self._sums = {
            speaker: [0.0, *accumulate(interval.end - interval.start for interval in each)]
            for speaker, each in of.items()
        }

    def most(self, start: float, end: float) -> str:
        """The speaker with most seconds between `start` and `end`, "" if nobody speaks then."""
        seconds = {speaker: self._until(speaker, end) - self._until(speaker, start) for speaker in self._ends}
        best = max(seconds, key=lambda speaker: seconds[speaker], default="")
        return best if best and seconds[best] > 1e-6 else ""

    def _until(self, speaker: str, moment: float) -> float:
        """Seconds that `speaker` has spoken up to a moment."""
        whole = bisect_left(self._ends[speaker], moment)
        starts = self._starts[speaker]
        part = moment - starts[whole] if whole < len(starts) else 0.0
        return self._sums[speaker][whole] + max(0.0, part)


def _intervals(rttm: str) -> list[Interval]:
    found = [_RTTM.match(line) for line in rttm.splitlines()]
    times = [(_seconds(match[1]), _seconds(match[2]), match[3]) for match in found if match]
    return [
        Interval(start, start + length, who) for start, length, who in times if start is not None and length is not None
    ]


def _unread_rttm(rttm: str) -> list[UnreadLine]:
    others = (";;", "SPKR-INFO", "#")
    return [
        UnreadLine(number, line, "no line of RTTM")
        for number, line in enumerate(rttm.splitlines(), start=1)
        if line.strip() and not line.startswith(others) and not _intervals(line)
    ]


def _segment(row: Any, number: int) -> Segment | None:
    if not isinstance(row, dict):
        return None
    offsets = row.get("offsets")
    milliseconds = isinstance(offsets, dict)
    start, end = (
        (offsets.get("from"), offsets.get("to")) if isinstance(offsets, dict) else (row.get("start"), row.get("end"))
    )
    starts, ends = _seconds(start), _seconds(end)
    text = row.get("text")
    if not isinstance(text, str) or not text.strip() or starts is None:
        return None
    ends = max(starts, ends if ends is not None else starts)
    if milliseconds:
        starts, ends = starts / 1000, ends / 1000
    words = row.get("words")
    return Segment(
        text, starts, ends, number, _name(row.get("speaker")), _words(words, text) if isinstance(words, list) else ()
    )


def _words(rows: list[Any], text: str) -> tuple[_Word, ...]:
    """The words with their times, if they make up the segment's text; one without a time is where the last one ends."""
    words: list[_Word] = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("word"), str):
            return ()
        before = words[-1] if words else None
        start = _seconds(row.get("start"))
        end = _seconds(row.get("end"))
        start = start if start is not None else (before.end if before else 0.0)
        speaker = _name(row.get("speaker")) or (before.speaker if before else "")
        words.append(_Word(row["word"], start, max(start, end if end is not None else start), speaker))
    same = "".join("".join(word.text for word in words).split()) == "".join(text.split())
    return tuple(words) if same else ()


def _utterances(segment: Segment) -> Iterator[Utterance]:
    if len({word.speaker for word in segment.words}) < 2:
        speaker = segment.speaker or next((word.speaker for word in segment.words), "")
        yield Utterance(segment.text.strip(), segment.start, segment.end, segment.number, speaker)
        return
    spaced = any(word.text[:1].isspace() for word in segment.words)
    for speaker, group in groupby(segment.words, key=lambda word: word.speaker or segment.speaker):
        words = list(group)
        text = ("" if spaced or " " not in segment.text.strip() else " ").join(word.text for word in words)
        yield Utterance(text.strip(), words[0].start, words[-1].end, segment.number, speaker)


def _name(value: Any) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int) else ""


def _seconds(value: Any) -> float | None:
    """A time that can be reckoned with: not negative, not infinite, below a year."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < 3.2e7 else None
