"""Replies that somebody preferred to others: the swipes of a chat as records, for training on preferences."""

from __future__ import annotations

from collections.abc import Iterator

from roletune.records import PreferencePair, Profile, Turn, fingerprint
from roletune.sources.cited import Cited
from roletune.sources.dialogues import item_of, split_in
from roletune.sources.reading import Reading
from roletune.sources.splits import SplitSettings


def preferences_of(reading: Reading, cited: Cited, profile: Profile, splits: SplitSettings) -> Iterator[PreferencePair]:
    """The pairs of a source in which the character replies, in its order; they share the split of their scene."""
    if not reading.scenes:
        return
    item = item_of(reading.scenes[0], cited)
    for pair in reading.pairs:
        if profile.is_me(pair.speaker):
            yield PreferencePair(
                id=fingerprint(item, pair.line, pair.chosen, pair.rejected),
                context=tuple(_named(turn, profile) for turn in pair.context),
                chosen=pair.chosen,
                rejected=pair.rejected,
                origin=cited.origin,
                split=split_in(cited, item, splits),
                provenance=cited.provenance(item),
            )


def _named(turn: Turn, profile: Profile) -> Turn:
    return turn.model_copy(update={"speaker": profile.name}) if profile.is_me(turn.speaker) else turn
