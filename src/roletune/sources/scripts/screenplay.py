"""Screenplays, Fountain and Final Draft (FDX): their elements become scenes with turns.

    scene heading             a scene: its title as printed, Location and Time where the heading tells them
    cue, dialogue             a turn of speech; (V.O.), (O.S.), (O.C.), (CONT'D) and the ^ of dual dialogue are removed
    (parenthetical), ANNA (on the phone)      an action of the speaker before the speech; (thinking) makes it a thought
    action, transition, lyrics, centred text  an action of nobody
    # Act one                 Part of the scenes after it, or the title of a scene that has no heading
    = synopsis                Background of its scene
    title page                title, facts, and Copyright as the licence
    [[note]], /* boneyard */, script notes, omitted scenes    what the author took out: listed as unread

Nothing else is left out but presentation: emphasis marks, page breaks, indentation, and FDX's settings. Dual dialogue
is two turns, the left one first. Both readers are linear in the size of the file.

The package screenplay-tools is not used: it loses all that follows an unclosed `/*`, the styled runs and the dual
dialogue of FDX, and cues that don't begin with A to Z; the tests ask it for what it does read.
"""

from __future__ import annotations

import re

from roletune.errors import SourceError
from roletune.records import Turn
from roletune.rendering.script import ParsedScene, UnreadLine
from roletune.rendering.script_lines import Manner, read_manner
from roletune.sources.reading import Reading
from roletune.sources.scripts.cue_names import is_mark, read_cue
from roletune.sources.scripts.elements import Element
from roletune.sources.scripts.fdx import fdx_elements
from roletune.sources.scripts.fountain import fountain_elements
from roletune.sources.text import decode
from roletune.sources.xml_tree import parse_xml

_INDOORS = re.compile(r"^(?:(?:INT|EXT|EST|I/E)\b[./ ]*)+", re.I)
_TIMES = re.compile(
    r"\b(?:day|night|morning|evening|afternoon|noon|midnight|dawn|dusk|sunrise|sunset|later|continuous|same|moments"
    r"|tag|nacht|morgen|abend|jour|nuit|matin|soir)\b",
    re.I,
)
_UNFINISHED = "has no dialogue in it. Fountain wants a cue in capitals after an empty line, and the dialogue below it."


def read_fountain(data: bytes, name: str) -> Reading:
    """A Fountain screenplay. Raises SourceError for what is no text, and for a text in which nobody speaks."""
    facts, elements = fountain_elements(decode(data, name))
    reading = _reading(elements, facts)
    if not any(turn.speaker for scene in reading.scenes for turn in scene.turns):
        raise SourceError(f"{name} {_UNFINISHED}")
    return reading


def read_fdx(data: bytes, name: str) -> Reading:
    """A Final Draft script. Raises SourceError for what is no such XML."""
    facts, elements = fdx_elements(parse_xml(data, name), name)
    return _reading(elements, facts)


def _reading(elements: list[Element], facts: dict[str, str]) -> Reading:
    builder = _Builder()
    for element in elements:
        builder.add(element)
    builder.close()
    title = next((value for key, value in facts.items() if key.casefold() == "title"), "")
    licence = next((value for key, value in facts.items() if key.casefold() == "copyright"), "")
    unread = tuple(sorted(builder.unread, key=lambda line: line.number))
    scenes = tuple(scene for scene in builder.scenes if scene.turns or scene.title or scene.headers)
    return Reading(title=" ".join(title.split()), scenes=scenes, unread=unread, licence=licence, facts=facts)


class _Builder:
    """Elements in order -> scenes; what is open are the cue that speaks and the sections that no scene has taken."""

    def __init__(self) -> None:
        self.scenes = [ParsedScene()]
        self.unread: list[UnreadLine] = []
        self.sections: dict[int, Element] = {}  # level -> the section that is open
        self.untaken: list[Element] = []
        self.cue: Element | None = None
        self.speaker = ""
        self.manner = Manner()
        self.said = False  # whether the cue has led to a turn
        self.speech: list[str] = []
        self.action: list[str] = []
        self.gist: list[str] = []  # the synopsis of the scene that is open

    def add(self, element: Element) -> None:
        match element.kind:
            case "heading":
                self._heading(element)
            case "section":
                self._section(element)
            case "comment":
                self._unread(element, "a note of the author")
            case "cue":
                self._cue(element)
            case "parenthetical" | "dialogue":
                self._within_speech(element)
            case "synopsis":
                self._content(element)
                self.gist.append(element.text)
            case "break":
                self._settle_action()
                if self.speech:
                    self.speech.append("\n")
            case "action":
                self._content(element)
                self.action.append(element.text)

    def close(self) -> None:
        """Nobody speaks any more, and nothing is pending."""
        self._settle()
        if self.gist:
            self.scenes[-1].headers["background"] = " ".join(self.gist)
        for section in self.untaken:
            self._unread(section, "a section without a scene")
        self.gist, self.untaken = [], []

    def _heading(self, element: Element) -> None:
        part = self._take_sections()
        self._begin(element.text, element.number, ({"part": part} if part else {}) | _place(element))

    def _begin(self, title: str, number: int, headers: dict[str, str]) -> None:
        self.close()
        self.scenes.append(ParsedScene(title, headers, line=number))

    def _take_sections(self) -> str:
        """The open sections, outermost first, for a scene; one that another followed at once stays untaken."""
        taken = list(self.sections.values())
        self.untaken = [section for section in self.untaken if section not in taken]
        return ", ".join(section.text for section in taken)

    def _section(self, element: Element) -> None:
        self._settle()
        self.sections = {level: open_ for level, open_ in self.sections.items() if level < element.level}
        self.sections[element.level] = element
        self.untaken.append(element)

    def _content(self, element: Element) -> None:
        """Something is to be put into the scene: what was open is closed, and a section without heading is a scene."""
        if self.cue:
            self._settle()
        if self.untaken:
            self._begin(self._take_sections(), element.number, {})

    def _cue(self, element: Element) -> None:
        self._settle()
        self._content(element)
        self.speaker, manners = read_cue(element.text)
        self.cue, self.manner, self.said = element, Manner(), False
        for manner in manners:
            self._say_how(manner)

    def _within_speech(self, element: Element) -> None:
        if not self.cue:  # FDX lets one write dialogue of nobody
            self._unread(element, "no speaker is named")
        elif element.kind == "dialogue":
            self.speech.append(element.text)
        elif not is_mark(element.text):
            self._settle_speech()
            self._say_how(element.text)

    def _say_how(self, text: str) -> None:
        manner = read_manner(text)
        if manner.action:
            self._turn(Turn(speaker=self.speaker, text=manner.action, kind="action"))
        else:
            self.manner = manner

    def _turn(self, turn: Turn) -> None:
        self.scenes[-1].turns.append(turn)
        self.said = True

    def _settle(self) -> None:
        self._settle_action()
        self._settle_speech()
        if self.cue and not self.said:
            self._unread(self.cue, "a cue without a speech")
        self.cue = None

    def _unread(self, element: Element, reason: str) -> None:
        self.unread.append(UnreadLine(element.number, element.text, reason))

    def _settle_speech(self) -> None:
        text = _joined(self.speech)
        self.speech = []
        if text:
            kind, audience, _ = self.manner
            self._turn(Turn(speaker=self.speaker, text=text, kind=kind, audience=audience))

    def _settle_action(self) -> None:
        text = _joined(self.action)
        self.action = []
        if text:
            self.scenes[-1].turns.append(Turn(speaker="", text=text, kind="action"))


def _joined(parts: list[str]) -> str:
    """Lines of one paragraph follow one another; a break between paragraphs is one line break."""
    paragraphs = " ".join(parts).split("\n")
    return "\n".join(filter(None, (" ".join(paragraph.split()) for paragraph in paragraphs)))


def _place(heading: Element) -> dict[str, str]:
    """Location and time of `INT. HOUSE - KITCHEN - DAY`; what comes after the last dash is a time if it reads so."""
    place = _INDOORS.sub("", heading.text).strip()
    before, dash, after = place.replace(" – ", " - ").replace(" — ", " - ").rpartition(" - ")
    if not (dash and _TIMES.search(after)):
        before, after = place, ""
    headers = {"location": before.strip(" -"), "time": after.strip(), "number": heading.label}
    return {key: value for key, value in headers.items() if value}
