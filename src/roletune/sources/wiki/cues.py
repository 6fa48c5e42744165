"""One line of a wiki transcript -> who speaks, how and what; or an action; or the beginning of a scene.

The dialects of Fandom's transcripts, as lines of `wikitext_lines` with marks:

    '''Ada''': text     '''Ada:''' text     '''Ada''' ''(softly)'': text     * '''Ada (V.O.)''': text
    ;Ada :text          Ada: text           {{Dialogue|Ada|text}} and tables, which come here in the first form
    ''She sits down.''  [She sits down.]    (She sits down.)        ♪ theme ♪      actions of nobody
    [Scene: the hall]   '''Scene 2'''       INT. HALL - NIGHT                      beginnings of scenes

Time is linear in the length of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roletune.records import Turn, TurnKind
from roletune.rendering.script_lines import TURN, read_header, read_manner
from roletune.sources.scripts.cue_names import is_mark, read_cue
from roletune.sources.wiki.marks import BOLD, BOLD_END, DEFINITION, ITALIC, ITALIC_END, TERM

_MARKS = re.compile("[\ue001-\ue007]")
_ANY = "\ue001\ue002\ue003\ue004\ue005\ue006\ue007"
_BOLD = re.compile(rf"{BOLD}(?P<name>[^{_ANY}]{{1,80}}+){BOLD_END}(?P<rest>.*)", re.S)
_TERM = re.compile(rf"{TERM}(?P<name>[^{DEFINITION}{TERM}]{{1,120}}+)(?:{DEFINITION}(?P<text>.*))?", re.S)
_MANNER = re.compile(rf"[{ITALIC}{ITALIC_END}\s]*+[(\[](?P<manner>[^()\[\]]{{1,300}}+)[)\]][{ITALIC}{ITALIC_END}\s]*+")
_COLON = re.compile(rf"[{ITALIC}{ITALIC_END}\s]*+(?:[:：]|[–—]\s|-\s)[{ITALIC_END}]?")
_LEAD = re.compile(rf"^(?:{DEFINITION}|-\s++|\s)++")
_WHOLE = re.compile(
    rf"(?:{ITALIC}(?P<a>[^{ITALIC}{ITALIC_END}]++){ITALIC_END}|\[(?P<b>[^\[\]]++)\]|\((?P<c>[^()]++)\))[.\s]*+"
)
_MUSIC = re.compile(r"[♪♫♬].*")
# A direction within a speech: brackets, or parentheses in italics.
_INNER = re.compile(
    rf"{ITALIC}?\[(?P<a>[^\[\]]{{1,400}}+)\]{ITALIC_END}?|{ITALIC}\((?P<b>[^()]{{1,400}}+)\){ITALIC_END}"
    rf"|\({ITALIC}(?P<c>[^()]{{1,400}}+){ITALIC_END}\)"
)
_SCENE = re.compile(
    r"(?:the\s)?scene\b(?:\s(?:changes|shifts|switches|cuts|moves|opens|fades|transitions))?(?:\s(?:to|in|on|at|into))?"
    r"\s*+[:.\-–—]?\s*+(?P<title>.*)",
    re.I | re.S,
)
_SLUGLINE = re.compile(r"(?:INT|EXT|I/E|INT\.?/EXT)\b[. ].*")
_NOT_SPEAKERS = {"written by", "directed by", "story by", "airdate", "air date", "note", "notes", "episode", "season"}
_NOT_SPEAKERS |= {"transcript", "written", "directed", "previous", "next", "characters", "main article", "source"}


@dataclass(frozen=True)
class Cue:
    """Somebody begins to speak: `turns` are what they do and say on this line; the last one goes on on the next."""

    name: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class SceneBreak:
    """A scene begins; its title may be ""."""

    title: str


def plain(text: str) -> str:
    """Text without marks."""
    return " ".join(_MARKS.sub("", text).split())


def read_cue_line(line: str, *, names: bool = True) -> Cue | None:
    """A line that begins with its speaker, None for any other; `names` also takes `Ada: text` without bold."""
    bare = _LEAD.sub("", line)
    term = _TERM.fullmatch(bare)
    if term:
        return _cue(term["name"].replace(BOLD, "").replace(BOLD_END, ""), term["text"] or "")
    bold = _BOLD.fullmatch(bare)
    if bold:
        return _bold_cue(bold["name"], bold["rest"])
    unmarked = TURN.match(_plain_colon(plain(bare))) if names else None
    if unmarked and BOLD not in bare[:1]:
        said = bare[bare.index("：" if "：" in bare and ":" not in bare.partition("：")[0] else ":") + 1 :]
        return _cue(f"{unmarked['name']} ({unmarked['manner']})" if unmarked["manner"] else unmarked["name"], said)
    return None


def read_action_line(line: str) -> str:
    """What a line that is a stage direction as a whole says, "" for any other."""
    bare = _LEAD.sub("", line).strip()
    whole = _WHOLE.fullmatch(bare)
    if whole:
        inner = plain(next(filter(None, whole.groups())))
        again = _WHOLE.fullmatch(inner)  # brackets within italics
        return next(filter(None, again.groups())).strip() if again else inner
    text = plain(bare)
    return text if _MUSIC.fullmatch(text) or (text[:1] + text[-1:] == "[]" and "[" not in text[1:]) else ""


def read_scene_line(line: str) -> SceneBreak | None:
    """A line that begins a scene: a slug line, bold text alone, or a direction that says so."""
    bare = _LEAD.sub("", line).strip()
    text = plain(bare)
    if _SLUGLINE.fullmatch(text):
        return SceneBreak(text)
    direction = read_action_line(line)
    scene = _SCENE.fullmatch(direction or text)
    if scene and (direction or bare.startswith(BOLD) or text.casefold().startswith("scene:")):
        title = scene["title"].strip(" .:")
        return SceneBreak(title if re.search(r"[^\W\d_]{2}", title) else (direction or text).strip(" .:"))
    bold = _BOLD.fullmatch(bare)
    alone = bold is not None and not bold["rest"].strip() and not bold["name"].strip().endswith(":")
    return SceneBreak(text) if alone else None


def _plain_colon(text: str) -> str:
    return text if ":" in text.partition("：")[0] else text.replace("：", ": ", 1)


def _bold_cue(name: str, rest: str) -> Cue | None:
    """After the bold name: directions, the colon unless it is bold too, and the speech."""
    colon = name.rstrip().endswith((":", "："))
    while not colon:
        manner = _MANNER.match(rest)
        found = _COLON.match(rest)
        if found:
            colon, rest = True, rest[found.end() :]
        elif manner:
            name, rest = f"{name} ({manner['manner']})", rest[manner.end() :]
        else:
            return None
    return _cue(name, rest)


def _cue(printed: str, said: str) -> Cue | None:
    name, manners = _name_and_manners(plain(printed))
    if not _is_name(name):
        return None
    kind: TurnKind = "speech"
    audience: tuple[str, ...] | None = None
    actions: list[str] = []
    while match := _MANNER.match(said):
        if not re.search(r"\w", said[match.end() :]) and actions:
            break
        manners.append(match["manner"])
        said = said[match.end() :]
    for manner in manners:
        how = read_manner(plain(manner))
        kind = how.kind if how.kind != "speech" else kind
        audience = how.audience if how.audience is not None else audience
        if how.action and not is_mark(how.action):
            actions.append(how.action)
    turns = [Turn(speaker=name, text=action, kind="action") for action in actions]
    turns += [
        turn.model_copy(update={"kind": kind, "audience": audience} if turn.kind == "speech" else {})
        for turn in read_speech(name, said)
    ]
    return Cue(name, tuple(turns))


def read_speech(name: str, said: str) -> Iterator[Turn]:
    """What somebody says, with directions inside it as actions."""
    done = 0
    for match in [*_INNER.finditer(said), None]:
        text = _unquoted(plain(said[done : match.start() if match else len(said)]).lstrip(":").strip())
        if re.search(r"\w|[?!…♪]", text):
            yield Turn(speaker=name, text=text)
        if match:
            yield Turn(speaker=name, text=plain(next(filter(None, match.groups()))), kind="action")
            done = match.end()


def _name_and_manners(printed: str) -> tuple[str, list[str]]:
    name, manners = read_cue(printed.replace("[", "(").replace("]", ")").strip(" :："))
    return name, list(manners)


def _is_name(name: str) -> bool:
    if not name or len(name) > 60 or len(name.split()) > 8 or not re.search(r"[^\W\d_]", name):
        return False
    return name.casefold() not in _NOT_SPEAKERS and read_header(f"{name}: x") is None


def _unquoted(text: str) -> str:
    for first, last in ('""', "“”"):
        if len(text) > 2 and text[0] == first and text[-1] == last and not {first, last} & set(text[1:-1]):
            return text[1:-1].strip()
    return text
