"""The `interview:` block of character.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from roletune.records import Contestant


class InterviewSettings(BaseModel):
    """Who is interviewed, how long, and how the judges are asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: str = Field(
        default="interview.yaml", description="file with the questions; default: else questions.yaml"
    )
    topics: tuple[str, ...] = Field(default=(), description="topics of the questions to ask; default: all")
    contestants: tuple[Contestant, ...] = Field(default=("base_prompt", "adapter"), min_length=1)
    talks: int = Field(default=4, ge=0, description="interviews of several rounds, their questions spread over topics")
    rounds: int = Field(default=5, ge=2, description="questions in each of them, the first one included")
    passages: int = Field(default=4, ge=0, description="of the profile, that a judge is given as evidence")
    pairs: bool = Field(default=True, description="compare replies pairwise, in both orders")
    flaws: bool = Field(default=True, description="have flaws looked for, with quotations")
    attempts: int = Field(default=3, ge=1, description="askings until an answer can be read; then it is unscored")
    max_tokens: int = Field(default=600, ge=50, description="length of a judge's answer")
    max_calls: int = Field(default=5_000, ge=1, description="of judges; more are refused before the first one")
    human: str = Field(default="human.csv", description="file with human scores, if there is one")
    resamples: int = Field(default=2_000, ge=100, description="of the bootstrap")
