"""Licences as people and wikis write them, ordered by what they ask: the most restrictive of all sources wins.

The order is a rule of thumb that never promises more than a source allows, and no legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import combinations

UNKNOWN = "unknown"


class Restriction(IntEnum):
    """What a licence asks of those who use the text, from nothing to everything."""

    NONE = 0  # public domain, CC0
    NOTICE = 1  # permissive: keep the notice
    ATTRIBUTION = 2  # CC BY
    SHARE_ALIKE = 3  # CC BY-SA, GFDL: what is made from it is under the same licence
    NON_COMMERCIAL = 4  # CC BY-NC
    NON_COMMERCIAL_SHARE_ALIKE = 5  # CC BY-NC-SA
    NO_DERIVATIVES = 6  # CC BY-ND, CC BY-NC-ND: nothing may be made from it
    UNKNOWN = 7  # not stated, or all rights reserved


# Two letters are a licence only in its company: `sa` and `mit` are words of other languages.
_NC = r"(?:non[ -]?commercial|\bby[ -]nc\b)"
_SA = r"(?:share[ -]?alike|\b(?:by|nc)[ -]sa\b)"
_ND = r"(?:no[ -]?deriv\w*|\b(?:by|nc)[ -]nd\b)"
# The first pattern that is found decides: what asks more comes first.
_LICENCES: tuple[tuple[re.Pattern[str], Restriction], ...] = tuple(
    (re.compile(pattern, re.I | re.S), restriction)
    for pattern, restriction in (
        (r"all rights reserved|fair use|copyrighted|proprietary", Restriction.UNKNOWN),
        (_ND, Restriction.NO_DERIVATIVES),
        (rf"^(?=.*{_NC})(?=.*{_SA})", Restriction.NON_COMMERCIAL_SHARE_ALIKE),
        (_NC, Restriction.NON_COMMERCIAL),
        (rf"{_SA}|gfdl|gnu free documentation|\b[al]?gpl\b|open database licen", Restriction.SHARE_ALIKE),
        (
            r"\bcc[ -]by\b|creative commons attribution|creativecommons\.org/licenses/by/|\bogl\b",
            Restriction.ATTRIBUTION,
        ),
        (r"\bapache\b|(?-i:\bMIT\b)|\bbsd\b|(?-i:\bISC\b)|\bzlib\b|\bmpl\b", Restriction.NOTICE),
        (r"public[ -]?domain|\bcc[ -]?0\b|\bcc zero\b|publicdomain/|\bunlicense\b|(?-i:\bPDM?\b)", Restriction.NONE),
    )
)


def restriction(licence: str) -> Restriction:
    """What a licence asks; one that is not known counts as the most restrictive."""
    return next((found for pattern, found in _LICENCES if pattern.search(licence)), Restriction.UNKNOWN)


def most_restrictive(licences: Iterable[str]) -> str:
    """The licence that wins, as it is written, `unknown` for one that is not stated; "" if there are none."""
    found = list(licences)
    return max(found, key=restriction).strip() or UNKNOWN if found else ""


def allows_commercial_use(licences: Iterable[str]) -> bool:
    """Whether no licence forbids commercial use; what is not known is no permission."""
    return all(
        restriction(licence) < Restriction.NON_COMMERCIAL or _only_no_derivatives(licence) for licence in licences
    )


def _only_no_derivatives(licence: str) -> bool:
    return restriction(licence) is Restriction.NO_DERIVATIVES and not re.search(_NC, licence, re.I)


def conflicts(licences: Sequence[str]) -> list[str]:
    """Sentences about licences that can't be kept together, or that forbid what roletune does."""
    told = list(dict.fromkeys(licence.strip() for licence in licences))
    warnings = [
        f"{one} and {other} can't both be kept in one work: the first asks for the same licence, the second forbids "
        "commercial use. Share neither the data nor the adapter, or leave one of them out."
        for one, other in _pairs(told)
    ]
    for licence in told:
        if restriction(licence) is Restriction.NO_DERIVATIVES:
            warnings.append(f"{licence} allows nothing to be made from the text: keep what you make to yourself.")
    return warnings


def _pairs(licences: Sequence[str]) -> list[tuple[str, str]]:
    clash = (Restriction.NON_COMMERCIAL, Restriction.NON_COMMERCIAL_SHARE_ALIKE, Restriction.NO_DERIVATIVES)
    ordered = [sorted(pair, key=restriction) for pair in combinations(licences, 2)]
    return [
        (one, other)
        for one, other in ordered
        if restriction(one) is Restriction.SHARE_ALIKE and restriction(other) in clash
    ]
