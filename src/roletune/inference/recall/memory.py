"""What a person told a character: found again without a model, by words.

Two ways, both verbatim, so that nothing is made up. Sentences that tell something about the speaker or ask to be
remembered ("My sister is called Ada.", "Remember the key.") are noticed and kept from one chat to the next; and every
earlier turn of this chat that no longer fits the prompt is searched by what is asked now. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from roletune.engine.retrieval import Bm25
from roletune.inference.recall.notes import Note
from roletune.records import Memory, Profile, Turn, fingerprint

LONGEST = 300  # characters of one memory
_MOST_A_TURN = 8
_SEARCHED = 12  # earlier turns that are considered for one message
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_QUESTION = re.compile(r"[?？]\s*$")
_ENGLISH = re.compile(
    r"^(?:(?:well|so|oh|and|but|by the way|actually|please|look|listen)[,\s]+)*"
    r"(?:i am |i'm |i’m |i was |i have |i've |i’ve |i live |i lived |i work |i come |i like |i love |i hate |i prefer |"
    r"i never |i always |i can't |i can’t |i don't |i don’t |i used to |i grew |i was born |call me |"
    r"(?:my|our) (?:[\w'’-]+ ){1,5}(?:is|are|was|were|has|have|likes?|loves?|hates?|lives?|works?|called|died)\b|"
    r"(?:please )?(?:remember|note|don't forget|don’t forget|do not forget|never forget)\b)",
    re.I,
)
_CHINESE = re.compile(
    r"^(?:请|那|其实|对了[,，]?)?(?:我(?:是|叫|住|有|喜欢|爱|讨厌|在|不|来自|从|曾)|我(?:的|家|们)?.{1,12}(?:是|叫|在|有|喜欢)|"
    r"(?:请|帮我)?(?:记住|记得|别忘|不要忘))"
)


def statements(text: str) -> list[str]:
    """The sentences of a message, each on one line."""
    return [" ".join(sentence.split()) for sentence in _SENTENCE.findall(text) if sentence.strip()]


def told_facts(text: str) -> list[str]:
    """The sentences that tell something worth keeping about whoever says them; questions tell nothing."""
    facts = [one for one in statements(text) if not _QUESTION.search(one) and len(one) <= LONGEST]
    return [one for one in facts if _ENGLISH.match(one) or _CHINESE.match(one)][:_MOST_A_TURN]


def fact_key(text: str) -> str:
    """What makes two memories the same: their words."""
    return fingerprint("memory", re.findall(r"\w+", text.casefold()))


def without(text: str, forgotten: Collection[str]) -> str:
    """A message without the sentences that were to be forgotten (by their `fact_key`)."""
    return " ".join(one for one in statements(text) if fact_key(one) not in forgotten) if forgotten else text


def earlier_notes(
    left_out: Sequence[Turn], query: str, profile: Profile, forgotten: Collection[str] = ()
) -> list[Note]:
    """Turns that no longer fit the prompt and share words with `query`, the most alike first.

    What others said counts before what the character itself answered: that is what it was told.
    """
    texts = [without(turn.text, forgotten) for turn in left_out]
    found = [place for place in Bm25(texts).search(query, _SEARCHED) if texts[place]]
    ranked = sorted(found, key=lambda place: profile.is_me(left_out[place].speaker))
    return [Note("earlier", _told(left_out[place], texts[place], profile), f"turn {place + 1}") for place in ranked]


def memory_notes(memories: Iterable[Memory], query: str) -> list[Note]:
    """Memories, those that share words with `query` first, then the latest."""
    kept = sorted(memories, key=lambda memory: -memory.id)
    alike = Bm25([memory.text for memory in kept]).search(query, len(kept))
    order = [*alike, *(place for place in range(len(kept)) if place not in set(alike))]
    return [Note("memory", f"{kept[k].user}: {kept[k].text}", f"memory {kept[k].id}") for k in order]


def _told(turn: Turn, text: str, profile: Profile) -> str:
    shortened = text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"
    return f"{profile.name if profile.is_me(turn.speaker) else turn.speaker}: {shortened}"
