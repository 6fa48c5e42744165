"""The seed's table about the data: scenes, words, turns per scene, words per turn; and what the data is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from roletune.dataset.mixture import shares_of
from roletune.engine.duplicates import count_words
from roletune.records import THOUGHTS_CUT, DataStatistics, Dialogue, MethodYield, Origin, Profile, Rejection
from roletune.rendering.template import Rendered


def describe(
    dialogues: Sequence[Dialogue],
    examples: int,
    train: Sequence[tuple[Origin, Rendered]],
    rejections: Sequence[Rejection],
    profile: Profile,
    yields: Mapping[str, MethodYield] | None = None,
) -> DataStatistics:
    """Figures over all splits; tokens and the mixture over `train`, the rendered examples of the train split."""
    splits = Counter(dialogue.split for dialogue in dialogues)
    turns = [turn for dialogue in dialogues for turn in dialogue.turns if turn.kind == "speech"]
    words = sum(count_words(turn.text) for turn in turns)
    tokens = sum(len(item.ids) for _, item in train)
    supervised: Counter[Origin] = Counter()
    for origin, item in train:
        supervised[origin] += sum(item.mask)
    return DataStatistics(
        train_dialogues=splits["train"],
        validation_dialogues=splits["validation"],
        test_dialogues=splits["test"],
        examples=examples,
        origins=dict(Counter(str(dialogue.origin) for dialogue in dialogues)),
        purposes=dict(Counter(str(dialogue.purpose) for dialogue in dialogues)),
        partners=dict(Counter(name for dialogue in dialogues for name in _partners(dialogue, profile)).most_common()),
        words=words,
        turns_per_dialogue=len(turns) / max(1, len(dialogues)),
        words_per_turn=words / max(1, len(turns)),
        train_tokens=tokens,
        supervised_share=supervised.total() / max(1, tokens),
        rejected=dict(_not_kept(dialogues, rejections).most_common()),
        mixture=shares_of(Counter(one.origin for one in dialogues if one.split == "train"), supervised),
        yields=dict(yields or {}),
    )


def _not_kept(dialogues: Sequence[Dialogue], rejections: Sequence[Rejection]) -> Counter[str]:
    """Records that were rejected, by stage and reason, and thoughts that were cut out of those that were kept."""
    found = Counter(f"{rejection.stage}: {rejection.reason}" for rejection in rejections)
    cut = sum(int(dialogue.notes.get(THOUGHTS_CUT, 0)) for dialogue in dialogues)
    return found + Counter({"thoughts of others, cut out": cut})


def _partners(dialogue: Dialogue, profile: Profile) -> set[str]:
    """Who speaks with the character in a dialogue."""
    return {turn.speaker for turn in dialogue.turns if turn.kind == "speech" and not profile.is_me(turn.speaker)}
