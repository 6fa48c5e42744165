"""What is in a passage that nobody wrote about the character: furniture of web pages, headings, broken characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from roletune.records import Finding, Passage, Profile

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_FOREIGN = re.compile(r"[\u0080-\u024f\u02c6\u02dc\u2013-\u2122]{2,}")  # what bytes of UTF-8 look like in Windows-1252
_MARKUP_HEADING = re.compile(r"\s*(?:#{1,6}\s\S|={2,6}[^=]+={2,6}\s*$)")
_ENDS = (*".!?…:;。！？：；", '"', "”", "»", ")", "]", "*", "」")
_HEADING_WORDS = 8
_LONGEST_QUOTE = 50


def boilerplate(profile: Profile) -> list[Finding]:
    """Navigation, cookie notices, edit links, reference lists and their marks, left over from a web page."""
    findings = []
    for kind, (pattern, cure) in _furniture().items():
        found = [(match, passage) for passage in profile.passages if (match := pattern.search(passage.text))]
        if found:
            match, passage = found[0]
            message = f"{kind} in {_number(len(found), 'passage')}, as in {_around(passage.text, match)}. {cure}"
            findings.append(Finding(check="boilerplate", message=message, where=_places(p for _, p in found)))
    return findings


def headings(profile: Profile) -> list[Finding]:
    """Passages that are only the title of what follows: scenes made from them are about nothing."""
    return [
        Finding(
            check="heading",
            message=f"{passage.text.strip()!r} is a title, not a passage. Mark it as a heading (# ...) or cut it.",
            where=passage.source,
        )
        for passage in profile.passages
        if _is_heading(passage.text.strip())
    ]


def broken_encoding(profile: Profile) -> list[Finding]:
    """Letters that were read in the wrong encoding ('Ã©' for 'é'), replacement and control characters."""
    findings = []
    for kind, found in (
        ("wrong", [(told, passage) for passage in profile.passages if (told := _misread(passage.text))]),
        ("lost", [("'\ufffd'", passage) for passage in profile.passages if "\ufffd" in passage.text]),
        ("control", [(repr(m[0]), passage) for passage in profile.passages if (m := _CONTROL.search(passage.text))]),
    ):
        if found:
            message = f"{found[0][0]} in {_number(len(found), 'passage')}: {_ENCODING[kind]}"
            findings.append(Finding(check="encoding", message=message, where=_places(p for _, p in found)))
    return findings


_ENCODING = {
    "wrong": "UTF-8 that was read as Windows-1252. Export the source again as UTF-8.",
    "lost": "letters that were lost when the text was converted. Take them from the original.",
    "control": "a control character, which no text needs. Delete it.",
}


@cache
def _furniture() -> dict[str, tuple[re.Pattern[str], str]]:
    """From boilerplate.yaml: kind -> (what it looks like, what to do)."""
    import yaml

    kinds = yaml.safe_load(files("roletune.sources.lint").joinpath("boilerplate.yaml").read_text("utf-8"))
    return {
        kind: (re.compile("|".join(f"(?:{pattern})" for pattern in one["patterns"]), re.I), one["cure"])
        for kind, one in kinds.items()
    }


def _is_heading(text: str) -> bool:
    if _MARKUP_HEADING.match(text):
        return True
    words = text.split()
    return len(words) <= _HEADING_WORDS and len(text) <= 60 and not text.endswith(_ENDS)


def _misread(text: str) -> str:
    """ "'Ã©' should be 'é'" for the first such place, '' if there is none."""
    for match in _FOREIGN.finditer(text):
        for start in range(len(match[0]) - 1):
            for end in range(min(len(match[0]), start + 4), start + 1, -1):
                right = _decoded(match[0][start:end])
                if right:
                    return f"{match[0][start:end]!r} should be {right!r}"
    return ""


def _decoded(run: str) -> str:
    """The one character that `run` is as UTF-8, if its letters are read as the bytes they have in Windows-1252."""
    try:
        right = b"".join(_byte(letter) for letter in run).decode()
    except UnicodeError:
        return ""
    return right if len(right) == 1 else ""


def _byte(letter: str) -> bytes:
    # Five bytes have no letter in Windows-1252; programs keep them as control characters.
    return letter.encode("latin-1") if "\x80" <= letter <= "\x9f" else letter.encode("cp1252")


def _around(text: str, match: re.Match[str]) -> str:
    start = max(0, match.start() - 15)
    return repr(text[start : start + _LONGEST_QUOTE].strip())


def _places(passages: Iterator[Passage]) -> str:
    sources = list(dict.fromkeys(passage.source for passage in passages))
    return ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
