"""What may be spent on endpoints, and a model that stops before more is spent.

Guarantees: a call is begun only if it fits into what is left even if its reply is as long as it may be, together with
the calls that are under way; prompts are guessed, so the last call may go a little over. Remembered replies are free.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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

    def count(self, prompt_tokens: int, completion_tokens: int, price: Price | None, calls: int = 1) -> None:
        """Calls that were answered."""
        self.calls += calls
        self.spent_tokens += prompt_tokens + completion_tokens
        self.spent_amount += price.of(prompt_tokens, completion_tokens) if price else 0.0

    @contextmanager
    def reserved(self, request: ChatRequest, price: Price | None) -> Iterator[None]:
        """Set aside what a call may take at most. Raises BudgetError if that is more than is left."""
        prompt = guess_tokens("".join(message["content"] for message in request.messages))
        tokens = prompt + request.max_tokens
        amount = price.of(prompt, request.max_tokens) if price else 0.0
        self._refuse(amount, tokens, price)
        self._reserved_amount += amount
        self._reserved_tokens += tokens
        try:
            yield
        finally:
            self._reserved_amount -= amount
            self._reserved_tokens -= tokens

    def _refuse(self, amount: float, tokens: int, price: Price | None) -> None:
        most = self.settings
        if most.amount and self.spent_amount + self._reserved_amount + amount > most.amount:
            currency = price.currency if price else ""
            told, name = f"{most.amount:g} {currency}, {self.spent_amount:.4g} of it spent", "budget.amount"
        elif most.tokens and self.spent_tokens + self._reserved_tokens + tokens > most.tokens:
            told, name = f"{most.tokens:,} tokens, {self.spent_tokens:,} of them spent", "budget.tokens"
        else:
            return
        raise BudgetError(
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
        with self._budget.reserved(request, self._price):
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

        with self._budget.reserved(request, self._price):
            async for piece in self._model.stream(request, ended):
                yield piece
