"""The `evaluate:` block of character.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EvaluateSettings(BaseModel):
    """What is asked of the contestants, and how their replies are drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: str = Field(default="questions.yaml", description="file with the questions, in the character's folder")
    boundary: str = Field(default="boundary.yaml", description="file with the questions of the suite `boundary`")
    topics: tuple[str, ...] = Field(default=(), description="topics of the questions to ask; default: all")
    partner: str = Field(default="User", description="who asks, as the persona prompt names them")
    location: str = Field(default="", description="where the questions are asked")
    background: str = Field(default="", description="the situation in which they are asked")
    address: tuple[str, ...] = Field(default=(), description="forms of address, one of which a reply should have")
    max_words: int = Field(default=120, ge=1, description="a longer reply is marked")
    temperature: float = Field(default=0.3, ge=0)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int = Field(default=120, ge=10)
    seed: int = Field(default=1, ge=0)
    resamples: int = Field(default=10_000, ge=100, description="of the bootstrap")
