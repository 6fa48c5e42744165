"""Killed or stopped in the middle of writing: no reply that was stored is asked for again."""

import json
import signal
import time

import pytest

from .terminal import ended, process, remembered, roletune


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def prompts(requests):
    return sorted(json.dumps(json.loads(request)["messages"]) for request in requests)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_the_same_command_goes_on_where_it_was_stopped(folder, endpoint, capsys, how):
    endpoint.delay = 0.3
    running = process("protective", folder)
    wait_until(lambda: endpoint.answered >= 9 or running.poll() is not None)
    running.send_signal(how)
    stopped = ended(running)
    stored = prompts(remembered(folder))
    assert 7 <= len(stored) < 14, stopped.err
    assert not (folder / "build" / "protective.jsonl").exists()
    if how == signal.SIGINT:
        assert stopped.code == 130
        assert "the same command goes on from here" in stopped.err
        assert "Traceback" not in stopped.err

    endpoint.delay, before = 0.0, len(endpoint.asked)
    assert roletune(capsys, "protective", folder).code == 0
    asked = endpoint.asked[before:]
    assert asked
    assert not set(asked) & set(stored)
    assert (folder / "build" / "protective.jsonl").is_file()
    assert len(remembered(folder)) == len(set(prompts(remembered(folder)))), "no call is stored twice"
