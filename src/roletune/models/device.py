"""Choose where and in which precision to compute.

Guarantees: the same machine gives the same answer (hardware flags decide, not stopwatches). bfloat16 is chosen only
where the hardware multiplies it; elsewhere it is slower than float32. `medium` products of float32 are chosen only
where a probe shows that they keep float32 accuracy: on AMX they are computed in bfloat16, elsewhere they are merely a
faster kernel.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import psutil

from roletune.errors import MissingExtraError, ModelError, ResourceError

MatmulPrecision = Literal["highest", "medium"]

# Largest error of a product, relative to its largest entry: float32 kernels stay below 1e-6, bfloat16 is near 3e-3.
_FLOAT32_ERROR = 1e-5
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(frozen=True)
class Device:
    """Where to compute: `dtype` is the frozen weights' torch dtype by name, `reason` one clause for the log."""

    name: Literal["cpu", "cuda", "mps"]
    dtype: Literal["bfloat16", "float32"]
    threads: int
    reason: str
    matmul_precision: MatmulPrecision = "highest"

    def activate(self) -> None:
        """Tell torch about threads and the precision of products; once a process, before the model is loaded."""
        import torch

        torch.set_num_threads(self.threads)
        torch.set_float32_matmul_precision(self.matmul_precision)


def pick_device(wanted: str = "auto") -> Device:
    """The best device of this machine, or the one `wanted` (auto, cpu, cuda, mps). Raises `ModelError`."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("Training and measuring", "train") from error
    if wanted not in ("auto", "cpu", "cuda", "mps"):
        raise ModelError(f"There is no device '{wanted}'. Choose one of auto, cpu, cuda, mps.")
    threads = _threads()
    if wanted in ("auto", "cuda") and torch.cuda.is_available():
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Device("cuda", "bfloat16", threads, f"{torch.cuda.get_device_name()} multiplies bfloat16")
        return Device("cuda", "float32", threads, f"{torch.cuda.get_device_name()} does not multiply bfloat16")
    if wanted in ("auto", "mps") and torch.backends.mps.is_available():
        return Device("mps", "float32", threads, "an Apple GPU")
    if wanted in ("cuda", "mps"):
        raise ModelError(f"This machine has no {wanted} device that torch can use. Choose auto or cpu.")
    return _cpu(threads)


def device_for(dtype: str) -> Device:
    """The machine's best device, made ready to compute in `dtype` ("auto": what it is fast in)."""
    device = pick_device()
    if dtype != "auto":
        device = replace(device, dtype=cast(Literal["bfloat16", "float32"], dtype))
    device.activate()
    return device


def free_memory(device: Device, sharing: int = 1) -> float | None:
    """Bytes that a process may take there: what is free, and what this one has already; None if it can't be told.

    On the CPU as many processes as are `sharing` the machine's memory divide what is free; each has a GPU to itself.
    """
    import torch

    if device.name == "cuda":
        return float(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved())
    if device.name == "mps":
        return float(torch.mps.recommended_max_memory())
    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no limit ("max"), or not in a container
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used)
    return float(free / sharing + psutil.Process().memory_info().rss)


def free_unused() -> None:
    """Give back the memory of models that nobody holds any more: their modules hold themselves in cycles."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was short; on a CPU torch has no class of its own for that."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in told for sign in _OUT_OF_MEMORY)
    )


@contextmanager
def short_memory(told: str) -> Iterator[None]:
    """What runs out of memory, as a `ResourceError` that says `told`, which names the cure."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise ResourceError(told) from error
        raise


def _cpu(threads: int) -> Device:
    flags = sorted(cpu_flags() & {"avx512_bf16", "amx_bf16", "arm_bf16"})
    if flags:
        return Device("cpu", "bfloat16", threads, f"this processor multiplies bfloat16 ({', '.join(flags)})")
    precision: MatmulPrecision = "medium" if medium_is_float32() else "highest"
    return Device("cpu", "float32", threads, "this processor does not multiply bfloat16", precision)


def cpu_flags() -> frozenset[str]:
    """The abilities of the processor, in Linux's spelling (`arm_bf16` on ARM); empty where they can't be told."""
    import torch

    tell = getattr(torch.cpu, "get_capabilities", None)  # younger than the oldest torch we take
    flags = _proc_flags() | ({name for name, present in tell().items() if present is True} if tell else set())
    if platform.machine().lower() in ("arm64", "aarch64"):
        flags = {"arm_bf16"} if flags & {"bf16", "arm_bf16"} else set()
    return frozenset(flags)


def _proc_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()}


def medium_is_float32() -> bool:
    """Whether float32 products under torch's precision `medium` are as exact as float32 here (about 10 ms)."""
    import torch

    before = torch.get_float32_matmul_precision()
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(256, 512, generator=generator), torch.randn(512, 512, generator=generator)
    exact = left.double() @ right.double().T
    try:
        torch.set_float32_matmul_precision("medium")
        product = torch.nn.functional.linear(left, right).double()
    finally:
        torch.set_float32_matmul_precision(before)
    return bool((product - exact).abs().max() / exact.abs().max() < _FLOAT32_ERROR)


def _threads() -> int:
    import torch

    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), available, _container_share()))


def _container_share() -> int:
    """The processors a container may use: more threads than that wait for each other."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):  # no limit ("max"), or not in a container
        return 1 << 16
