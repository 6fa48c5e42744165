"""The model in training: a frozen base with PEFT's adapters, or all its own weights, as one vector; and its loss.

transformers loads and runs it, PEFT adapts it; `fast` takes work away beneath both. `nll` is the one function that
training and validation need.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from roletune.engine.store import write_json
from roletune.errors import TrainingError
from roletune.models.device import Device
from roletune.models.load import FourBit, load_causal_lm, load_tokenizer, prepare_four_bit, quiet
from roletune.models.trained import WHOLE, write_model
from roletune.models.unread import build_unread
from roletune.models.unread_weight import UnreadWeight
from roletune.records import fingerprint
from roletune.training import fast, lora, shards
from roletune.training.batch import MicroBatch
from roletune.training.checkpoint import write_tensors
from roletune.training.dropout import DropoutMasks
from roletune.training.flat import FlatParameters
from roletune.training.kernels import Kernels, choose
from roletune.training.loss import SupervisedLoss
from roletune.training.recipe import Recipe
from roletune.training.segments import Sections, Segments


class TrainableModel:
    """A causal language model with one LoRA adapter, or trained whole; only `flat.master` is trained.

    Where the adapters are fused (`fast.lora`), more of them can stand on the same base (`beside`), each a
    TrainableModel of its own. `folder` is where the base is: a whole model is saved with its tokenizer. `unread`
    weights are read when they are divided between processes.
    """

    def __init__(
        self,
        causal_lm: Any,
        recipe: Recipe,
        device: Device,
        folder: Path | None = None,
        unread: Sequence[UnreadWeight] = (),
    ) -> None:
        self._dtype = getattr(torch, device.dtype)
        self.device = device
        self._folder, self._whole = folder, recipe.method == "full"
        torch.manual_seed(recipe.seed)  # PEFT draws the A matrices
        prepared = _prepared(causal_lm, recipe)
        self.model = prepared if self._whole else _with_adapter(prepared, recipe)
        self._causal_lm = self.model if self._whole else self.model.get_base_model()
        # Before it goes to a device, where it may not fit whole.
        self.sharded = shards.shard(self._causal_lm, device.name, unread) if shards.wanted(recipe) else None
        self.model = self.model.to(device.name)
        self._name, self.number, self.cast = lora.ADAPTER, 0, lora.Cast()
        layers = lora.groups(self.model)
        # Elsewhere than on a CPU, drawing masks is cheap and PEFT's own forward is good; where a layer is computed
        # twice, our masks would not be the same ones again.
        own = device.name == "cpu" and not recipe.gradient_checkpointing and not self._whole
        self._bind(layers, recipe, copied=own or self._whole)
        masks = self._masks if own else None
        chosen = choose(self._causal_lm.config, device)
        self.fast = fast.install(self._causal_lm, layers, self.flat, masks, self.cast, chosen)
        self.kernels = Kernels(
            flash=chosen.flash and self.fast.attention, liger=chosen.liger and self.fast.norms + self.fast.gates > 0
        )

    def beside(self, recipe: Recipe) -> TrainableModel:
        """Another adapter on the same base, with the weights it would begin with alone; for fused adapters only.

        The recipes must be alike in all that is about the base, and adapt the same layers.
        """
        other = copy(self)
        torch.manual_seed(recipe.seed)
        other._name = f"{lora.ADAPTER}{len(self.model.peft_config)}"
        with quiet():
            self.model.add_adapter(other._name, _lora_config(recipe))
        layers = lora.groups(self.model)
        other._bind(layers, recipe)
        other.number = lora.join(self.fast.inputs, layers, other.flat, other._masks, other._name)
        return other

    def release(self) -> Any:
        """The base as it was, without any adapter, for another TrainableModel; this one is of no use any more."""
        return self.model.unload()

    def _bind(self, layers: list[list[Any]], recipe: Recipe, *, copied: bool = True) -> None:
        parameters = _all_parameters(self.model) if self._whole else lora.ordered_parameters(layers, self._name)
        for parameter in parameters:
            parameter.requires_grad_(True)  # PEFT freezes all adapters but the first
        # PEFT's own forward reads the masters, and autocast rounds them.
        self.flat = FlatParameters(parameters, self._dtype if copied else torch.float32, in_place=self._whole)
        self._generator = torch.Generator()
        self._masks = DropoutMasks(recipe.dropout, self._dtype, self.device.name, self._generator)

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, device: Device) -> TrainableModel:
        """Load the base from a folder and adapt it. Raises ModelError if it can't be loaded."""
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        quantised, use_flash = recipe.quantisation == "nf4", choose(config, device).flash
        # In 4 bits numbers of two precisions meet in attention: ours leaves that to torch's own.
        stock = quantised and not use_flash
        attention = fast.STOCK_ATTENTION if stock else fast.attention_for(config, device.name, use_flash=use_flash)
        four_bit = FourBit(device.name, recipe.double_quantisation) if quantised else None
        # What is trained is loaded unrounded: its masters are in fp32.
        dtype = torch.float32 if recipe.method == "full" else getattr(torch, device.dtype)
        unread = build_unread(folder, dtype, attention, four_bit) if shards.wanted(recipe) else None
        if unread is not None:
            return cls(unread.causal_lm, recipe, device, folder, unread.weights)
        if quantised and shards.wanted(recipe):
            raise TrainingError(
                f"{folder} can't be divided in 4 bits: its files are converted when they are read. Set quantisation: "
                "none, or sharding: none, or take another base."
            )
        return cls(load_causal_lm(folder, dtype, attention, four_bit), recipe, device, folder)

    def begin_step(self, seed: int, step: int, rank: int = 0) -> None:
        """All randomness of a step is a function of seed, step and process: a resumed run draws the same."""
        # Hashed to 32 bits: torch's generator looks at no more of a seed.
        drawn = int(fingerprint(seed, step, *([rank] if rank else []), length=8), 16)
        torch.manual_seed(drawn)
        self._generator.manual_seed(drawn)
        self.model.train()
        self._masks.active = True
        self._masks.renew()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Without dropout and gradients."""
        self.model.eval()
        self._masks.active = False
        with torch.no_grad():
            yield

    @property
    def packs(self) -> bool:
        """Whether it takes the sequences of a micro-batch at once, a shared prefix among them."""
        return self.fast.attention and self.fast.loss

    def nll(self, batch: MicroBatch, denominator: float) -> Tensor:
        """Summed negative log-likelihood of the supervised tokens in nats, divided by `denominator`; scalar."""
        if self.packs:
            self.cast.shares = (lora.Share(self.number),)
            return self.scored(self.hidden(batch.ids, batch.positions, batch.segments)[batch.rows], batch, denominator)
        return torch.stack([self._plain_nll(part, denominator) for part in batch.split()]).sum()

    def hidden(self, ids: Tensor, positions: Tensor, segments: Segments | Sections) -> Tensor:
        """What goes into the head [rows, hidden], for a model that packs; `cast` says whose rows they are."""
        with self._precision():
            output = self._causal_lm.base_model(
                input_ids=ids, position_ids=positions, segments=segments, use_cache=False
            )
        return output.last_hidden_state[0]

    def scored(self, hidden: Tensor, batch: MicroBatch, denominator: float) -> Tensor:
        """`nll` of the hidden states of the rows of a micro-batch that are scored."""
        head = self._causal_lm.get_output_embeddings().weight
        return SupervisedLoss.apply(hidden.to(head.dtype), head, batch.targets, denominator)

    def _plain_nll(self, batch: MicroBatch, denominator: float) -> Tensor:
        """One sequence through transformers' own attention, and through its head where that is not a plain one."""
        if self.fast.loss:
            with self._precision():
                hidden = self._causal_lm.base_model(input_ids=batch.ids, use_cache=False).last_hidden_state[0]
            return self.scored(hidden[batch.rows], batch, denominator)
        with self._precision():
            logits = self._causal_lm(input_ids=batch.ids, logits_to_keep=batch.rows, use_cache=False).logits[0]
        return functional.cross_entropy(logits.float(), batch.targets, reduction="sum") / denominator

    def _precision(self) -> torch.autocast:
        """PEFT's own forward keeps adapters in fp32: it needs autocast. Ours has its copies, a whole model is one."""
        wanted = not self.fast.lora and not self._whole and self._dtype != torch.float32
        return torch.autocast(self.device.name, dtype=self._dtype, enabled=wanted)

    def save(self, folder: Path, base_label: str) -> None:
        """What was trained, as it computes, with a base fit to share: PEFT's files or a model (`models.trained`)."""
        if not self._whole:
            write_adapter(self.model, folder, base_label, self._name)
            return
        assert self._folder is not None, "a model without a folder has no tokenizer to be saved with"
        self.model.config._name_or_path = base_label
        write_model(self.model, load_tokenizer(self._folder), folder / WHOLE)


def write_adapter(peft: Any, folder: Path, base_label: str, name: str = lora.ADAPTER) -> None:
    """The trained adapter of a PEFT model and its configuration, as PEFT writes them, with a base fit to share."""
    from peft import get_peft_model_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    config = peft.peft_config[name].to_dict()
    config.update(base_model_name_or_path=base_label, inference_mode=True)
    # No embedding is changed: PEFT would ask the hub for the base's configuration to find that out.
    state = get_peft_model_state_dict(peft, adapter_name=name, save_embedding_layers=False)
    tensors = {name: value.contiguous() for name, value in state.items()}
    write_json(folder / "adapter_config.json", json.loads(json.dumps(config, default=_plain, sort_keys=True)))
    write_tensors(folder / "adapter_model.safetensors", tensors, {"format": "pt"})


def _all_parameters(model: Any) -> list[torch.nn.Parameter]:
    """All of a model's weights in its order, but matrices first; tied ones stand once."""
    return sorted(model.parameters(), key=lambda parameter: parameter.ndim < 2)


def _prepared(causal_lm: Any, recipe: Recipe) -> Any:
    """In 4 bits what is not quantised is brought to fp32; with checkpointing the layers compute twice."""
    if recipe.quantisation == "nf4":
        causal_lm = prepare_four_bit(causal_lm)
    if recipe.gradient_checkpointing:
        with quiet():
            causal_lm.gradient_checkpointing_enable({"use_reentrant": False})
        causal_lm.enable_input_require_grads()
    return causal_lm


def _with_adapter(causal_lm: Any, recipe: Recipe) -> Any:
    from peft import get_peft_model

    try:
        with quiet():
            return get_peft_model(causal_lm, _lora_config(recipe))
    except ValueError as error:
        raise TrainingError(
            f"No adapter can be put on this base model: {error}. See target_modules in the recipe."
        ) from error


def _lora_config(recipe: Recipe) -> Any:
    from peft import LoraConfig

    targets = recipe.target_modules if isinstance(recipe.target_modules, str) else list(recipe.target_modules)
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def _plain(value: Any) -> Any:
    """PEFT's sets and enumerations as JSON."""
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
