"""What tasks ask for at the same moment is done in one go, and everybody gets the own result."""

import asyncio

import pytest

from roletune.errors import ResourceError
from roletune.llm.together import Together


def squares(batches):
    def work(items):
        batches.append(list(items))
        return [item * item for item in items]

    return work


def test_who_asks_at_the_same_moment_shares_a_batch_of_at_most_so_many():
    batches = []

    async def main():
        together = Together(squares(batches), most=4)
        return await asyncio.gather(*(together(number) for number in range(10)))

    assert asyncio.run(main()) == [number * number for number in range(10)]
    assert [len(batch) for batch in batches] == [4, 4, 2]


def test_who_asks_later_is_not_waited_for():
    batches = []

    async def main():
        together = Together(squares(batches))
        return [await together(number) for number in range(3)]

    assert asyncio.run(main()) == [0, 1, 4]
    assert batches == [[0], [1], [2]]


def test_an_error_reaches_everybody_in_its_batch_and_nobody_else():
    def work(items):
        if 1 in items:
            raise ResourceError("The disk is full.")
        return items

    async def main():
        together = Together(work, most=2)
        return await asyncio.gather(*(together(number) for number in range(4)), return_exceptions=True)

    first, second, third, fourth = asyncio.run(main())
    assert isinstance(first, ResourceError)
    assert isinstance(second, ResourceError)
    assert (third, fourth) == (2, 3)


def test_the_item_of_somebody_who_left_is_done_all_the_same():
    batches = []

    async def main():
        together = Together(squares(batches))
        leaving, staying = (asyncio.ensure_future(together(number)) for number in (1, 2))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == 4
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(main())
    assert batches == [[1, 2]]
