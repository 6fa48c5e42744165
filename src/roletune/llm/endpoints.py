"""The endpoints that a character's settings name: one client for each, its batches, and one budget for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from roletune.llm.batch_journal import BatchJournal
from roletune.llm.batched import BatchedModel
from roletune.llm.budget import Budget, BudgetedModel, BudgetSettings
from roletune.llm.client import OpenAIChatModel, endpoint_identity
from roletune.llm.ledger import Ledger
from roletune.llm.model import ChatModel
from roletune.llm.settings import Endpoint


@dataclass
class Endpoints:
    """Models behind endpoints. What was spent is read from the ledger, so it counts across runs."""

    named: Sequence[Endpoint]  # those that the settings bind to a role
    limit: BudgetSettings
    ledger: Ledger
    batches: Path  # where batches that are under way are remembered
    say: Callable[[str], None]
    _clients: dict[Endpoint, OpenAIChatModel] = field(default_factory=dict)
    _batched: dict[Endpoint, BatchedModel] = field(default_factory=dict)

    def model(self, endpoint: Endpoint) -> ChatModel:
        """The model behind an endpoint: one for all who ask it, since its limits hold for all together."""
        if endpoint not in self._clients:
            self._clients[endpoint] = _client(endpoint)
        client = self._clients[endpoint]
        if not endpoint.batch:
            return BudgetedModel(client, self.budget, endpoint.charged)
        if endpoint not in self._batched:
            self._batched[endpoint] = BatchedModel(client, BatchJournal(self.batches), self.say)
        return BudgetedModel(self._batched[endpoint], self.budget, endpoint.charged)

    def by_identity(self) -> dict[str, Endpoint]:
        """The named endpoints by the identity that their model has in the ledger."""
        return {endpoint_identity(endpoint.url, endpoint.model): endpoint for endpoint in self.named}

    @cached_property
    def budget(self) -> Budget:
        """What may be spent on endpoints, and what was: by everything that this character's ledger holds."""
        budget, endpoints = Budget(self.limit), self.by_identity()
        for row in self.ledger.bill():
            if endpoint := endpoints.get(row.identity):
                budget.count(row.prompt_tokens, row.completion_tokens, endpoint.charged, row.calls)
        return budget

    async def close(self) -> None:
        """End every connection; batches under way go on at the provider."""
        for batched in self._batched.values():
            await batched.close()
        for client in self._clients.values():
            await client.close()


def _client(endpoint: Endpoint) -> OpenAIChatModel:
    return OpenAIChatModel(
        endpoint.url,
        endpoint.model,
        api_key_env=endpoint.key,
        concurrency=endpoint.concurrency,
        requests_per_minute=endpoint.requests_per_minute,
        tokens_per_minute=endpoint.tokens_per_minute,
        timeout=endpoint.timeout,
    )
