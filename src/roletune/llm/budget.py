"""What may be spent on endpoints, and a model that stops before more is spent.

Guarantees: a call is begun only if it fits into what is left even if its reply is as long as it may be, together with
the calls that are under way (it waits for those if only they stand in its way). Prompts are guessed, so the last call
may go a little over. Remembered replies are free.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from roletune.errors import BudgetError
from roletune.llm.limits import guess_tokens
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.settings import Price


class BudgetSettings(BaseModel):
    """The `budget:` block of character.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: float = Field(default=0.0, ge=0, description="that all calls to endpoints may cost; 0: no limit")
    tokens: int = Field(default=0, ge=0, description="of prompts and replies together; 0: no limit")


@dataclass
class Budget:
    """What is spent of a budget, and what calls under way may still take."""

    settings: BudgetSettings
    spent_amount: float = 0.0
    spent_tokens: int = 0
    calls: int = 0
    _reserved_amount: float = 0.0
    _reserved_tokens: int = 0
    _given_back: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self, prompt_tokens: int, completion_tokens: int, price: Price | None, calls: int = 1) -> None:
        """Calls that were answered."""
        self.calls += calls
        self.spent_tokens += prompt_tokens + completion_tokens
        self.spent_amount += price.of(prompt_tokens, completion_tokens) if price else 0.0

    @asynccontextmanager
    async def reserved(self, request: ChatRequest, price: Price | None) -> AsyncIterator[None]:
        """Set aside what a call may take at most. Raises BudgetError if that is more than is left."""
        prompt = guess_tokens("".join(message["content"] for message in request.messages))
        tokens = prompt + request.max_tokens
        amount = price.of(prompt, request.max_tokens) if price else 0.0
        while not self._fits(amount + self._reserved_amount, tokens + self._reserved_tokens):
            if not self._reserved_tokens:
                raise self._used_up(price)
            self._given_back.clear()
            await self._given_back.wait()
        self._reserved_amount += amount
        self._reserved_tokens += tokens
        try:
            yield
        finally:
            self._reserved_amount -= amount
            self._reserved_tokens -= tokens
            if not self._reserved_tokens:
                self._reserved_amount = 0.0  # sums of fractions leave crumbs
            self._given_back.set()

    def _fits(self, amount: float, tokens: int) -> bool:
        most = self.settings
        of_money = not most.amount or self.spent_amount + amount <= most.amount
        return of_money and (not most.tokens or self.spent_tokens + tokens <= most.tokens)

    def _used_up(self, price: Price | None) -> BudgetError:
        most = self.settings
        told, name = f"{most.tokens:,} tokens, {self.spent_tokens:,} of them spent", "budget.tokens"
        if most.amount and (not most.tokens or self.spent_amount / most.amount > self.spent_tokens / most.tokens):
            currency = f" {price.currency}" if price else ""
            told, name = f"{most.amount:g}{currency}, {self.spent_amount:.4g} of it spent", "budget.amount"
        return BudgetError(
            f"The next call may cost more than is left of the budget ({told} on {self.calls:,} calls). What was "
            f"answered is kept. To go on, raise {name} in character.yaml and run the same command."
        )


class BudgetedModel:
    """A ChatModel that asks only what the budget allows."""

    def __init__(self, model: ChatModel, budget: Budget, price: Price | None) -> None:
        self._model = model
        self._budget = budget
        self._price = price

    @property
    def identity(self) -> str:
        """That of the model."""
        return self._model.identity

    @property
    def name(self) -> str:
        """That of the model."""
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The reply; BudgetError if it may cost more than is left."""
        async with self._budget.reserved(request, self._price):
            reply = await self._model.complete(request)
            self._budget.count(reply.prompt_tokens, reply.completion_tokens, self._price)
        return reply

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The reply in pieces, under the same condition."""

        def ended(reply: ChatReply) -> None:
            self._budget.count(reply.prompt_tokens, reply.completion_tokens, self._price)
            if on_end:
                on_end(reply)

        async with self._budget.reserved(request, self._price):
            async for piece in self._model.stream(request, ended):
                yield piece
