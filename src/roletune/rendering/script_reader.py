"""The state of reading a script line by line: which scene is open, who speaks, and what a plain line continues.

Every line becomes part of a header, a turn or a heading, or an `UnreadLine` with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from roletune.records import Turn, TurnKind
from roletune.rendering.script_lines import (
    BOLD_CUE,
    BRACKETED_CUE,
    CAPS_CUE,
    HEADING,
    KIND_MARK,
    MARKED_TURN,
    PLAIN_CUE,
    SCENE,
    TURN,
    read_action,
    read_header,
    read_manner,
    read_remark,
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
    """A line that belongs to nothing, with its number from 1 and why nothing could be made of it."""

    number: int
    text: str
    reason: str = ""


class ScriptReader:
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
        self.loose: list[UnreadLine] = []  # prose after the header: the background, if turns follow
        self.speaking: Turn | None = None  # the cue that plain text continues, across stage directions
        self.silent: UnreadLine | None = None  # the cue's line, until its speaker says or does a thing
        self.parts: list[str] = []  # of the header or the turn that is open
        self.verse = False  # whether the line before ended in Markdown's hard break
        self.break_before = False  # a blank line came before this one

    @property
    def scene(self) -> ParsedScene:
        """The scene that is being read."""
        return self.scenes[-1]

    def read(self, number: int, raw: str) -> None:
        """Take the next line."""
        line = raw.strip()
        if line.strip("-*_= ") == "":
            if self.key and any(self.parts):
                self._settle()
            self.break_before = True
            return
        here = UnreadLine(number, raw)
        if not (
            self._scene(here, line)
            or self._header(here, line)
            or self._remark(here, line)
            or self._turn(here, line)
            or self._continue(line, raw)
        ):
            self.loose.append(replace(here, reason="nobody speaks it"))
        self.break_before = False

    def end(self) -> None:
        """No line follows."""
        self._close()
        self._give_up_loose()

    def _close(self) -> None:
        """Nobody speaks any more. A cue that nothing followed is no turn: its line is unread."""
        self._settle()
        if self.silent:
            self.unread.append(replace(self.silent, reason="a name that says and does nothing"))
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
        self._close()
        text = heading["text"].rstrip(" #")
        self.act = text if text.casefold().startswith("act ") else ""
        if not self.act and self.scene.turns:
            self.unread.append(replace(here, reason="a heading within a scene"))
        else:
            self.headings.append(text)
        return True

    def _begin(self, title: str, number: int) -> None:
        self._close()
        self._give_up_loose()
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
        if not (self.scene.headers or self.scene.title):  # what stands before a scene is no background of it
            self._give_up_loose()
        self.scene.headers.setdefault(key, "")
        self.first_key = self.first_key or written
        self.key, self.parts = key, [value]
        return True

    def _remark(self, here: UnreadLine, line: str) -> bool:
        reason = "" if self.play else read_remark(line)
        if reason and self.silent:  # right under a cue it is what that speaker says
            return self._continue(line, here.text)
        if reason:
            self._close()
            self.unread.append(replace(here, reason=reason))
        return reason != ""

    def _turn(self, here: UnreadLine, line: str) -> bool:
        if self._direction(here, line):
            return True
        match = None if self.play else TURN.match(line)
        if match and read_header(line):  # too late for a header, and nobody is called Location
            self._close()
            self.unread.append(replace(here, reason="a header after the scene began"))
            return True
        if match:
            self._cue(here, match["name"], match["manner"])
            self._speak(match["text"])
            return True
        marked = None if self.play else MARKED_TURN.match(line)
        if marked:
            names = filter(None, (marked["name"] or marked["bracketed"], marked["also"]))
            self._cue(here, "/".join(names), marked["manner"])
            self._speak(marked["text"])
            return True
        cue = BOLD_CUE.match(line) or (None if self.play else PLAIN_CUE.match(line))
        cue = cue or (CAPS_CUE.match(line) if self.break_before and not self.play else None)
        if cue:
            self._cue(here, cue["name"].replace(":", ""), cue["manner"])
        return cue is not None

    def _direction(self, here: UnreadLine, line: str) -> bool:
        """A stage direction alone on its line; in round brackets it may be about who speaks, or how."""
        action = read_action(line)
        if not action:
            return False
        bracketed = line.startswith("(") and not self.play
        cue = BRACKETED_CUE.match(line) if bracketed else None
        if cue:
            self._cue(here, cue["name"], cue["manner"])
            return True
        if bracketed and self.speaking and KIND_MARK.fullmatch(line):
            self.speaking = self.speaking.model_copy(update={"kind": read_manner(action).kind, "audience": None})
            self._add(self.speaking)
            return True
        own = bracketed and self.speaking and (self.silent or action[0].islower())
        self._add(Turn(speaker=self.speaking.speaker if own and self.speaking else "", text=action, kind="action"))
        self.silent = None if own else self.silent
        return True

    def _continue(self, line: str, raw: str) -> bool:
        if self.key:
            self.parts.append(line)
            return True
        if not self.speaking:
            return False
        # A stage direction stood in the middle of a speech, or a thought that ended with its paragraph.
        kind = self.scene.turns[-1].kind
        if kind == "action" or (kind != self.speaking.kind and self.break_before):
            self._add(self.speaking)
        self._speak(line, joint="\n" if self.break_before or self.verse else " ")
        self.verse = raw.endswith("  ")
        return True

    def _cue(self, here: UnreadLine, name: str, manner: str | None) -> None:
        self._close()
        kind, audience, action = read_manner((manner or "").strip())
        if action:
            self._add(Turn(speaker=name, text=action, kind="action"))
        self.silent = None if action else here
        self.speaking = Turn(speaker=name, text="", kind=kind, audience=audience)
        self._add(self.speaking)
        self.verse = False

    def _speak(self, text: str, joint: str = " ") -> None:
        """More of the open turn; `(thinking)` within it makes the rest of the line a thought."""
        first, *marked = (text,) if self.play else KIND_MARK.split(text)
        if marked:
            first, *marked = KIND_MARK.split(_unquote(text))
        self._say(first.rstrip() if marked else first, joint)
        for mark, piece in zip(marked[::2], marked[1::2], strict=True):
            kind = read_manner(mark).kind
            if kind != self.scene.turns[-1].kind:
                self._change_kind(kind, whole=not first)
            self._say(piece.strip(), " ")

    def _change_kind(self, kind: TurnKind, *, whole: bool) -> None:
        if not self.speaking:
            return
        changed = self.speaking.model_copy(update={"kind": kind, "audience": None})
        if whole:  # the mark begins the speech: all of it is of this kind
            self.speaking = changed
        self._add(changed)

    def _say(self, text: str, joint: str) -> None:
        if text:
            self.parts += [joint, text] if self.parts else [text]
            self.silent = None

    def _add(self, turn: Turn) -> None:
        self._settle()
        if self.header_open:
            self._take_loose()
        self.scene.turns.append(turn)
        self.header_open = False

    def _take_loose(self) -> None:
        """Prose between a scene's header and its first turn tells its background."""
        if not (self.scene.headers or self.scene.title):
            self._give_up_loose()
        elif self.loose:
            known = self.scene.headers.get("background", "")
            prose = [line.text.strip() for line in self.loose]
            self.scene.headers["background"] = " ".join(filter(None, [known, *prose]))
            self.loose = []

    def _give_up_loose(self) -> None:
        self.unread += self.loose
        self.loose = []

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
