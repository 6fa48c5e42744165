"""What Character-LLM's programs leave on disk, and those of projects that use them (NYU JARVIS).

    raw        {"prompt", "completions", "check_result", "retry_time", "gen_answer_id"}   a call of the model
    scenes     {"type", "location", "background", "profile"}                              what was parsed of one
    dialogues  {"setting": [...], "dialogue": [{"role", "action", "content"}], "location", "background"}
    training   {"prompt", "output"}                                  turns that end in the text <|eot|>

A completion is read by the parser of scripts, so that what that project's own parser drops is kept: blocks of one line
or of more than three, brackets within a speech, speech after a blank line. What was asked for (type, place, and in one
sentence what happens) comes from the prompt, and so does the passage that it was about. Failed calls are counted where
another try succeeded and unread where none did; every line of a completion that is no header, turn or heading is
unread with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from roletune.records import SceneKind
from roletune.rendering.script import ParsedScene, UnreadLine, parse_script
from roletune.sources.datasets.character_llm_turns import read_turns
from roletune.sources.json_documents import JsonDocument, JsonDocuments, read_json
from roletune.sources.reading import Paragraph, Reading

_CONTEXT = "Context:\n"
_CONTEXT_ENDS = ("\n\nImagine ", "\n\nThe setting is as follows")
_ASKED = re.compile(r"^(?:- )?(Type|Location|Status): (.*)$", re.M)
_END_OF_TURN = "<|eot|>"


def read_character_llm(data: bytes, name: str) -> Reading:
    """Scenes and dialogues of a raw, parsed or training file, and the passages that they were made from.

    A scene's `line` is where its JSON document begins. Raises SourceError for a file that holds no JSON.
    """
    found = read_json(data, name)
    told = _Told(found, unread=list(found.broken))
    for document in found.documents:
        told.read(document)
    return Reading(
        paragraphs=tuple(told.paragraphs.values()),
        scenes=tuple(told.scenes),
        unread=tuple(sorted([*told.unread, *told.failures()], key=lambda line: line.number)),
        notices=told.notices(),
    )


@dataclass
class _Told:
    """What was read so far."""

    found: JsonDocuments
    unread: list[UnreadLine]
    scenes: list[ParsedScene] = field(default_factory=list)
    paragraphs: dict[str, Paragraph] = field(default_factory=dict)
    completions: set[tuple[str, str]] = field(default_factory=set)
    answered: set[tuple[str, str]] = field(default_factory=set)
    failed: list[JsonDocument] = field(default_factory=list)
    repeated: int = 0

    def read(self, document: JsonDocument) -> None:
        row = document.value if isinstance(document.value, dict) else {}
        kind = next((read for keys, read in _KINDS if keys <= set(row)), None)
        if kind is None:
            self.unread.append(self.found.unread(document, "neither a completion nor a scene of Character-LLM"))
        else:
            kind(self, document, row)

    def completion(self, document: JsonDocument, row: dict[str, Any]) -> None:
        """A call of the model: its completion is a script, its prompt tells what was asked for."""
        prompt, text = _text(row, "prompt"), _completion(row)
        self.passage(_context(prompt), document)
        if not text or row.get("check_result") is False:
            self.failed.append(document)
            return
        self.answered.add(_call(row))
        if (prompt, text) in self.completions:
            self.repeated += 1
            return
        self.completions.add((prompt, text))
        self.script(text, document, f"answer {row.get('gen_answer_id', document.line)}")
        self.asked(prompt)

    def script(self, text: str, document: JsonDocument, where: str) -> None:
        script = parse_script(text)
        self.unread += [
            UnreadLine(document.line, line.text, f"{where}, line {line.number}: {line.reason}")
            for line in script.unread
        ]
        self.unread += [UnreadLine(document.line, heading, f"{where}: a heading") for heading in script.headings]
        if not script.scenes:
            self.unread.append(UnreadLine(document.line, "", f"{where}: it holds no scene"))
        self.scenes += [replace(scene, line=document.line) for scene in script.scenes]

    def asked(self, prompt: str) -> None:
        """What the prompt asked for goes to the scene that was read last, where that does not tell it itself."""
        asked = {key.casefold(): value.strip() for key, value in _ASKED.findall(_after(prompt, _CONTEXT_ENDS[1]))}
        if not asked or not self.scenes:
            return
        scene = self.scenes[-1]
        scene.title = scene.title or asked.get("status", "").rstrip(".")
        if asked.get("type", "").casefold() in get_args(SceneKind):
            scene.headers.setdefault("type", asked["type"])
        if asked.get("location"):
            scene.headers.setdefault("location", asked["location"])

    def parsed(self, document: JsonDocument, row: dict[str, Any]) -> None:
        """A scene as their own parsers write it, with its dialogue or without."""
        self.passage(_text(row, "profile"), document)
        turns, lost = read_turns(row.get("dialogue"))
        self.unread += [UnreadLine(document.line, text, reason) for text, reason in lost]
        setting = row.get("setting")
        lines = setting if isinstance(setting, list) else [setting]
        told = " ".join(re.sub(r"^\s*Background:\s*", "", line).strip() for line in lines if isinstance(line, str))
        asked = _text(row, "background")
        headers = {key: _text(row, key) for key in ("type", "location")} | {"background": told or asked}
        headers = {key: value for key, value in headers.items() if value}
        if turns or headers:
            title = asked.rstrip(".") if told else ""
            self.scenes.append(ParsedScene(title=title, headers=headers, turns=turns, line=document.line))
        elif not lost:
            self.unread.append(self.found.unread(document, "it holds no scene"))

    def training(self, document: JsonDocument, row: dict[str, Any]) -> None:
        """A training example: its status is the background, its turns are lines of a script."""
        before = len(self.scenes)
        self.script(_text(row, "output").replace(_END_OF_TURN, "\n"), document, "output")
        asked = {key.casefold(): value.strip() for key, value in _ASKED.findall(_text(row, "prompt"))}
        for scene in self.scenes[before:]:
            for key, told in (("location", "location"), ("status", "background")):
                if asked.get(key):
                    scene.headers.setdefault(told, asked[key])

    def passage(self, text: str, document: JsonDocument) -> None:
        heading = "; ".join(line.strip("# ") for line in text.splitlines() if line.startswith("#"))
        prose = "\n".join(line for line in text.splitlines() if not line.startswith("#")).strip()
        if prose and prose not in self.paragraphs:
            self.paragraphs[prose] = Paragraph(prose, heading, start=document.start, end=document.end)

    def failures(self) -> Iterable[UnreadLine]:
        """Calls that never succeeded."""
        for document in self.failed:
            if _call(document.value) not in self.answered:
                tries = document.value.get("retry_time", 1)
                reason = f"the model's call failed ({tries} tries) and no other one gave its answer"
                if document.value.get("check_result") is False and _completion(document.value):
                    reason = "its own project found it wrong (check_result is false)"
                yield UnreadLine(document.line, _completion(document.value), reason)

    def notices(self) -> tuple[str, ...]:
        retried = sum(_call(document.value) in self.answered for document in self.failed)
        told = (
            (len(self.completions), "completions were read."),
            (retried, "failed calls were left out: another try succeeded."),
            (len(self.failed) - retried, "calls failed for good and are listed as unread."),
            (self.repeated, "completions were left out: the same answer to the same prompt came before."),
        )
        return tuple(f"{count:,} {what}" for count, what in told if count)


_Kind = Callable[[_Told, JsonDocument, dict[str, Any]], None]

# Keys that a document has -> how it is read; what is only found in one kind comes first.
_KINDS: tuple[tuple[frozenset[str], _Kind], ...] = (
    (frozenset({"prompt", "completions"}), _Told.completion),
    (frozenset({"prompt", "completion"}), _Told.completion),
    (frozenset({"dialogue"}), _Told.parsed),
    (frozenset({"location", "background"}), _Told.parsed),
    (frozenset({"prompt", "output"}), _Told.training),
)


def _call(row: dict[str, Any]) -> tuple[str, str]:
    """Which call it is, whatever came of it: prompts are repeated on purpose, numbers are used again by mistake."""
    return str(row.get("gen_answer_id", "")), _text(row, "prompt")


def _completion(row: dict[str, Any]) -> str:
    return _text(row, "completions") or _text(row, "completion")


def _context(prompt: str) -> str:
    """The passage that a prompt is about, "" for another kind of prompt."""
    if not prompt.startswith(_CONTEXT):
        return ""
    ends = [place for end in _CONTEXT_ENDS if (place := prompt.find(end)) >= 0]
    return prompt[len(_CONTEXT) : min(ends)].strip() if ends else ""


def _after(text: str, mark: str) -> str:
    return text.partition(mark)[2]


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    return value.strip() if isinstance(value, str) else ""
