"""Many items, a few at a time; what fails on purpose is a result, what is a bug is raised."""

import asyncio
import itertools
import subprocess
import sys

import pytest

from roletune.engine.runner import Outcome, each, run
from roletune.errors import EndpointError, ReplyError


async def double(number):
    await asyncio.sleep(0)
    return number * 2


def test_results_come_in_the_order_of_the_items():
    async def slower_first(number):
        await asyncio.sleep(0.02 / (number + 1))
        return number

    outcomes = asyncio.run(run(range(10), slower_first, concurrency=10))
    assert [outcome.value for outcome in outcomes] == list(range(10))


def test_no_items_give_no_results():
    assert asyncio.run(run([], double, concurrency=3)) == []


def test_a_failure_on_purpose_is_a_result_and_the_rest_goes_on():
    error = ReplyError("no scene in it", raw="...")

    async def work(number):
        if number == 1:
            raise error
        return number

    outcomes = asyncio.run(run(range(3), work, concurrency=2))
    assert outcomes == [Outcome(0, value=0), Outcome(1, error=error), Outcome(2, value=2)]
    assert [outcome.ok for outcome in outcomes] == [True, False, True]


def test_a_bug_stops_the_rest_and_is_raised_as_it_is():
    started, cancelled = [], []

    async def work(number):
        started.append(number)
        if number == 2:
            raise KeyError("a bug")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(KeyError, match="a bug"):
        asyncio.run(run(range(100), work, concurrency=3))
    assert started == [0, 1, 2]
    assert sorted(cancelled) == [0, 1]


def test_work_that_cancels_itself_is_not_lost_without_a_word():
    async def work(number):
        if number == 1:
            raise asyncio.CancelledError
        return number

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run(range(3), work, concurrency=1))


def test_never_more_than_the_given_number_at_a_time():
    running = peak = 0

    async def work(number):
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.001)
        running -= 1

    asyncio.run(run(range(50), work, concurrency=4))
    assert peak == 4


def test_items_are_taken_only_when_a_worker_is_free():
    taken = 0

    def items():
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield number

    async def work(number):
        if number == 20:
            raise KeyError("stop here")
        assert taken <= number + 3
        await asyncio.sleep(0)

    with pytest.raises(KeyError):
        asyncio.run(run(items(), work, concurrency=3))


def test_a_hundred_thousand_items_make_few_tasks():
    most = 0

    async def work(number):
        nonlocal most
        if number % 1000 == 0:
            most = max(most, len(asyncio.all_tasks()))
        return number

    outcomes = asyncio.run(run(range(100_000), work, concurrency=8))
    assert len(outcomes) == 100_000
    assert most <= 9


def test_each_outcome_is_told_as_it_comes():
    told = []
    asyncio.run(run(range(3), double, concurrency=1, on_done=told.append))
    assert [outcome.value for outcome in told] == [0, 2, 4]


def test_a_mistake_in_telling_is_raised():
    def broken(outcome):
        raise EndpointError("even one of ours: it is not the work's")

    with pytest.raises(EndpointError):
        asyncio.run(run(range(3), double, concurrency=2, on_done=broken))


def test_being_cancelled_from_outside_stops_at_once():
    async def main():
        task = asyncio.create_task(run(range(10), lambda _: asyncio.sleep(60), concurrency=2))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_ctrl_c_ends_work_that_never_waits():
    script = """
import asyncio, itertools, os, signal
from roletune.engine.runner import run
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
async def work(number):
    if number == 1000:
        os.kill(os.getpid(), signal.SIGINT)
asyncio.run(run(itertools.count(), work, concurrency=2))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "KeyboardInterrupt" in done.stderr


def test_each_tells_every_outcome_with_its_number_and_holds_none_back():
    told, error = {}, ReplyError("no scene in it", raw="...")

    async def work(number):
        await asyncio.sleep(0)
        if number == 2:
            raise error
        return number * 10

    asyncio.run(each(iter(range(5)), work, lambda number, outcome: told.update({number: outcome}), concurrency=2))
    assert told[4] == Outcome(4, value=40)
    assert told[2] == Outcome(2, error=error)
    assert sorted(told) == list(range(5))
