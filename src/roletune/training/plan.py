"""How much memory a training will take at its peak, before any weight is loaded.

Two moments are compared: while the weights are loaded, and in the widest micro-batch of the training; `parts` says what
they consist of. What is predicted is resident memory: on the CPU that of the process, on a GPU that of the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from roletune.errors import ResourceError
from roletune.models.architecture import WELL_KNOWN, Architecture
from roletune.training.parts import Part, Phase, Place, parts_of
from roletune.training.recipe import Recipe

GB = 1e9
SURE = 1.15  # a prediction may be so much too high: what exceeds the memory by more clearly does not fit
TIGHT = 0.9  # of the memory: beyond it there is a warning


@dataclass(frozen=True)
class MemoryPlan:
    """The parts and their peak, for one base, recipe and place."""

    base: Architecture
    recipe: Recipe
    place: Place
    parts: tuple[Part, ...]

    @property
    def peak(self) -> float:
        """Bytes at the worse of the two moments, as they are seen from outside."""
        return max(self._sum("loading"), self.needed)

    @property
    def needed(self) -> float:
        """Bytes that it can't do without: the pages of a file that is read are given back when memory is short."""
        return self._sum("training")

    @property
    def verdict(self) -> Literal["fits", "tight", "does not fit", "unknown"]:
        """Against what is free; unknown where that is not known."""
        if self.place.free is None:
            return "unknown"
        if self.needed > SURE * self.place.free:
            return "does not fit"
        return "tight" if self.needed > TIGHT * self.place.free else "fits"

    def _sum(self, phase: Phase) -> float:
        return sum(part.bytes for part in self.parts if part.phase in ("always", phase))


@dataclass(frozen=True)
class Cure:
    """A change that lowers what is needed, and how far."""

    change: str
    needed: float
    fits: bool


def plan_memory(base: Architecture, recipe: Recipe, place: Place) -> MemoryPlan:
    """The plan of training `base` by `recipe` at `place`."""
    return MemoryPlan(base, recipe, place, tuple(parts_of(base, recipe, place)))


def cures(plan: MemoryPlan) -> list[Cure]:
    """What lowers the need by more than 3 %, the least loss first, each by itself, then all of them together."""
    found, together = [], {}
    for change in _changes(plan.recipe, plan.place):
        other = plan_memory(plan.base, plan.recipe.model_copy(update=change), plan.place)
        if other.needed < 0.97 * plan.needed:
            found.append(_cure(", ".join(f"{name}: {_yaml(value)}" for name, value in change.items()), other))
            together.update(change)
    if len(found) > 1:
        found.append(_cure("all of these", plan_memory(plan.base, plan.recipe.model_copy(update=together), plan.place)))
    smaller = largest_that_fits(plan.recipe, plan.place, below=plan.base.weights)
    return found if smaller is None else [*found, _cure(f"base: {smaller.base.name}", smaller)]


def largest_that_fits(recipe: Recipe, place: Place, below: float = float("inf")) -> MemoryPlan | None:
    """The plan of the largest well-known base with fewer weights than `below` that fits; None if none does."""
    plans = (plan_memory(base, recipe, place) for base in WELL_KNOWN.values() if base.weights < 0.999 * below)
    return max((plan for plan in plans if plan.verdict == "fits"), key=lambda plan: plan.base.weights, default=None)


def _cure(change: str, plan: MemoryPlan) -> Cure:
    return Cure(change, plan.needed, plan.verdict in ("fits", "tight"))


def _changes(recipe: Recipe, place: Place) -> Iterator[dict[str, object]]:
    several = place.processes > 1
    if recipe.micro_tokens > recipe.max_tokens:
        yield {"micro_tokens": recipe.max_tokens}
    if not recipe.gradient_checkpointing:
        yield {"gradient_checkpointing": True}
    if recipe.method == "full":
        yield {"method": "lora"}
    elif several and recipe.sharding == "none":
        yield {"sharding": "fsdp"}
    if recipe.method == "lora" and recipe.quantisation == "none":
        # All that is computed beside them is in fp32, and worth little unless it is computed twice.
        twice = {} if recipe.gradient_checkpointing else {"gradient_checkpointing": True}
        yield {"quantisation": "nf4", "double_quantisation": True, **twice}
    if recipe.method == "lora" and recipe.rank > 16:
        yield {"rank": 16}
    if recipe.max_tokens > 512:
        yield {"max_tokens": 512, "micro_tokens": min(recipe.micro_tokens, 512)}


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_memory(plan: MemoryPlan) -> str:
    """A warning where it will be tight, empty where it fits or nobody knows. Raises ResourceError if it can't fit."""
    if plan.verdict not in ("tight", "does not fit") or plan.place.free is None:
        return ""
    ways = "; ".join(f"{cure.change} ({cure.needed / GB:.1f} GB)" for cure in cures(plan)) or "none that a recipe knows"
    told = (
        f"Training {plan.base.name} by the recipe '{plan.recipe.name}' takes about {plan.needed / GB:.1f} GB, and "
        f"{plan.place.free / GB:.1f} GB are free on this {plan.place.device}"
    )
    if plan.verdict == "tight":
        return f"{told}: that is tight. What lowers it: {ways}"
    raise ResourceError(
        f"{told}. What lowers it: {ways}. See roletune train --plan; train.check_memory: false tries it all the same."
    )
