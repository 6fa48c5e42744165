"""The frozen weights of a base divided between the processes of a launch, by torch's `fully_shard` (FSDP2).

Each process keeps its share of every decoder layer; a layer is put together for its forward and its backward, and given
up again. What is trained, the adapters, stays whole in each process, as do the embedding, the last norm and the head,
in large models a few percent. Whoever computes with a sharded layer reads its weights when it is called, and all
processes must go through the layers equally often and in the same order (`loop.Training`).

Weights that are still in their files (`models.unread`) are read once it is known whose they are: a process reads its
share of the layers, and what stays whole, and never has the whole base in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from roletune.errors import TrainingError
from roletune.models.unread_weight import UnreadWeight
from roletune.training.ranks import Ranks
from roletune.training.recipe import Recipe


def wanted(recipe: Recipe) -> bool:
    """Whether there is somebody to divide the weights with."""
    return recipe.sharding != "none" and Ranks.current().size > 1


@dataclass(frozen=True)
class Division:
    """How many layers were divided, and the bytes of weights that this process read; None where it read all."""

    layers: int
    read: int | None


def shard(causal_lm: Any, device: str, unread: Sequence[UnreadWeight] = ()) -> Division:
    """Divide the frozen weights of the decoder layers; `device` is where they compute, and `unread` are read to.

    Trainable weights stay as they are. Raises TrainingError for a model that does not say which its layers are, and
    ModelError for a file that can't be read.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    layers = decoder_layers(causal_lm)
    if not layers:
        raise TrainingError(
            f"{type(causal_lm).__name__} does not say which modules are its layers, so it can't be divided. "
            "Set sharding: none, or take another base."
        )
    for weight in unread:  # what is divided without values has to be on the meta device
        weight.put(weight.blank())
    mesh = init_device_mesh(device, (Ranks.current().size,))
    divided = {id(weight) for layer in layers for weight in layer.parameters() if _is_divided(weight)}
    whole = {weight for weight in causal_lm.parameters() if id(weight) not in divided}
    for layer in layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
    # The root has no weights of its own: it lets the next layer be fetched while one computes.
    fully_shard(causal_lm.base_model, mesh=mesh, ignored_params=whole)
    return Division(len(layers), sum(_read(weight, device) for weight in unread) if unread else None)


def _is_divided(weight: nn.Parameter) -> bool:
    """A frozen matrix; norms and biases are small, and beside weights in 4 bits of another dtype."""
    return not weight.requires_grad and weight.ndim > 1


def _read(weight: UnreadWeight, device: str) -> int:
    """Read what this process holds of a weight; returns how many bytes of the file that were."""
    from torch.distributed.tensor import DTensor

    empty = weight.parameter
    if not isinstance(empty, DTensor):
        values, read = weight.take(device)
        weight.put(values)
        return read
    own, read = weight.take(device, _own_rows(empty.shape[0]))
    weight.put(
        DTensor.from_local(
            own, empty.device_mesh, empty.placements, run_check=False, shape=empty.shape, stride=empty.stride()
        )
    )
    return read


def _own_rows(rows: int) -> slice:
    """The rows that `fully_shard` leaves to this process: as many as each other's, but for the last that has any."""
    ranks = Ranks.current()
    each = -(-rows // ranks.size)
    start = min(rows, ranks.rank * each)
    return slice(start, min(rows, start + each))


def decoder_layers(causal_lm: Any) -> list[nn.Module]:
    """The modules that transformers would not split over devices."""
    names = set(getattr(causal_lm, "_no_split_modules", None) or ())
    return [module for module in causal_lm.modules() if type(module).__name__ in names]
