import pytest
import torch

from roletune.errors import ModelError
from roletune.models.device import Device, cpu_flags, medium_is_float32, pick_device


def test_the_cpu_computes_in_bfloat16_exactly_if_it_can_multiply_it():
    device = pick_device("cpu")
    native = bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "arm_bf16"})
    assert device.dtype == ("bfloat16" if native else "float32")
    assert device.threads >= 1
    assert device.reason


def test_the_same_machine_gives_the_same_answer():
    assert pick_device() == pick_device()


def test_probing_the_precision_leaves_torchs_setting_alone():
    before = torch.get_float32_matmul_precision()
    medium_is_float32()
    assert torch.get_float32_matmul_precision() == before


def test_activate_tells_torch(monkeypatch):
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        Device("cpu", "float32", 1, "a test", "medium").activate()
        assert torch.get_num_threads() == 1
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


def test_an_unknown_or_missing_device_is_refused_with_a_cure():
    with pytest.raises(ModelError, match="auto, cpu, cuda, mps"):
        pick_device("tpu")
    for name, present in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if not present:
            with pytest.raises(ModelError, match="Choose auto or cpu"):
                pick_device(name)
