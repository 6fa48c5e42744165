"""The script format: what writers write, read by one tolerant parser and written by one renderer.

    ## Scene: The kettle              also  Scene 3:   ### SCENE II. A hall   **Scene 1: The kettle**
    Location: the kitchen             Type, Location, Time, Mood, Present, Background, Purpose, Category, Twin
    Background: It is raining.

    Tony Stark: Morning.              also  **Tony Stark:** Morning.   Tony Stark (speaking): Morning.
    JARVIS (thinking): He is late.    also  **JARVIS** or JARVIS (speaking) alone on a line, its text on the next ones
    Pepper Potts (to Tony Stark only): He hears everything.
    _Enter a courier_                 also  *...*, (...) or [...] alone on a line: an action of nobody

Nothing is dropped: every line of the input is part of a scene's header, of a turn, or listed in `unread` with its
number. Only presentation is lost (bold marks, quotation marks around a whole speech, line numbers).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from roletune.records import Scene, Turn, TurnKind

HEADER_KEYS = ("type", "location", "time", "mood", "present", "background", "purpose", "category", "twin")
_ALIASES = {"status": "background", "setting": "location", "place": "location", "characters": "present"}

# Each word of a name is capitalised, but for a few particles: "Note this: ..." is no speaker called "Note this".
_NAME = r"[^\W\d_a-z][\w.'’\-]*(?:[ ](?:[^\W_a-z][\w.'’\-]*|of|the|de|da|von|van|and|&)){0,5}"
_SCENE = re.compile(
    r"^(?:#{1,6}\s*)?(?:\*\*)?scene\b\s*#?(?P<number>\d+|[ivxlc]+\b)?\s*(?:[:.\-–]\s*(?P<title>.*?)|)(?:\*\*)?$", re.I
)
_HEADER = re.compile(r"^(?:[-*]\s+)?(?:\*\*)?(?P<key>[A-Za-z]+)(?:\*\*)?\s*:\s*(?:\*\*)?\s*(?P<value>.*)$")
_TURN = re.compile(
    rf"^(?:[-*]\s+)?(?:\*\*|__)?(?P<name>{_NAME})(?:\*\*|__)?\s*(?:\((?P<manner>[^()]*)\))?\s*(?:\*\*|__)?\s*:"
    r"\s*(?:\*\*|__)?\s*(?P<text>.*)$"
)
_BOLD_CUE = re.compile(rf"^\*\*(?P<name>{_NAME}):?\*\*:?\s*(?:\((?P<manner>[^()]*)\))?$")
_PLAIN_CUE = re.compile(rf"^(?P<name>{_NAME})\s*\((?P<manner>[^()]*)\)$")
_CAPS_CUE = re.compile(r"^(?P<name>[A-Z][A-Z0-9 .'’\-]+)(?P<manner>)$")
_ACTION = re.compile(r"^(?:_(?P<a>[^_]+)_|\*(?P<b>[^*]+)\*|\((?P<c>[^()]+)\)|\[(?P<d>[^\[\]]+)\])[.]?$")
_OPEN_ACTION = re.compile(r"^_(?i:enter|exit|exeunt|re-enter|flourish)[^_]*$")
_HEADING = re.compile(r"^#{1,6}\s*(?P<text>.+)$")
_SPEECH = {"speaking", "speech", "aloud", "says", "saying"}
_THOUGHT = {"thinking", "thought", "thoughts", "thinks", "to himself", "to herself", "to itself"}
_ASIDE = re.compile(r"^(?:to|whispering to) (?P<names>.+?) only$", re.I)


@dataclass
class ParsedScene:
    """One scene as written: its title, its header lines by lower-case key, its turns, and the line it starts on."""

    title: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    line: int = 1


@dataclass(frozen=True)
class UnreadLine:
    """A line that belongs to nothing, with its number from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Script:
    """What a script holds."""

    scenes: tuple[ParsedScene, ...]
    unread: tuple[UnreadLine, ...]


def parse_script(text: str) -> Script:
    """Read a script. A text without any scene header is one scene; scenes without turns are kept (a scene list)."""
    lines = text.splitlines()
    # A play prints its cues in bold on lines of their own; there, "Speak to me:" is verse and not a speaker.
    bold = sum(1 for line in lines if _BOLD_CUE.match(line.strip()))
    inline = sum(1 for line in lines if _TURN.match(line.strip()))
    reader = _Reader(play=bold > inline)
    for number, line in enumerate(lines, 1):
        reader.read(number, line)
    scenes = tuple(scene for scene in reader.scenes if scene.turns or scene.headers or scene.title)
    return Script(scenes, tuple(reader.unread))


class _Reader:
    """The parser's state: the scene being read, whether its header is still open, and the turn being continued."""

    def __init__(self, *, play: bool) -> None:
        self.play = play
        self.scenes: list[ParsedScene] = [ParsedScene()]
        self.unread: list[UnreadLine] = []
        self.act = ""
        self.header_open = True
        self.key: str | None = None  # the header that a following line would continue
        self.speaking: Turn | None = None  # the cue that plain text continues, across stage directions
        self.verse = False  # whether the line before ended in Markdown's hard break
        self.break_before = False  # a blank line came before this one
        self.direction = ""  # a stage direction that is not closed yet

    @property
    def scene(self) -> ParsedScene:
        return self.scenes[-1]

    def read(self, number: int, raw: str) -> None:
        line = f"{self.direction} {raw.strip()}".strip()
        self.direction = line if _OPEN_ACTION.match(line) else ""
        if self.direction:
            return
        if not line or line.strip("-*_= ") == "":
            self.key, self.break_before = None, True
            return
        if not (self._scene(number, line) or self._header(line) or self._turn(line) or self._continue(line, raw)):
            self.unread.append(UnreadLine(number, raw))
        self.break_before = False

    def _scene(self, number: int, line: str) -> bool:
        match = _SCENE.match(line)
        if match:
            title = (match["title"] or "").strip(" *:")
            place = ", ".join(filter(None, [self.act, f"scene {match['number']}" if match["number"] else ""]))
            if self.act or not title:
                title = ": ".join(filter(None, [place, title]))
            self.scenes.append(ParsedScene(title=title, line=number))
            self.header_open, self.speaking, self.key = True, None, None
            return True
        heading = _HEADING.match(line)
        if heading:
            self.act = heading["text"] if heading["text"].casefold().startswith("act ") else ""
            self.speaking = None
        return heading is not None

    def _header(self, line: str) -> bool:
        match = _HEADER.match(line)
        key = match and _ALIASES.get(match["key"].casefold(), match["key"].casefold())
        if match and key in HEADER_KEYS and self.header_open:
            self.scene.headers[key] = match["value"].strip(" *")
            self.key = key
            return True
        if self.key and self.header_open and not _TURN.match(line) and not _ACTION.match(line):
            self.scene.headers[self.key] = f"{self.scene.headers[self.key]} {line}".strip()
            return True
        return False

    def _turn(self, line: str) -> bool:
        action = _ACTION.match(line)
        if action:
            self._add(Turn(speaker="", text=next(filter(None, action.groups())).strip(), kind="action"))
            return True
        match = None if self.play else _TURN.match(line)
        if match:
            self._cue(match["name"], match["manner"])
            self._speak(match["text"])
            return True
        cue = _BOLD_CUE.match(line) or (None if self.play else _PLAIN_CUE.match(line))
        cue = cue or (_CAPS_CUE.match(line) if self.break_before and not self.play else None)
        if cue:
            self._cue(cue["name"], cue["manner"])
        return cue is not None

    def _continue(self, line: str, raw: str) -> bool:
        if not self.speaking:
            return False
        if self.scene.turns[-1].kind == "action":  # a stage direction stood in the middle of a speech
            self._add(self.speaking)
        self._speak(line, joint="\n" if self.break_before or self.verse else " ")
        self.verse = raw.endswith("  ")
        return True

    def _cue(self, name: str, manner: str | None) -> None:
        kind: TurnKind = "speech"
        audience = None
        manner = (manner or "").strip()
        aside = _ASIDE.match(manner)
        if manner.casefold() in _THOUGHT:
            kind = "thought"
        elif aside:
            audience = tuple(re.split(r",\s*|\s+and\s+", aside["names"]))
        elif manner and manner.casefold() not in _SPEECH and not manner.casefold().startswith("to "):
            self._add(Turn(speaker=name, text=manner, kind="action"))
        self.speaking = Turn(speaker=name, text="", kind=kind, audience=audience)
        self._add(self.speaking)
        self.verse = False

    def _speak(self, text: str, joint: str = " ") -> None:
        last = self.scene.turns[-1]
        joined = f"{last.text}{joint}{text}" if last.text and text else last.text or text
        self.scene.turns[-1] = last.model_copy(update={"text": _unquote(joined.strip())})

    def _add(self, turn: Turn) -> None:
        # A cue that nothing followed is no turn.
        if self.scene.turns and not self.scene.turns[-1].text:
            self.scene.turns.pop()
        self.scene.turns.append(turn)
        self.header_open, self.key = False, None


def _unquote(text: str) -> str:
    """Without the quotation marks around a whole speech."""
    for first, last in ('""', "“”"):
        if len(text) > 1 and text[0] == first and text[-1] == last and not set(text[1:-1]) & {first, last}:
            return text[1:-1].strip()
    return text


def render_script(scene: Scene, turns: Iterable[Turn]) -> str:
    """A scene and its turns as a script that `parse_script` reads back."""
    headers = {
        "Type": scene.kind,
        "Location": scene.location,
        "Time": scene.time,
        "Mood": scene.mood,
        "Present": ", ".join(scene.present),
        "Background": scene.background,
    }
    lines = [f"## Scene: {scene.title}".rstrip(), *(f"{key}: {value}" for key, value in headers.items() if value), ""]
    return "\n".join([*lines, *(render_turn(turn) for turn in turns)]) + "\n"


def render_turn(turn: Turn) -> str:
    """One turn as a line of a script."""
    text = " ".join(turn.text.split())
    if turn.kind == "action":
        return f"*{turn.speaker} {text}*" if turn.speaker else f"*{text}*"
    manner = " (thinking)" if turn.kind == "thought" else ""
    if turn.audience is not None and turn.kind == "speech":
        manner = f" (to {', '.join(turn.audience)} only)"
    return f"{turn.speaker}{manner}: {text}"
