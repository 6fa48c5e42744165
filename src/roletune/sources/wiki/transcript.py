"""Transcripts on wikis -> scenes with their turns (the dialects are in `wiki_cues`).

A heading, a rule or a direction that says "scene" begins a scene. Prose before the first line of dialogue is kept as
paragraphs; what stands between turns and is neither speech nor direction is listed as unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.rendering.script_lines import read_header
from roletune.sources.reading import Paragraph, Reading
from roletune.sources.text import decode
from roletune.sources.wiki.cues import plain, read_action_line, read_cue_line, read_scene_line, read_speech
from roletune.sources.wiki.lines import Line, WikiLines, wiki_lines
from roletune.sources.wiki.marks import DEFINITION, RULE
from roletune.sources.wiki.names import names as known_names
from roletune.sources.wiki.wikitext import LineNumbers, checked, notices, read_wikitext

# A page is worth a closer look if some lines look like cues; prose seldom has six of them.
_ROUGH = re.compile(
    r"^[ :*;|]*+(?:'''|\[\[|;)?[^\W\d_][^:：\n]{0,60}+[:：]|^[ :*]*+\{\{\s*+(?:dialog|line|l\|)|^;", re.M | re.I
)
_FILLED = re.compile(r"^.*\w", re.M)
_ENOUGH = 6
_GENERIC = {"transcript", "script", "dialogue", "full transcript", "episode transcript"}


def transcript_lines(
    title: str, text: str, *, files: Iterable[str] = (), categories: Iterable[str] = ()
) -> WikiLines | None:
    """The lines of a page that is a transcript, None for any other.

    It is one if it says so and has dialogue, or if more than half of its lines are dialogue.
    """
    says_so = "transcript" in title.casefold() or re.search(r"\[\[category:[^\]]{0,80}transcript", text, re.I)
    if not says_so and not _may_be(text):
        return None
    page = wiki_lines(text, files=files, categories=categories, marks=True)
    lines = [line.text for line in page.lines if line.text and not line.level]
    cues = [cue.name for line in lines if (cue := read_cue_line(line))]
    mostly = len(cues) >= _ENOUGH and 2 <= len(set(cues)) < len(cues) and 2 * len(cues) > len(lines)
    return page if mostly or (says_so and len(cues) >= 2) else None


def _may_be(text: str) -> bool:
    """Whether enough lines look like dialogue at a first glance, which takes a hundredth of the time of a second."""
    rough = sum(1 for _ in _ROUGH.finditer(text))
    return rough >= _ENOUGH and 4 * rough > len(_FILLED.findall(text))


def read_transcript(page: WikiLines, text: str) -> Reading:
    """Read the lines of a transcript, whose wikitext is `text`."""
    reader = _Reader(LineNumbers(text))
    for line in page.lines:
        reader.read(line)
    reader.close()
    scenes = tuple(scene for scene in reader.scenes if scene.turns)
    return Reading(
        paragraphs=tuple(reader.paragraphs),
        scenes=_titled(scenes),
        unread=tuple(reader.unread),
        notices=notices(page),
        facts=page.facts,
    )


def read_wiki_transcript(data: bytes, name: str) -> Reading:
    """Read a file of wikitext: a transcript as scenes, any other page as paragraphs."""
    text = checked(decode(data, name), name)
    page = transcript_lines(name, text)
    return read_transcript(page, text) if page else read_wikitext(text, name).reading


def _titled(scenes: Sequence[ParsedScene]) -> tuple[ParsedScene, ...]:
    """Scenes with titles that tell them apart: a rule within a section begins its second scene."""
    seen: dict[str, int] = {}
    for scene in scenes:
        if scene.title:
            seen[scene.title] = seen.get(scene.title, 0) + 1
            if seen[scene.title] > 1:
                scene.title = f"{scene.title} ({seen[scene.title]})"
    return tuple(scenes)


@dataclass
class _Reader:
    """What has been read so far: the scene that is open, and who goes on speaking on the next line."""

    numbers: LineNumbers
    scenes: list[ParsedScene] = field(default_factory=lambda: [ParsedScene()])
    paragraphs: list[Paragraph] = field(default_factory=list)
    unread: list[UnreadLine] = field(default_factory=list)
    path: list[tuple[int, str]] = field(default_factory=list)
    speaker: str = ""  # who may go on on the next line
    begun: bool = False  # whether anybody has said anything on the page
    silent: Line | None = None  # a cue whose speech has not come yet

    @property
    def scene(self) -> ParsedScene:
        return self.scenes[-1]

    def read(self, line: Line) -> None:
        """Give one line its place."""
        if line.level:
            self._heading(line)
        elif line.text.strip() == RULE:
            self._begin(self.scene.title, line)
        elif not plain(line.text):
            self.speaker = self.speaker if self.silent else ""
        elif self._skipped():
            return
        elif not (self._cue(line) or self._direction(line) or self._header(line)):
            self._other(line)

    def _skipped(self) -> bool:
        skipped = known_names("skipped_sections") | known_names("beside_dialogue")
        return any(" ".join(heading.casefold().split()) in skipped for _, heading in self.path)

    def _heading(self, line: Line) -> None:
        self.path = [(level, heading) for level, heading in self.path if level < line.level]
        self.path.append((line.level, plain(line.text)))
        self._begin(": ".join(heading for _, heading in self.path if heading.casefold() not in _GENERIC), line)

    def _begin(self, title: str, line: Line) -> None:
        self.close()
        if not (self.scene.turns or self.scene.headers):
            self.scenes.pop()
        self.scenes.append(ParsedScene(title=title, line=self.numbers.at(line.start)))

    def close(self) -> None:
        """Nobody speaks any more; a cue that nothing followed is unread."""
        if self.silent:
            self._leave(self.silent)
        self.silent, self.speaker = None, ""

    def _leave(self, line: Line) -> None:
        self.unread.append(UnreadLine(self.numbers.at(line.start), plain(line.text)))

    def _cue(self, line: Line) -> bool:
        cue = read_cue_line(line.text)
        if cue is None:
            return False
        self.close()
        self.scene.turns += cue.turns
        self.speaker, self.begun = cue.name, True
        self.silent = None if cue.turns else line
        return True

    def _direction(self, line: Line) -> bool:
        scene = read_scene_line(line.text)
        if scene:
            self._begin(scene.title, line)
            return True
        action = read_action_line(line.text)
        if action:
            self.close()
            self.scene.turns.append(Turn(speaker="", text=action, kind="action"))
        return bool(action)

    def _header(self, line: Line) -> bool:
        header = None if self.scene.turns else read_header(plain(line.text))
        if header:
            self.scene.headers.setdefault(header[1], header[2])
        return header is not None

    def _other(self, line: Line) -> None:
        """More of a speech, prose before the dialogue begins, or a line that belongs to nothing."""
        if self.speaker or (line.text.startswith(DEFINITION) and self._last_speaker()):
            self._go_on(self.speaker or self._last_speaker(), line)
        elif self.begun:
            self._leave(line)
        else:
            heading = ": ".join(heading for _, heading in self.path)
            self.paragraphs.append(Paragraph(plain(line.text), heading, line.start, line.end))

    def _last_speaker(self) -> str:
        turns = self.scene.turns
        return turns[-1].speaker if turns and turns[-1].kind != "action" else ""

    def _go_on(self, speaker: str, line: Line) -> None:
        said = list(read_speech(speaker, line.text))
        last = self.scene.turns[-1] if self.scene.turns else None
        if said and last and last.speaker == speaker and last.kind == said[0].kind != "action" and not self.silent:
            joined = f"{last.text} {said.pop(0).text}"
            self.scene.turns[-1] = last.model_copy(update={"text": joined})
        self.scene.turns += said
        self.silent = None
