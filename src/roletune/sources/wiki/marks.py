"""Bold, italics and lists as marks: single private characters in a line of text, which patterns can match.

Apostrophes are read line by line, as MediaWiki reads them.
"""

from __future__ import annotations

import re

BOLD, BOLD_END, ITALIC, ITALIC_END, TERM, DEFINITION, RULE = "\ue001\ue002\ue003\ue004\ue005\ue006\ue007"

_MARKS = re.compile("[\ue001-\ue007]")
_APOSTROPHES = re.compile("'{2,}")
_END = {BOLD: BOLD_END, ITALIC: ITALIC_END}


def styled(line: str, marks: bool) -> str:
    """A line with its apostrophes as marks, or without them; what the line does not close ends with it."""
    if "''" not in line:
        return line
    if not marks:
        return _APOSTROPHES.sub(_kept, line)
    state = {BOLD: False, ITALIC: False}

    def sign(match: re.Match[str]) -> str:
        changed = {2: [ITALIC], 3: [BOLD], 4: [BOLD], 5: [BOLD, ITALIC]}[min(5, len(match[0]))]
        if len(changed) > 1 and state[BOLD]:
            changed = [ITALIC, BOLD]
        for mark in changed:
            state[mark] = not state[mark]
        return _kept(match) + "".join(mark if state[mark] else _END[mark] for mark in changed)

    return _APOSTROPHES.sub(sign, line) + "".join(_END[mark] for mark in (ITALIC, BOLD) if state[mark])


def _kept(match: re.Match[str]) -> str:
    """Of four apostrophes, and of more than five, some are text."""
    count = len(match[0])
    return "'" * (1 if count == 4 else max(0, count - 5))


def unmarked(text: str) -> str:
    """Text without marks and without the apostrophes that stand for them."""
    return _MARKS.sub("", styled(text, False)).strip()
