"""The base beside which an adapter was trained, held as it was held then: in which precision, whole or in 4 bits.

An adapter makes up for what quantising did to its base, and a GPU that trained it in 4 bits may not hold the base
whole. So whatever is measured or answered beside an adapter, and the base that this is compared with, stands on weights
held as in its training. What is exported or merged is made of the whole weights.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from roletune.errors import MissingExtraError, ModelError
from roletune.models.device import Device, device_for
from roletune.models.load import FourBit, load_causal_lm, prepare_four_bit
from roletune.models.trained import RECORD
from roletune.records import Adapter, fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Frozen:
    """How a base is held: by a recipe's `dtype`, and in 4 bits or not, with `double` the constants quantised too."""

    dtype: str = "auto"
    four_bit: bool = False
    double: bool = False

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Frozen:
        """By the recipe of an `Adapter`; one that is older than a field has its default."""
        in_four = recipe.get("quantisation", "none") == "nf4"
        return cls(recipe.get("dtype", "auto"), in_four, in_four and bool(recipe.get("double_quantisation")))

    @classmethod
    def of_run(cls, folder: Path | None) -> Frozen:
        """By the record in a training's folder; as the machine likes it where there is no training, or no record.

        Raises ModelError for a record that can't be read.
        """
        path = folder / RECORD if folder else None
        if path is None or not path.is_file():
            return cls()
        try:
            return cls.of(Adapter.model_validate_json(path.read_text(encoding="utf-8")).recipe)
        except (ValidationError, UnicodeDecodeError) as error:
            raise ModelError(f"{path} can't be read. Train it again, or name another folder.") from error

    def identity(self, base: str) -> str:
        """The hash `base` of a base's weights, made another where they are held in a way that a recipe asks for."""
        return base if self == Frozen() else fingerprint(base, astuple(self))

    def device(self) -> Device:
        """Where it is computed here and in which precision, made ready."""
        return device_for(self.dtype)

    def load(self, folder: Path, device: Device) -> PreTrainedModel:
        """The base in `folder`, in evaluation mode; in 4 bits it is on the device already.

        Raises ModelError if it can't be loaded, MissingExtraError without bitsandbytes for 4 bits.
        """
        import torch

        dtype = getattr(torch, device.dtype)
        if not self.four_bit:
            return load_causal_lm(folder, dtype)
        if importlib.util.find_spec("bitsandbytes") is None:
            raise MissingExtraError("What was trained in 4 bits", "quant")
        model: PreTrainedModel = prepare_four_bit(
            load_causal_lm(folder, dtype, four_bit=FourBit(device.name, self.double))
        )
        return model.eval()
