"""How long a training may take, and which bases suit a machine: estimates, to be read as such.

From speeds measured with this package on SmolLM2-135M (rank 64, two cores of an AMD Zen 5 with avx512_bf16): 300 real
tokens a second and core in bfloat16, 205 in float32. They are carried over to other models by the work that a token
takes. No speed was measured on a GPU, so none is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from roletune.models.architecture import WELL_KNOWN, Architecture, well_known
from roletune.models.device import Device
from roletune.training.parts import Place, adapter_weights
from roletune.training.plan import MemoryPlan, plan_memory
from roletune.training.recipe import Recipe, load_recipe

MEASURED_ON = "SmolLM2-135M-Instruct"
MEASURED = {"bfloat16": 300.0, "float32": 205.0}  # tokens a second and core
SCENES, TOKENS_OF_A_SCENE = 100, 800
PATIENCE = 2 * 3600.0  # seconds that a training on a CPU may take to be suggested
_SUPERVISED = 1 / 3


@dataclass(frozen=True)
class Forecast:
    """One base by one recipe; `seconds` for an epoch of a hundred scenes, None where no speed was measured."""

    plan: MemoryPlan
    tokens_per_second: float | None
    seconds: float | None

    def __str__(self) -> str:
        time = "time not measured on this device" if self.seconds is None else f"about {_duration(self.seconds)}"
        return f"{self.plan.verdict}, about {self.plan.needed / 1e9:.1f} GB, {time} (estimate)"


def work_of_a_token(base: Architecture, recipe: Recipe) -> float:
    """Floating point operations: twice the frozen weights forward and back, the adapters three times, the head where
    there is loss. What is trained has a gradient, a third product.
    """
    head = base.vocabulary * base.hidden * _SUPERVISED
    if recipe.method == "full":
        return (8 if recipe.gradient_checkpointing else 6) * base.linear_weights + 6 * head
    passes = 6 if recipe.gradient_checkpointing else 4
    return passes * base.linear_weights + 6 * adapter_weights(base, recipe) + 4 * head


def forecast(base: Architecture, recipe: Recipe, device: Device, free: float | None, processes: int = 1) -> Forecast:
    """Memory of one of `processes` that train this base by this recipe here, with `free` bytes, and their time."""
    plan = plan_memory(base, recipe, Place(device.name, device.dtype, free, processes))
    if device.name != "cpu":
        return Forecast(plan, None, None)
    known = well_known(MEASURED_ON)
    assert known is not None
    ratio = work_of_a_token(known, load_recipe("quick")) / work_of_a_token(base, recipe)
    speed = MEASURED[device.dtype] * device.threads * ratio
    return Forecast(plan, speed, SCENES * TOKENS_OF_A_SCENE * recipe.epochs / speed)


def suggest(device: Device, free: float | None) -> list[Forecast]:
    """Every well-known base that fits and does not take too long, the largest first; by `quick`, in 4 bits on a GPU."""
    recipe = load_recipe("quick") if device.name == "cpu" else load_recipe("jarvis")
    found = [forecast(base, recipe, device, free) for base in WELL_KNOWN.values()]
    suited = [one for one in found if one.plan.verdict == "fits" and (one.seconds or 0.0) <= PATIENCE]
    return sorted(suited, key=lambda one: -one.plan.base.weights)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
