"""Recipes: how to train, as values in a YAML file.

`roletune/recipes/*.yaml` are the presets; a path names one's own. Each field is explained where it is defined. What is
wrong in a recipe is reported at once, each mistake with its field.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from roletune.engine.mistakes import mistakes_of
from roletune.errors import ProjectError, SourceError, TrainingError


class Recipe(BaseModel):
    """Everything that decides what a training makes of its data, beside the base model's weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="custom", description="what the recipe is called in reports")
    base: str | None = Field(
        default=None, description="the base model it was written for; a character's own choice of base wins"
    )
    # What is trained
    method: Literal["lora", "full"] = Field(
        default="lora", description="lora: an adapter beside frozen weights; full: every weight of the model"
    )
    rank: int = Field(default=64, ge=1, description="columns of the adapter matrices")
    alpha: float = Field(default=16, gt=0, description="the adapter is scaled by alpha / rank")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="share of an adapter's inputs set to zero in training")
    target_modules: str | tuple[str, ...] = Field(
        default="all-linear", description="layers that get an adapter: 'all-linear', or their names"
    )
    dtype: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto", description="precision of frozen weights and of products; auto: what the device is fast in"
    )
    quantisation: Literal["none", "nf4"] = Field(default="none", description="nf4: frozen weights in 4 bits (QLoRA)")
    double_quantisation: bool = Field(default=False, description="quantise the constants of the quantisation too")
    # How
    optimizer: Literal["adamw", "paged_adamw_32bit"] = Field(
        default="adamw", description="paged: AdamW whose state can be moved out of a GPU's memory"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="highest learning rate, after warmup")
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="how the learning rate falls to zero after warmup"
    )
    warmup: float = Field(default=0.03, ge=0, le=1, description="share of all steps in which the learning rate rises")
    epochs: int = Field(default=2, ge=1, description="times each example is seen")
    batch_sequences: int = Field(default=4, ge=1, description="examples in one optimizer step")
    micro_tokens: int = Field(
        default=1536, ge=1, description="tokens computed at once: bounds memory, does not change the result"
    )
    gradient_checkpointing: bool = Field(
        default=False, description="compute each layer twice and keep only its input: a third slower, far less memory"
    )
    sharding: Literal["none", "fsdp"] = Field(
        default="none",
        description="fsdp: frozen weights are divided between the processes of a launch, one for each GPU",
    )
    weight_decay: float = Field(default=0.001, ge=0, description="of the trained matrices, as in AdamW")
    clip: float = Field(default=0.3, ge=0, description="largest norm of a step's gradient; 0: not clipped")
    max_tokens: int = Field(default=1024, ge=8, description="longest example; longer dialogues are made into windows")
    seed: int = Field(default=0, ge=0, description="decides an adapter's first weights, the order and the dropout")
    # When to look, and when to stop
    evaluations_per_epoch: int = Field(default=3, ge=1, description="times an epoch to validate and to checkpoint")
    patience: int = Field(
        default=4, ge=0, description="stop after so many validations without a better loss; 0: never stop early"
    )
    log_every: int = Field(default=1, ge=1, description="steps between two points of the training loss's curve")

    @model_validator(mode="after")
    def _quantised(self) -> Recipe:
        if self.double_quantisation and self.quantisation == "none":
            raise ValueError("double_quantisation needs quantisation: nf4")
        if self.method == "full" and self.quantisation != "none":
            raise ValueError("quantised weights can't be trained: method: full needs quantisation: none")
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json")


def recipe_names() -> list[str]:
    """Names of the presets."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _presets().iterdir() if entry.name.endswith(".yaml"))


def load_recipe(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """A preset by its name or a recipe by its path, with single settings replaced.

    Raises ProjectError that lists every unknown field and bad value, SourceError if there is no such recipe.
    """
    name, text = _read(str(name_or_path))
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ProjectError(f"The recipe '{name_or_path}' is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ProjectError(f"The recipe '{name_or_path}' must be settings like `rank: 64`, one a line.")
    try:
        return Recipe.model_validate({"name": name, **values, **(overrides or {})})
    except ValidationError as error:
        known = ", ".join(Recipe.model_fields)
        raise ProjectError(
            f"The recipe '{name_or_path}' can't be used. It knows these fields: {known}.", mistakes_of(error, Recipe)
        ) from error


def _read(name_or_path: str) -> tuple[str, str]:
    preset = _presets() / f"{name_or_path}.yaml"
    if name_or_path in recipe_names():
        return name_or_path, preset.read_text(encoding="utf-8")
    path = Path(name_or_path).expanduser()
    try:
        return path.stem, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"There is no recipe '{name_or_path}'. Name a preset ({', '.join(recipe_names())}) or a YAML file."
        ) from error


def _presets() -> Any:
    return resources.files("roletune") / "recipes"


def check_sharding(recipe: Recipe, processes: int) -> None:
    """Raise TrainingError where so many processes can't divide what they are asked to.

    What is divided is frozen: `method: full` keeps all masters in one vector (`flat`). One process has nobody to divide
    weights with: `sharding` means nothing to it.
    """
    if recipe.sharding != "none" and processes > 1 and recipe.method == "full":
        raise TrainingError(
            f"The recipe '{recipe.name}' asks for sharding: {recipe.sharding} and method: full, and this version "
            "divides only frozen weights between processes. Set sharding: none (roletune train --plan says what "
            "fits), or train an adapter: method: lora."
        )


def check_recipe(recipe: Recipe, processes: int = 1) -> None:
    """Raise TrainingError for what can't be followed here: better refused than silently trained in another way."""
    check_sharding(recipe, processes)
    asked = [
        name
        for name, wanted in (
            ("quantisation: nf4", recipe.quantisation != "none"),
            ("optimizer: paged_adamw_32bit", recipe.optimizer != "adamw"),
        )
        if wanted
    ]
    if asked and importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingError(
            f"The recipe '{recipe.name}' asks for {' and '.join(asked)}, which needs bitsandbytes, which is not "
            "installed. Install it (pip install bitsandbytes), or train unquantised: set quantisation: none, "
            "double_quantisation: false and optimizer: adamw."
        )
