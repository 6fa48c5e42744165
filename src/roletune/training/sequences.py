"""Token sequences, and how they become steps: no padding, nothing computed after the last supervised token.

An optimizer step takes `batch_sequences` sequences of the epoch's order. They are laid one behind the other in
micro-batches of at most `micro_tokens` tokens, which bounds memory and changes nothing else: the loss is a mean over
the supervised tokens of the whole step. The order is a function of seed and epoch alone, so that a resumed run sees the
same data.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from roletune.errors import DatasetError


@dataclass(frozen=True)
class TokenSequence:
    """One conversation as tokens; `mask` is True where a token is learnt, `source` names where it comes from.

    The first token is never learnt, since nothing precedes it.
    """

    ids: Sequence[int]
    mask: Sequence[bool]
    source: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def supervised(self) -> int:
        """Number of tokens that are learnt."""
        return sum(map(bool, self.mask[1:]))

    def cut(self) -> TokenSequence:
        """Without what follows the last supervised token; empty if there is none."""
        last = max((i for i, learnt in enumerate(self.mask) if learnt and i), default=-1)
        return replace(self, ids=self.ids[: last + 1], mask=self.mask[: last + 1])


@dataclass(frozen=True)
class SequenceStatistics:
    """What there is to train on, in tokens that are really computed."""

    sequences: int
    tokens: int
    supervised: int
    longest: int
    without_loss: int

    @property
    def supervised_share(self) -> float:
        """Share of the computed tokens that are learnt."""
        return self.supervised / self.tokens if self.tokens else 0.0


def prepare(
    sequences: Sequence[TokenSequence], max_tokens: int, what: str = "training"
) -> tuple[list[TokenSequence], SequenceStatistics]:
    """The sequences cut after their last supervised token; those without any are left out and counted.

    Raises DatasetError if nothing is learnt, if everything is (the mask is lost: a character would learn its partners'
    lines), or if a sequence is longer than `max_tokens` (truncating it silently would hide its end from training).
    """
    kept = [cut for cut in (sequence.cut() for sequence in sequences) if len(cut)]
    if not kept:
        raise DatasetError(
            f"The {what} examples hold no token to learn ({len(sequences)} examples). Add dialogues in which the "
            "character speaks, and see that its name in them is the profile's name or one of its aliases."
        )
    tokens, supervised, longest = sum(map(len, kept)), sum(s.supervised for s in kept), max(map(len, kept))
    if supervised >= tokens - len(kept):  # the first token of a sequence can't be supervised
        raise DatasetError(
            f"Every token of the {what} examples would be learnt, the partners' lines and the persona prompt too. "
            "Mark only the character's own messages with loss."
        )
    if longest > max_tokens:
        count = sum(len(sequence) > max_tokens for sequence in kept)
        raise DatasetError(
            f"{count} of {len(kept)} {what} examples are longer than max_tokens = {max_tokens} (the longest: "
            f"{longest}). Raise max_tokens in the recipe, or split the dialogues into windows."
        )
    return kept, SequenceStatistics(len(kept), tokens, supervised, longest, len(sequences) - len(kept))


def epoch_steps(
    sequences: Sequence[TokenSequence], batch_sequences: int, seed: int, epoch: int
) -> list[list[TokenSequence]]:
    """The sequences of each optimizer step of an epoch (from 0); the last step may have fewer."""
    order = list(range(len(sequences)))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return [[sequences[i] for i in order[at : at + batch_sequences]] for at in range(0, len(order), batch_sequences)]


def divide(sequences: Sequence[TokenSequence], parts: int) -> list[list[TokenSequence]]:
    """Shares of about equal tokens, one a process: the longest first, each to the share that has least."""
    if parts == 1:
        return [list(sequences)]
    shares: list[list[TokenSequence]] = [[] for _ in range(parts)]
    tokens = [0] * parts
    for sequence in sorted(sequences, key=len, reverse=True):
        least = tokens.index(min(tokens))
        shares[least].append(sequence)
        tokens[least] += len(sequence)
    return shares


def micro_batches(sequences: Sequence[TokenSequence], budget: int) -> list[list[TokenSequence]]:
    """First fit, longest first, into as few parts of at most `budget` tokens as that gives.

    A sequence longer than the budget is a part of its own.
    """
    parts: list[list[TokenSequence]] = []
    room: list[int] = []
    for sequence in sorted(sequences, key=len, reverse=True):
        fit = next((i for i, left in enumerate(room) if left >= len(sequence)), None)
        if fit is None:
            parts.append([sequence])
            room.append(budget - len(sequence))
        else:
            parts[fit].append(sequence)
            room[fit] -= len(sequence)
    return parts
