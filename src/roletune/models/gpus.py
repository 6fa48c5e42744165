"""GPUs by name, or by their gigabytes, to plan for one that is not in this machine."""

from __future__ import annotations

from roletune.errors import ModelError
from roletune.models.device import Device

USABLE = 0.92  # of the nominal memory; error correction and the driver take the rest (a T4: 15.8e9 of 16 GiB)
# GiB, and whether it multiplies bfloat16.
GPUS = {
    "t4": (16, False),
    "v100": (32, False),
    "l4": (24, True),
    "a10": (24, True),
    "rtx3060": (12, True),
    "rtx4090": (24, True),
    "a100": (80, True),
    "h100": (80, True),
}


def gpu_named(name: str) -> tuple[Device, float]:
    """The device and the bytes that can be used there, for a name of `GPUS` or a number of GiB. Raises ModelError.

    A number is of a GPU that multiplies bfloat16, as those since 2020 do.
    """
    key = name.strip().casefold()
    if key in GPUS:
        size, fast = GPUS[key]
    elif key.isdecimal() and 0 < int(key) < 10_000:
        size, fast = int(key), True
    else:
        raise ModelError(f"There is no GPU {name!r} to plan for. Name one of {', '.join(GPUS)}, or its gigabytes: 24.")
    told = f"{name} is said to multiply {'bfloat16' if fast else 'no bfloat16'}"
    return Device("cuda", "bfloat16" if fast else "float32", 1, told), USABLE * size * 2**30
