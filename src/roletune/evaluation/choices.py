"""Which of several lettered options a reply takes.

Small models name a letter and the words of another option ("D) agree", where D is not "agree"): that takes none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

LETTERS = "ABCDEFGH"


def read_letter(reply: str, options: Sequence[str]) -> str | None:
    """The letter that the reply names, or that of the one option whose words it says.

    None for none, for several, and for a letter beside the words of other options.
    """
    letters = LETTERS[: len(options)]
    begun = re.match(rf"\W*(?:the )?(?:answer (?:is )?)?\W*([{letters}])(?:\b[).:,]|\W*$)", reply, re.IGNORECASE)
    said = _said(reply, dict(zip(letters, options, strict=True)))
    if begun and (begun[1].isupper() or len(reply.strip()) < 3):
        return begun[1].upper() if said <= {begun[1].upper()} else None
    named = set(re.findall(rf"(?<![\w'’])([{letters[1:]}])(?![\w'’])|\bA(?=[).:])", reply)) - {""}
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
