"""A budget stops before more is spent, and says how to go on."""

import asyncio

import pytest

from roletune.errors import BudgetError
from roletune.llm.budget import Budget, BudgetedModel, BudgetSettings
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.scripted import ScriptedModel
from roletune.llm.settings import Price

PRICE = Price(input=1000.0, output=1000.0)  # 0.001 a token


def request(number):
    return ChatRequest(messages=({"role": "user", "content": f"{number:04}"},), max_tokens=9)


def answer(request):
    return ChatReply("yes", "stop", 1, 4, 0.0, request.key("scripted"))


def asked_until_it_stops(budget, price=PRICE, ledger=None):
    model = ScriptedModel(answer)
    budgeted = BudgetedModel(model, budget, price)
    asking = RememberedModel(budgeted, ledger, "scenes") if ledger else budgeted

    async def main():
        for number in range(100):
            await asking.complete(request(number))

    with pytest.raises(BudgetError) as raised:
        asyncio.run(main())
    return len(model.requests), str(raised.value)


def test_no_call_is_begun_whose_longest_reply_does_not_fit_any_more():
    calls, told = asked_until_it_stops(Budget(BudgetSettings(amount=0.05)))
    assert calls == 9  # 9 x 5 tokens are spent: a tenth could take 10, and 5 are left
    assert "0.05 USD, 0.045 of it spent on 9 calls" in told
    assert "raise budget.amount" in told


def test_tokens_are_a_budget_too_also_where_the_price_is_unknown():
    calls, told = asked_until_it_stops(Budget(BudgetSettings(tokens=50)), price=None)
    assert calls == 9
    assert "raise budget.tokens" in told


def test_what_was_spent_before_counts():
    budget = Budget(BudgetSettings(tokens=50))
    budget.count(20, 10, PRICE, calls=3)
    assert asked_until_it_stops(budget)[0] == 3


def test_a_call_waits_for_those_under_way_if_only_they_stand_in_its_way():
    budget = Budget(BudgetSettings(tokens=25))  # two calls of at most 10 tokens at a time; all four take 20
    running, peaks = [], []

    class Slow(ScriptedModel):
        async def complete(self, request):
            running.append(request)
            peaks.append(len(running))
            await asyncio.sleep(0)
            running.remove(request)
            return await super().complete(request)

    model = BudgetedModel(Slow(answer), budget, None)

    async def main():
        return await asyncio.gather(*(model.complete(request(number)) for number in range(4)))

    assert [reply.text for reply in asyncio.run(main())] == ["yes"] * 4
    assert max(peaks) == 2


def test_without_a_budget_nothing_is_refused():
    model = BudgetedModel(ScriptedModel(answer), Budget(BudgetSettings()), PRICE)
    assert asyncio.run(model.complete(request(1))).text == "yes"


def test_remembered_replies_cost_nothing_and_a_higher_budget_goes_on(tmp_path):
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert asked_until_it_stops(Budget(BudgetSettings(tokens=50)), ledger=ledger)[0] == 9
        more = Budget(BudgetSettings(tokens=100))
        more.count(9, 36, None, calls=9)
        assert asked_until_it_stops(more, ledger=ledger)[0] == 10
