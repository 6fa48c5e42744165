"""The peak is seen although it has passed, and that of a child process, too."""

import subprocess
import sys
import threading

from roletune.engine.memory import MemoryWatch

MIB = 1024**2


def test_a_peak_that_has_passed_is_remembered():
    with MemoryWatch() as memory:
        before = memory.peak_bytes
        block = bytearray(b"x") * (100 * MIB)
        while memory.peak_bytes < before + 90 * MIB:
            threading.Event().wait(0.01)
        del block
    assert memory.peak_bytes >= before + 90 * MIB


def test_the_memory_of_a_child_counts():
    script = f"block = b'x' * {100 * MIB}; print(1, flush=True); input()"
    with MemoryWatch() as memory:
        before = memory.peak_bytes
        child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        while memory.peak_bytes < before + 100 * MIB:
            threading.Event().wait(0.01)
        child.communicate(b"\n")
    assert memory.peak_bytes >= before + 100 * MIB


def test_work_too_short_to_be_sampled_has_a_figure_and_its_failure_passes_through():
    try:
        with MemoryWatch() as memory:
            raise KeyError
    except KeyError:
        assert memory.peak_bytes > MIB
