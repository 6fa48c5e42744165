"""The frozen weights of a base divided between the processes of a launch, by torch's `fully_shard` (FSDP2).

Each process keeps its share of every decoder layer; a layer is put together for its forward and its backward, and given
up again. What is trained, the adapters, stays whole in each process, as do the embedding, the last norm and the head,
in large models a few percent. Whoever computes with a sharded layer reads its weights when it is called, and all
processes must go through the layers equally often and in the same order (`loop.Training`).
"""

from __future__ import annotations

from typing import Any

from torch import nn

from roletune.errors import TrainingError
from roletune.training.ranks import Ranks
from roletune.training.recipe import Recipe


def wanted(recipe: Recipe) -> bool:
    """Whether there is somebody to divide the weights with."""
    return recipe.sharding != "none" and Ranks.current().size > 1


def shard(causal_lm: Any, device: str) -> int:
    """Divide the frozen weights of the decoder layers; `device` is where they compute. Returns the number of layers.

    Trainable weights stay as they are. Raises TrainingError for a model that does not say which its layers are.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    layers = decoder_layers(causal_lm)
    if not layers:
        raise TrainingError(
            f"{type(causal_lm).__name__} does not say which modules are its layers, so it can't be divided. "
            "Set sharding: none, or take another base."
        )
    mesh = init_device_mesh(device, (Ranks.current().size,))
    divided = {id(weight) for layer in layers for weight in layer.parameters() if not weight.requires_grad}
    whole = {weight for weight in causal_lm.parameters() if id(weight) not in divided}
    for layer in layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=whole)
    # The root has no weights of its own: it lets the next layer be fetched while one computes.
    fully_shard(causal_lm.base_model, mesh=mesh, ignored_params=whole)
    return len(layers)


def decoder_layers(causal_lm: Any) -> list[nn.Module]:
    """The modules that transformers would not split over devices."""
    names = set(getattr(causal_lm, "_no_split_modules", None) or ())
    return [module for module in causal_lm.modules() if type(module).__name__ in names]
