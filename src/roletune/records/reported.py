"""The report and its parts; `report.json` is the `Report` at the end."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from roletune.records.base import CONTESTANTS, Contestant, Record
from roletune.records.judged import InterviewReport
from roletune.records.measured import Finding, LikelihoodReport, Reply, StyleReport
from roletune.records.probes import (
    BanditReport,
    CapabilityReport,
    PressureReport,
    QuestionnaireReport,
    WikiRoleReport,
)
from roletune.records.suites import BoundaryReport, ObedienceReport, VoiceReport
from roletune.records.trained import LossPoint, StepChoice


class Evaluation(Record):
    """Everything the stage `evaluate` measures."""

    schema_version: Literal[1] = 1
    likelihood: LikelihoodReport
    replies: tuple[Reply, ...]
    style: StyleReport
    sampling: dict[str, Any]
    versions: dict[str, str] = Field(default={}, description="of roletune and the packages that decide the result")

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        """Whose replies there are: those that are always asked, and those that the settings add."""
        return (*CONTESTANTS, *(name for name in self.style.rates if name not in CONTESTANTS))


class OriginShare(Record):
    """How much of the train split has one origin; tokens are those with loss."""

    dialogues: int
    supervised_tokens: int
    dialogue_share: float
    token_share: float


class MethodYield(Record):
    """How much of what a stage was to make was kept."""

    kept: int
    rejected: int


class DataStatistics(Record):
    """The seed's table: scenes, words, turns per scene, words per turn; and where the data comes from."""

    train_dialogues: int
    validation_dialogues: int
    test_dialogues: int
    examples: int
    origins: dict[str, int]
    purposes: dict[str, int]
    partners: dict[str, int]
    words: int
    turns_per_dialogue: float
    words_per_turn: float
    train_tokens: int
    supervised_share: float
    rejected: dict[str, int] = Field(
        description="reason -> number of records that were not kept, and of thoughts cut out of those that were"
    )
    mixture: dict[str, OriginShare] = Field(default={}, description="origin -> its share of the train split")
    yields: dict[str, MethodYield] = Field(default={}, description="stage or method -> what it kept and did not")


class TrainingReport(Record):
    """The training in figures."""

    run: str
    base_identity: str = Field(default="", description="hash of the base weights")
    data: str = Field(default="", description="hash of the training and validation examples")
    recipe: dict[str, Any]
    curve: tuple[LossPoint, ...]
    best_step: int
    best_validation_loss: float
    stopped_early: bool
    tokens: int
    tokens_per_second: float
    seconds: float
    trainable_parameters: int
    device: str
    dtype: str
    choice: StepChoice | None = None


class Timings(Record):
    """Seconds each stage took when it was last made."""

    stages: dict[str, float]
    total_seconds: float


class Suites(Record):
    """What the suites found on the adapter in use; None where one was not run on it."""

    boundary: BoundaryReport | None = None
    pressure: PressureReport | None = None
    interview: InterviewReport | None = None
    voice: VoiceReport | None = None
    capability: CapabilityReport | None = None
    questionnaire: QuestionnaireReport | None = None
    bandit: BanditReport | None = None
    obedience: ObedienceReport | None = None
    wikirole: WikiRoleReport | None = None


class Report(Suites):
    """`build/report/report.json`: a stable interface, see docs/report.md. Units: nats, seconds, bytes."""

    schema_version: Literal[1] = 1
    character: str
    created: str = Field(description="UTC, ISO 8601")
    verdict: str
    base_model: str
    data: DataStatistics
    lint: tuple[Finding, ...]
    training: TrainingReport
    evaluation: Evaluation
    timings: Timings
    versions: dict[str, str]
    peak_memory_bytes: int
    notices: tuple[str, ...]
