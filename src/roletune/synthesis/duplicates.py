"""Which of several texts say the same: by the words they share, or by what they mean (all-MiniLM-L6-v2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import Duplicate, near_duplicates, near_vectors

_ALIKE = 0.85  # cosine similarity: a retelling in other words is above, another event in the same place is below


class DuplicateSettings(BaseModel):
    """From when on two texts count as one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["words", "embeddings"] = Field(default="words", description="what is compared")
    threshold: float | None = Field(default=None, gt=0, le=1, description="similarity that counts as the same")


def find_duplicates(texts: Sequence[str], settings: DuplicateSettings, words: float, since: int = 0) -> list[Duplicate]:
    """For each text from `since` on that repeats an earlier one, the most similar one; `words` is the usual overlap.

    Raises MissingExtraError where texts are compared by embeddings and the model is not installed.
    """
    if settings.by == "words":
        return near_duplicates(texts, settings.threshold or words, since)
    from roletune.models.embedding import embed

    return near_vectors(embed(texts), settings.threshold or _ALIKE, since)
