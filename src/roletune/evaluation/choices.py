"""Which of several lettered options a reply takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LETTERS = "ABCDEFGH"


def read_letter(reply: str, options: Sequence[str]) -> str | None:
    """The letter that the reply names, or that of the one option whose words it says; None for several or none."""
    letters = LETTERS[: len(options)]
    begun = re.match(rf"\W*(?:the )?(?:answer (?:is )?)?\W*([{letters}])(?:\b[).:,]|\W*$)", reply, re.IGNORECASE)
    if begun and (begun[1].isupper() or len(reply.strip()) < 3):
        return begun[1].upper()
    named = set(re.findall(rf"(?<![\w'’])([{letters[1:]}])(?![\w'’])|\bA(?=[).:])", reply)) - {""}
    said = _said(reply, dict(zip(letters, options, strict=True)))
    for found in (said, named):
        if len(found) == 1:
            return found.pop()
    return None


def _said(reply: str, options: Mapping[str, str]) -> set[str]:
    """The letters of the options whose words are said; "strongly agree" does not say "agree" as well."""
    found = set()
    for letter, option in sorted(options.items(), key=lambda pair: -len(pair[1])):
        reply, count = re.subn(rf"(?<!\w){re.escape(option)}(?!\w)", "|", reply, flags=re.IGNORECASE)
        found |= {letter} if count else set()
    return found
