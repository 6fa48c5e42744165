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

Models write further forms, which are read for what they mean: `Name (speaking) text` without a colon, a second name in
brackets (`Tony Stark (Iron Man) (speaking)` is the speaker "Tony Stark/Iron Man"), `(thinking)` within a speech or
alone on a line, round brackets under a cue or in small letters (an action of who speaks), prose between a scene's
header and its first turn (more of the background).

Nothing is dropped: every line of the input is part of a scene's header, of a turn, one of the `headings` above the
scenes, or listed in `unread` with its number and a reason. Only presentation is lost: bold marks, quotation marks
around a whole speech, line numbers, the words "(speaking)" and "(thinking)", and to whom a line is said that everybody
hears.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from roletune.records import Scene, Turn
from roletune.rendering.script_lines import BOLD_CUE, PLAIN_CUE, TURN, read_manner, whole_directions
from roletune.rendering.script_reader import ParsedScene, ScriptReader, UnreadLine

__all__ = ["ParsedScene", "Script", "UnreadLine", "parse_script", "render_script", "render_turn"]


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
    reader = ScriptReader(play=bold > inline)
    for number, line in lines:
        reader.read(number, line)
    reader.end()
    scenes = tuple(scene for scene in reader.scenes if scene.turns or scene.headers or scene.title)
    return Script(scenes, tuple(sorted(reader.unread, key=lambda line: line.number)), tuple(reader.headings))


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
