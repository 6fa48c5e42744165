"""The script format: what writers write, read by one tolerant parser and written by one renderer.

    ## Scene: The kettle              also  Scene 3:   ### SCENE II. A hall   **Scene 1: The kettle**
    Location: the kitchen             Type, Location, Time, Mood, Present, Background, Purpose, Category, Twin
    Background: It is raining.

    Tony Stark: Morning.              also  **Tony Stark:** Morning.   Tony Stark (speaking): Morning.
    JARVIS (thinking): He is late.    also  **JARVIS** or JARVIS (speaking) alone on a line, its text on the next ones
    Pepper Potts (to Tony Stark only): He hears everything.
    Pepper Potts (aside): And he tells everything.
    JARVIS (dimming the lights)       an action of the speaker, with or without a speech after it
    _Enter a courier_                 also  *...*, (...) or [...] alone on a line: an action of nobody

Nothing is dropped: every line of the input is part of a scene's header, of a turn, one of the `headings` above the
scenes, or listed in `unread` with its number. Only presentation is lost: bold marks, quotation marks around a whole
speech, line numbers, the word "(speaking)", and to whom a line is said that everybody hears.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from roletune.records import Scene, Turn
from roletune.rendering.script_lines import (
    BOLD_CUE,
    CAPS_CUE,
    HEADING,
    PLAIN_CUE,
    SCENE,
    TURN,
    read_action,
    read_header,
    read_manner,
    whole_directions,
)


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
    """What a script holds; `headings` name the whole of it and its acts."""

    scenes: tuple[ParsedScene, ...]
    unread: tuple[UnreadLine, ...]
    headings: tuple[str, ...] = ()


def parse_script(text: str) -> Script:
    """Read a script. A text without any scene header is one scene; scenes without turns are kept (a scene list)."""
    lines = whole_directions(text.splitlines())
    # A play prints its cues in bold on lines of their own; there, "Speak to me:" is verse and not a speaker.
    bold = sum(1 for _, line in lines if BOLD_CUE.match(line.strip()))
    inline = sum(1 for _, line in lines if TURN.match(line.strip()))
    reader = _Reader(play=bold > inline)
    for number, line in lines:
        reader.read(number, line)
    reader.close()
    scenes = tuple(scene for scene in reader.scenes if scene.turns or scene.headers or scene.title)
    return Script(scenes, tuple(sorted(reader.unread, key=lambda line: line.number)), tuple(reader.headings))


class _Reader:
    """The parser's state: the scene being read, whether its header is still open, and what is being continued."""

    def __init__(self, *, play: bool) -> None:
        self.play = play
        self.scenes: list[ParsedScene] = [ParsedScene()]
        self.unread: list[UnreadLine] = []
        self.headings: list[str] = []
        self.act = ""
        self.header_open = True
        self.first_key = ""  # the scene's first header as written: where it comes again, another scene begins
        self.key: str | None = None  # the header that a following line would continue
        self.speaking: Turn | None = None  # the cue that plain text continues, across stage directions
        self.silent: UnreadLine | None = None  # the cue's line, until its speaker says or does a thing
        self.parts: list[str] = []  # of the header or the turn that is open
        self.verse = False  # whether the line before ended in Markdown's hard break
        self.break_before = False  # a blank line came before this one

    @property
    def scene(self) -> ParsedScene:
        return self.scenes[-1]

    def read(self, number: int, raw: str) -> None:
        line = raw.strip()
        if line.strip("-*_= ") == "":
            if self.key and any(self.parts):
                self._settle()
            self.break_before = True
            return
        here = UnreadLine(number, raw)
        read = self._scene(here, line) or self._header(here, line) or self._turn(here, line)
        if not (read or self._continue(line, raw)):
            self.unread.append(here)
        self.break_before = False

    def close(self) -> None:
        """Nobody speaks any more. A cue that nothing followed is no turn: its line is unread."""
        self._settle()
        if self.silent:
            self.unread.append(self.silent)
        self.silent, self.speaking = None, None

    def _scene(self, here: UnreadLine, line: str) -> bool:
        match = SCENE.match(line)
        if match:
            title = (match["title"] or "").strip(" *:")
            place = ", ".join(filter(None, [self.act, f"scene {match['number']}" if match["number"] else ""]))
            if self.act or not title:
                title = ": ".join(filter(None, [place, title]))
            self._begin(title, here.number)
            return True
        heading = HEADING.match(line)
        if not heading:
            return False
        self.close()
        text = heading["text"].rstrip(" #")
        self.act = text if text.casefold().startswith("act ") else ""
        if not self.act and self.scene.turns:
            return False
        self.headings.append(text)
        return True

    def _begin(self, title: str, number: int) -> None:
        self.close()
        self.scenes.append(ParsedScene(title=title, line=number))
        self.header_open, self.first_key = True, ""

    def _header(self, here: UnreadLine, line: str) -> bool:
        header = read_header(line)
        if not header or not self.header_open:
            return False
        written, key, value = header
        if written == self.first_key:
            self._begin("", here.number)
        self._settle()
        self.scene.headers.setdefault(key, "")
        self.first_key = self.first_key or written
        self.key, self.parts = key, [value]
        return True

    def _turn(self, here: UnreadLine, line: str) -> bool:
        action = read_action(line)
        if action:
            self._add(Turn(speaker="", text=action, kind="action"))
            return True
        match = None if self.play else TURN.match(line)
        if match and read_header(line):  # too late for a header, and nobody is called Location
            self.close()
            return False
        if match:
            self._cue(here, match["name"], match["manner"])
            self._speak(match["text"])
            return True
        cue = BOLD_CUE.match(line) or (None if self.play else PLAIN_CUE.match(line))
        cue = cue or (CAPS_CUE.match(line) if self.break_before and not self.play else None)
        if cue:
            self._cue(here, cue["name"].replace(":", ""), cue["manner"])
        return cue is not None

    def _continue(self, line: str, raw: str) -> bool:
        if self.key:
            self.parts.append(line)
            return True
        if not self.speaking:
            return False
        if self.scene.turns[-1].kind == "action":  # a stage direction stood in the middle of a speech
            self._add(self.speaking)
        self._speak(line, joint="\n" if self.break_before or self.verse else " ")
        self.verse = raw.endswith("  ")
        return True

    def _cue(self, here: UnreadLine, name: str, manner: str | None) -> None:
        self.close()
        kind, audience, action = read_manner((manner or "").strip())
        if action:
            self._add(Turn(speaker=name, text=action, kind="action"))
        self.silent = None if action else here
        self.speaking = Turn(speaker=name, text="", kind=kind, audience=audience)
        self._add(self.speaking)
        self.verse = False

    def _speak(self, text: str, joint: str = " ") -> None:
        if text:
            self.parts += [joint, text] if self.parts else [text]
            self.silent = None

    def _add(self, turn: Turn) -> None:
        self._settle()
        self.scene.turns.append(turn)
        self.header_open = False

    def _settle(self) -> None:
        """What was read of the open header or turn becomes its text; a cue without text is taken back."""
        turns = self.scene.turns
        if self.key:
            known = self.scene.headers[self.key]
            self.scene.headers[self.key] = " ".join(filter(None, [known, *self.parts]))
        elif turns and not turns[-1].text:
            cue, text = turns.pop(), _unquote("".join(self.parts).strip())
            if text:
                turns.append(cue.model_copy(update={"text": text}))
        self.key, self.parts = None, []


def _unquote(text: str) -> str:
    """Without the quotation marks around a whole speech."""
    for first, last in ('""', "“”"):
        if len(text) > 2 and text[0] == first and text[-1] == last and not set(text[1:-1]) & {first, last}:
            return text[1:-1].strip() or text
    return text


def render_script(scene: Scene, turns: Iterable[Turn]) -> str:
    """A scene and its turns as a script that `parse_script` reads back, but for line breaks within a text."""
    headers = {
        "Type": scene.kind,
        "Location": scene.location,
        "Time": scene.time,
        "Mood": scene.mood,
        "Present": ", ".join(scene.present),
        "Background": scene.background,
    }
    written = {key: _on_one_line(value) for key, value in headers.items()}
    lines = [f"## Scene: {_on_one_line(scene.title)}".rstrip(), *(f"{k}: {v}" for k, v in written.items() if v), ""]
    return "\n".join([*lines, *(render_turn(turn) for turn in turns)]) + "\n"


def render_turn(turn: Turn) -> str:
    """One turn as a line of a script."""
    text = _on_one_line(turn.text)
    if turn.kind == "action":
        cue = f"{turn.speaker} ({text})"
        if PLAIN_CUE.match(cue) and read_manner(text).action:
            return cue
        text = text.replace("*", "")  # stars within would hide where the action ends
        return f"*{turn.speaker} {text}*" if turn.speaker else f"*{text}*"
    manner = " (thinking)" if turn.kind == "thought" else ""
    if turn.audience is not None and turn.kind == "speech":
        manner = f" (to {', '.join(turn.audience)} only)" if turn.audience else " (aside)"
    return f"{turn.speaker}{manner}: {text}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
