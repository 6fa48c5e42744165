"""A character as a card that any front end reads: who it is, example lines, and what it knows as a lorebook.

Format: character-card-spec V3. Nothing is invented: texts are the profile's, examples are exchanges that the caller
gives (of the train split, which no model wrote), entries are the sources' own ones and one for each passage, called up
by its rarest words. Read again by `cards.parse_card` and `lore.lore_of` it tells the same. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from roletune.engine.retrieval import terms
from roletune.records import Lorebook as LorebookRecord
from roletune.records import LoreEntry, Passage, Profile
from roletune.sources.cards.lorebook import Entry, Lorebook
from roletune.sources.cards.model import V3, Card, CardData

MOST_KEYS = 6  # of a passage
MOST_EXAMPLES = 4
_WORD = re.compile(r"[^\W\d_][\w'’-]{3,}")
_AT_DEPTH = 4  # SillyTavern's number for "at a depth"
_LOGIC = {"any": 0, "not_all": 1, "none": 2, "all": 3}


def make_card(
    profile: Profile,
    book: LorebookRecord,
    exchanges: Sequence[tuple[str, str]] = (),
    *,
    scenario: str = "",
    notices: Sequence[str] = (),
    version: str = "",
) -> Card:
    """The card; `exchanges` are what somebody said to the character, and what it answered."""
    data = CardData(
        name=profile.name,
        nickname="",
        description="\n".join(_description(profile)),
        personality=profile.style,
        scenario=scenario,
        mes_example="".join(_example(*exchange) for exchange in exchanges[:MOST_EXAMPLES]),
        creator_notes="\n\n".join([*notices, *([f"Licence: {profile.licence}"] if profile.licence else [])]),
        tags=["roletune", profile.subject],
        creator="roletune",
        character_version=version,
        extensions={"license": profile.licence, "roletune": {"subject": profile.subject, "language": profile.language}},
        character_book=_book(profile, book),
        source=list(dict.fromkeys(passage.url for passage in profile.passages if passage.url)),
    )
    return Card(spec=V3[0], spec_version=V3[1], data=data)


def _description(profile: Profile) -> Iterator[str]:
    if profile.description:
        yield profile.description
    yield from (f"{fact.name}: {fact.value}" for fact in profile.facts)
    if profile.catchphrases:
        yield f"Catchphrases: {' / '.join(profile.catchphrases)}"
    if profile.boundary.until:
        yield f"Knows nothing after: {profile.boundary.until}"


def _example(asked: str, answered: str) -> str:
    return f"<START>\n{{{{user}}}}: {asked}\n{{{{char}}}}: {answered}\n"


def _book(profile: Profile, book: LorebookRecord) -> Lorebook:
    told = {entry.text for entry in book.entries}
    entries = [_entry(entry) for entry in book.entries]
    passages = [passage for passage in profile.passages if passage.text not in told]
    own = {word.casefold() for name in (profile.name, *profile.aliases) for word in (name, *name.split())}
    for number, (passage, keys) in enumerate(zip(passages, passage_keys(passages, own), strict=True)):
        entries.append(
            Entry(name=passage.heading, comment=passage.heading, keys=keys, content=passage.text, id=number,
                  insertion_order=100 + number)
        )  # fmt: skip
    return Lorebook(
        name=profile.name,
        scan_depth=book.scan_depth,
        token_budget=book.token_budget,
        recursive_scanning=book.recursive,
        entries=entries,
    )


def passage_keys(passages: Sequence[Passage], never: Iterable[str] = ()) -> list[list[str]]:
    """For each passage the words that call it up: names first, then the rarest; of Chinese pairs of characters."""
    unwanted = set(never)
    words = [_words(f"{passage.heading}\n{passage.text}") for passage in passages]
    holding = Counter(word for found in words for word in found)
    chosen = []
    for found in words:
        best = sorted(found, key=lambda word: (not found[word], holding[word], -len(word), word))
        chosen.append([word for word in best if word not in unwanted][:MOST_KEYS])
    return chosen


def _words(text: str) -> dict[str, bool]:
    """Words in lower case, and whether they are names: written with a capital inside a sentence."""
    found: dict[str, bool] = {}
    for match in _WORD.finditer(text):
        if match[0][0] < "\u2e80":
            inside = re.search(r"[\w,;:]\s+$", text[max(0, match.start() - 3) : match.start()]) is not None
            word = match[0].casefold()
            found[word] = found.get(word, False) or (inside and match[0][0].isupper())
    return found | {term: False for term in terms(text) if term[0] >= "\u2e80"}


def _entry(entry: LoreEntry) -> Entry:
    """A record as V3 has it; what no field holds stands in decorators at the top of its text."""
    extensions: dict[str, Any] = {"selectiveLogic": _LOGIC[entry.logic]}
    if entry.depth is not None:
        extensions |= {"position": _AT_DEPTH, "depth": entry.depth}
    return Entry(
        name=entry.title,
        comment=entry.title,
        keys=list(entry.keys),
        secondary_keys=list(entry.secondary_keys),
        selective=bool(entry.secondary_keys),
        content="\n".join([*_decorators(entry), entry.text]),
        extensions=extensions,
        enabled=True,
        insertion_order=entry.order,
        priority=entry.priority,
        use_regex=entry.regex,
        case_sensitive=entry.case_sensitive,
        constant=entry.constant,
        position="before_char" if entry.place == "before" else "after_char",
    )


def _decorators(entry: LoreEntry) -> Iterator[str]:
    if entry.exclude_keys:
        yield f"@@exclude_keys {','.join(entry.exclude_keys)}"
    if entry.scan_depth is not None:
        yield f"@@scan_depth {entry.scan_depth}"
    if entry.after_replies:
        yield f"@@activate_only_after {entry.after_replies}"
    if entry.every_replies > 1:
        yield f"@@activate_only_every {entry.every_replies}"
    if entry.keep:
        yield "@@keep_activate_after_match"
    if entry.once:
        yield "@@dont_activate_after_match"
