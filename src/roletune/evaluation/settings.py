"""The blocks `evaluate:` and `probes:` of character.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from roletune.llm.settings import Endpoint
from roletune.records import CONTESTANTS

ROLEGPT = "rolegpt"


class OtherContestant(BaseModel):
    """A model behind an endpoint that answers the same questions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$", description="what the report calls it")
    prompt: Literal["none", "persona", "rolegpt"] = Field(
        default="persona", description="what it is told: nothing, the persona prompt, or that and few-shot turns"
    )
    endpoint: Endpoint = Field(description="where it is asked")


class ContestantSettings(BaseModel):
    """Who is measured beside base, base_prompt and adapter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rolegpt: bool = Field(default=False, description="the base model with the persona prompt and few-shot turns")
    examples: int = Field(default=5, ge=1, description="few-shot turns of RoleGPT, from the train split")
    others: tuple[OtherContestant, ...] = Field(default=(), description="models behind endpoints")

    @model_validator(mode="after")
    def _names_differ(self) -> ContestantSettings:
        names = [*CONTESTANTS, ROLEGPT, *(other.name for other in self.others)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"others: the name {twice!r} is taken; give each contestant its own")
        return self


class EvaluateSettings(BaseModel):
    """What is asked of the contestants, and how their replies are drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contestants: ContestantSettings = ContestantSettings()
    questions: str = Field(default="questions.yaml", description="file with the questions, in the character's folder")
    boundary: str = Field(default="boundary.yaml", description="file with the questions of the suite `boundary`")
    topics: tuple[str, ...] = Field(default=(), description="topics of the questions to ask; default: all")
    partner: str = Field(default="User", description="who asks, as the persona prompt names them")
    location: str = Field(default="", description="where the questions are asked")
    background: str = Field(default="", description="the situation in which they are asked")
    address: tuple[str, ...] = Field(default=(), description="forms of address, one of which a reply should have")
    max_words: int = Field(default=120, ge=1, description="a longer reply is marked")
    slop_phrases: tuple[str, ...] = Field(default=(), description="worn phrases beside those of `slop.yaml`")
    temperature: float = Field(default=0.3, ge=0)
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int = Field(default=120, ge=10)
    seed: int = Field(default=1, ge=0)
    resamples: int = Field(default=10_000, ge=100, description="of the bootstrap")


class ProbeSettings(BaseModel):
    """How the suites `capability`, `questionnaire`, `bandit`, `obedience`, `pressure` and `wikirole` ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answers: Literal["likelihood", "replies"] = Field(
        default="likelihood", description="what answers of `capability` and `questionnaire` are read from"
    )
    knowledge: str = Field(default="", description="file with questions of knowledge; empty: the packaged ones")
    questionnaire: str = Field(default="", description="file with statements; empty: the packaged ones")
    repetitions: int = Field(default=3, ge=1, description="of each statement, in another order of its options")
    rules: str = Field(default="", description="file with rules of `obedience`; empty: the packaged ones")
    games: int = Field(default=6, ge=1, description="of the bandit")
    rounds: int = Field(default=20, ge=2, description="of each game")
    chances: tuple[float, float] = Field(default=(0.8, 0.2), description="with which the two arms pay")
    turns: int = Field(default=3, ge=1, description="how often somebody insists on a boundary question")
    wikirole: str = Field(default="wikirole.jsonl", description="file with the items of WikiRoleEval")
    votes: int = Field(default=3, ge=1, description="of the judge on each judgement of WikiRoleEval")
