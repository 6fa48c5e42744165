"""How fast an endpoint is asked, reckoned on a clock that only the tests move."""

import asyncio

import pytest

from roletune.llm.limits import Limits, Pace, Slots, guess_tokens


class Clock:
    """Time passes when somebody sleeps, and only then."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)


def limits(**settings):
    clock = Clock()
    return Limits(clock=clock, sleep=clock.sleep, **settings), clock


def begin_all(gate, clock, costs):
    """When each call was let in, in seconds after the first."""
    times = []

    async def call(cost):
        async with gate.turn(cost):
            times.append(clock.now - 1000.0)

    async def main():
        await asyncio.gather(*(call(cost) for cost in costs))

    asyncio.run(main())
    return times


def test_requests_begin_evenly_spread_over_a_minute():
    gate, clock = limits(requests_per_minute=120)
    assert begin_all(gate, clock, [10] * 6) == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5])


def test_tokens_a_minute_hold_back_what_comes_after_a_large_call():
    gate, clock = limits(tokens_per_minute=6000)
    assert begin_all(gate, clock, [100, 300, 100]) == pytest.approx([0, 1, 4])


def test_without_limits_nobody_waits():
    gate, clock = limits()
    assert begin_all(gate, clock, [10**6] * 8) == [0] * 8


def test_a_guess_that_was_too_high_is_given_back():
    gate, clock = limits(tokens_per_minute=6000)

    async def main():
        async with gate.turn(1000) as turn:
            turn.succeeded(100)
        async with gate.turn(1000):
            return clock.now - 1000.0

    assert asyncio.run(main()) == pytest.approx(1.0)  # not 10


def test_a_rest_is_not_saved_up():
    pace = Pace(60)
    pace.spend(1, 0.0)
    pace.spend(1, 100.0)
    assert pace.wait(100.0) == pytest.approx(1.0)


def test_after_a_retry_after_nobody_asks_until_it_is_over():
    gate, clock = limits()

    async def main():
        async with gate.turn(1) as turn:
            turn.refused(7.0)
        async with gate.turn(1):
            return clock.now - 1000.0

    assert asyncio.run(main()) == pytest.approx(7.0)


def test_a_429_halves_the_calls_at_a_time_once_for_those_under_way():
    slots = Slots(16)
    numbers = [slots.begin() for _ in range(16)]
    for number in numbers:
        slots.refused(number)
        slots.end()
    assert slots.allowed == 8
    later = slots.begin()
    slots.refused(later)
    assert slots.allowed == 4


def test_there_is_always_room_for_one_call():
    slots = Slots(2)
    for _ in range(5):
        slots.refused(slots.begin())
        slots.end()
    assert slots.allowed == 1


def test_success_brings_the_calls_at_a_time_back_one_by_one():
    slots = Slots(4)
    slots.refused(slots.begin())
    assert slots.allowed == 2
    for _ in range(2):
        slots.succeeded()
    assert slots.allowed == 3
    for _ in range(20):
        slots.succeeded()
    assert slots.allowed == 4


def test_after_a_429_fewer_run_at_a_time():
    gate, _ = limits(concurrency=8)
    gate.slots.refused(gate.slots.begin())
    gate.slots.end()
    running = peak = 0

    async def call():
        nonlocal running, peak
        async with gate.turn(1):
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0)
            running -= 1

    async def main():
        await asyncio.gather(*(call() for _ in range(20)))

    asyncio.run(main())
    assert peak == 4


def test_who_is_cancelled_while_waiting_holds_nobody_up():
    gate, _ = limits(concurrency=1)

    async def main():
        async with gate.turn(1):
            waiting = asyncio.ensure_future(anext_turn(gate))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return await asyncio.wait_for(anext_turn(gate), 5)

    assert asyncio.run(main()) == 2


async def anext_turn(gate):
    async with gate.turn(1) as turn:
        return turn.number


def test_tokens_are_guessed_by_letters_and_by_characters_where_there_are_no_spaces():
    assert guess_tokens("abcdefgh") == 2
    assert guess_tokens("你好世界") == 4
    assert guess_tokens("") == 0
