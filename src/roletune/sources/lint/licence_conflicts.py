"""Licences of passages that don't go together: what is made from all of them must keep the terms of each.

Reads Creative Commons and GNU names as wikis and people write them (CC BY-SA 3.0, CC-BY-NC, "Creative Commons
Attribution-ShareAlike", GFDL). This finds what to look at; it is no legal advice.
"""

from __future__ import annotations

import re
from typing import Literal

from roletune.records import Finding, Profile

_SPELLED = (
    (r"attribution", "by"),
    (r"share[\s-]*alike", "sa"),
    (r"non[\s-]*commercial", "nc"),
    (r"no[\s-]*deriv\w*", "nd"),
)
_TERM = re.compile(r"(?<![a-z])(by|sa|nc|nd)(?![a-z])")


def licence_conflicts(profile: Profile) -> list[Finding]:
    """Terms that contradict each other or forbid a derived work, and passages without a licence among others."""
    named = {passage.licence for passage in profile.passages if passage.licence.strip()}
    findings = [
        _finding(profile, f"{licence!r} {told}", {licence}) for licence in sorted(named) if (told := _forbids(licence))
    ]
    findings += [_clash(profile, pair) for pair in _clashing(sorted(named))]
    bare = [passage for passage in profile.passages if not passage.licence.strip()]
    if named and bare:
        message = f"{len(bare)} of {len(profile.passages)} passages have no licence. Say what they are under."
        findings.append(_finding(profile, message, {passage.licence for passage in bare}, severity="note"))
    return findings


def _forbids(licence: str) -> str:
    """Why nothing can be made from what is under it, '' if something can."""
    if "nd" in terms(licence):
        return "allows no derived works, and training data is one. Leave out what is under it."
    if re.search(r"all rights reserved", licence, re.I):
        return "allows nothing. Ask its owner, or leave out what is under it."
    return ""


def terms(licence: str) -> frozenset[str]:
    """The terms of a Creative Commons licence (by, sa, nc, nd), or 'gfdl'; empty for what is not known."""
    text = licence.casefold()
    if "gfdl" in text or "gnu free documentation" in text:
        return frozenset({"gfdl"}) | (terms(text.replace("gfdl", "")) if "cc" in text else frozenset())
    if not re.search(r"(?<![a-z])cc(?![a-z])|creative commons|(?<![a-z])by[\s-]", text):
        return frozenset()
    for spelled, short in _SPELLED:
        text = re.sub(spelled, f" {short} ", text)
    return frozenset(_TERM.findall(text))


def _clashing(licences: list[str]) -> list[tuple[str, str, str]]:
    """Pairs that can't be fulfilled in one work, with the reason."""
    return [(a, b, why) for i, a in enumerate(licences) for b in licences[i + 1 :] if (why := _why(terms(a), terms(b)))]


def _why(a: frozenset[str], b: frozenset[str]) -> str:
    if {"nd"} & (a | b):
        return ""  # told already
    for one, other in ((a, b), (b, a)):
        if "sa" in one and "nc" not in one and "nc" in other:
            return "the first kind must stay free for commerce, the second must not be sold"
        if one == {"gfdl"} and "sa" in other:
            return "each asks for the whole under its own terms"
    return ""


def _clash(profile: Profile, pair: tuple[str, str, str]) -> Finding:
    a, b, why = pair
    if "nc" in terms(a):  # the sentence speaks of the share-alike one first
        a, b = b, a
    message = f"{a!r} and {b!r} can't both hold for one data set: {why}. Keep one kind, or use it privately."
    return _finding(profile, message, {a, b})


def _finding(
    profile: Profile, message: str, licences: set[str], severity: Literal["note", "warning"] = "warning"
) -> Finding:
    sources = dict.fromkeys(passage.source for passage in profile.passages if passage.licence in licences)
    return Finding(check="licences", message=message, where=", ".join([*sources][:3]), severity=severity)
