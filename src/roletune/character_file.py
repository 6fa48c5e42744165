"""`character.yaml`, typed: every setting of a character, read with all its mistakes at once, each with its path.

Three lines suffice: `name`, `profile` (or a profile.md beside it) and a source of dialogues.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roletune.dataset.select import DatasetSettings
from roletune.engine.mistakes import mistake_of
from roletune.errors import ProjectError
from roletune.evaluation.judging.rating import RatingSettings
from roletune.evaluation.judging.settings import InterviewSettings
from roletune.evaluation.settings import EvaluateSettings, ProbeSettings
from roletune.inference.settings import ChatSettings
from roletune.llm.budget import BudgetSettings
from roletune.llm.settings import Endpoint
from roletune.records import KnowledgeBoundary, Subject
from roletune.sources.lint.contradictions import ContradictionSettings
from roletune.sources.settings import DIALOGUES, Source
from roletune.sources.splits import SplitSettings
from roletune.sources.text import read_text
from roletune.synthesis.augmentation import AugmentationSettings
from roletune.synthesis.ditto import DittoSettings
from roletune.synthesis.experiences import ExperienceSettings
from roletune.synthesis.instructions import InstructionSettings
from roletune.synthesis.methods import Method
from roletune.synthesis.pairs import PairSettings
from roletune.synthesis.plots import PlotSettings
from roletune.synthesis.profile_fields import ProfileFieldSettings
from roletune.synthesis.protective import ProtectiveSettings
from roletune.synthesis.rules import RuleSettings
from roletune.synthesis.scenes import SceneSettings
from roletune.synthesis.traps import TrapSettings
from roletune.training.preference_data import PreferSettings

SETTINGS_FILE = "character.yaml"


class Settings(BaseModel):
    """Settings refuse keys they don't know: a typing mistake must not be a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelBindings(Settings):
    """Which model plays which role; what is not bound is the embedded model."""

    writer: Endpoint | None = None
    judge: Endpoint | None = None
    judges: tuple[Endpoint, ...] = Field(default=(), description="further judges, beside the first")
    interviewer: Endpoint | None = None


class TrainSettings(Settings):
    """The recipe and what differs from it."""

    recipe: str = Field(default="quick", description="name of a recipe, or path of one")
    overrides: dict[str, Any] = Field(default={}, description="single fields of the recipe that differ")
    check_memory: bool = Field(default=True, description="refuse a training that clearly does not fit into memory")
    choose_by: Literal["loss", "leaks", "voice"] = Field(default="loss", description="what decides which state is kept")
    choose_share: float = Field(
        default=0.5, gt=0, lt=1, description="share of the boundary questions that choose; the others measure"
    )


class CharacterFile(Settings):
    """`character.yaml`."""

    name: str = Field(min_length=1, description="what the character is called in scenes")
    aliases: tuple[str, ...] = ()
    language: str = "en"
    subject: Subject = "fictional"
    consent: str = Field(default="", description="of a living person: who agreed to what, and when")
    notice: str = Field(default="", description="shown in the report, the chat and the adapter's card")
    licence: str = Field(default="", description="of the profile and the dialogues written for the character")
    description: str = Field(default="", description="who it is, in the second person; starts the persona prompt")
    style: str = Field(default="", description="how it speaks, in the second person; in the persona prompt")
    catchphrases: tuple[str, ...] = ()
    boundary: KnowledgeBoundary = KnowledgeBoundary()
    profile: str = Field(default="profile.md", description="file with what is known")
    sources: tuple[Source, ...] = (DIALOGUES,)
    base: str = Field(default="", description="model to train: packaged name, path, or hub id; default: the recipe's")
    models: ModelBindings = ModelBindings()
    splits: SplitSettings = SplitSettings()
    known_names: tuple[str, ...] = Field(default=(), description="names that belong here, for the linter")
    profile_fields: ProfileFieldSettings = ProfileFieldSettings()
    contradictions: ContradictionSettings = ContradictionSettings()
    budget: BudgetSettings = BudgetSettings()
    scenes: SceneSettings = SceneSettings()
    experiences: ExperienceSettings = ExperienceSettings()
    protective: ProtectiveSettings = ProtectiveSettings()
    methods: tuple[Method, ...] = Field(default=(), description="further ways to make data, beside the stages")
    instructions: InstructionSettings = InstructionSettings()
    traps: TrapSettings = TrapSettings()
    plots: PlotSettings = PlotSettings()
    rules: RuleSettings = RuleSettings()
    ditto: DittoSettings = DittoSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    rating: RatingSettings = RatingSettings()
    pairs: PairSettings = PairSettings()
    dataset: DatasetSettings = DatasetSettings()
    train: TrainSettings = TrainSettings()
    prefer: PreferSettings = PreferSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    probes: ProbeSettings = ProbeSettings()
    interview: InterviewSettings = InterviewSettings()
    chat: ChatSettings = ChatSettings()


def read_settings(path: Path) -> dict[Any, Any]:
    """What the file holds, unchecked. Raises ProjectError if it is no YAML, SourceError if it is no text."""
    text = read_text(path)  # its error is about the encoding, not about YAML
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        raise ProjectError(f"{path} is not valid YAML: {_where(error)}") from error
    if not isinstance(values, dict):
        raise ProjectError(f"{path} holds no settings. It needs at least a line `name: ...`.")
    return values


def validated(values: dict[Any, Any]) -> tuple[CharacterFile, list[str]]:
    """The settings, and what is wrong with them; a block with a mistake counts as left out, so the rest is checked."""
    try:
        return CharacterFile.model_validate(values), []
    except ValidationError as error:
        mistakes = error.errors()
    wrong = {item["loc"][0] for item in mistakes}
    usable = {key: value for key, value in values.items() if key not in wrong}
    told = [mistake_of(item, CharacterFile) for item in mistakes]
    return CharacterFile.model_validate({"name": "?", **usable}), told


def block_of(mistake: str) -> str:
    """The block of character.yaml that a mistake is about."""
    return mistake.partition(":")[0].partition(".")[0]


def _where(error: yaml.YAMLError | ValueError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{getattr(error, 'problem', None) or error}"
