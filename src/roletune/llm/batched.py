"""A ChatModel behind a provider's batch interface (OpenAI's /v1/files and /v1/batches): slow, and at a lower price.

Whoever asks waits until nobody has asked anything new for a moment; then all that is waiting goes as one batch. Replies
let their askers go on, and what these ask next is the next batch: a method whose calls follow from each other takes as
many batches as it has rounds. Guarantees: a batch is found again after a kill at any moment (`llm.batch_journal`), a
request that is in one is not sent with another, and a reply that came back is never asked for again, whether anybody
still waits for it or not. What expired, or failed for a passing reason, goes with a later batch, a few times; any other
failure is the error of its own request. Streams do not wait: they are asked directly.

Format: https://platform.openai.com/docs/guides/batch
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from roletune.errors import EndpointError
from roletune.llm.batch_journal import Batch, BatchJournal
from roletune.llm.batch_wire import ENDED, EXPIRED, PATH, Result, line_of, read_result, read_results
from roletune.llm.client import OpenAIChatModel
from roletune.llm.request import ChatReply, ChatRequest

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import Batch as ProviderBatch

_MOST_REQUESTS = 50_000  # of one file
_MOST_BYTES = 100_000_000
_ATTEMPTS = 3
_TURNS = 50  # of the event loop
_CLOCKS = 3600  # seconds by which two clocks may differ
_MARK = "roletune"  # the key of the metadata that holds our name for the batch


class BatchedModel:
    """A ChatModel around `model`; `say` is told what is sent and what came back.

    `settle` is how long nobody must have asked before a batch is sent, `poll` and `slowest` how often it is looked
    after, at first and at last; all in seconds.
    """

    def __init__(
        self,
        model: OpenAIChatModel,
        journal: BatchJournal,
        say: Callable[[str], None] = lambda _: None,
        *,
        settle: float = 1.0,
        poll: float = 5.0,
        slowest: float = 60.0,
    ) -> None:
        self._model = model
        self._journal = journal
        self._say = say
        self._settle, self._poll, self._slowest = settle, poll, slowest
        self._waiting: dict[str, tuple[dict[str, Any], asyncio.Future[ChatReply]]] = {}  # body of the request
        self._queue: list[str] = []
        self._attempts: dict[str, int] = {}
        self._under_way: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._followed: set[str] = set()
        self._begun = False
        self._joined = 0  # how often anybody joined the queue
        self._gathering = False

    @property
    def identity(self) -> str:
        """That of the model: a reply is the same reply, whichever way it came."""
        return self._model.identity

    @property
    def name(self) -> str:
        """That of the model."""
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The reply, when its batch is done; `seconds` is 0, since nobody waited for this one alone."""
        key = request.key(self.identity)
        if not self._begun:
            self._take_up()
        if (line := self._journal.result(key)) is not None:
            found = read_result(json.loads(line), self._model.endpoint())
            assert found.answer is not None
            return self._reply(key, found)
        if key not in self._waiting:
            self._waiting[key] = (self._model.body(request), asyncio.get_running_loop().create_future())
            if key not in self._under_way:
                self._enqueue(key)
        return await asyncio.shield(self._waiting[key][1])  # who leaves takes nobody else's reply along

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The reply in pieces, asked directly."""
        async for piece in self._model.stream(request, on_end):
            yield piece

    async def close(self) -> None:
        """Stop waiting; batches go on at the provider and are taken up by the next run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._journal.close()

    # -- what waits --------------------------------------------------------------------------------------------------

    def _enqueue(self, key: str) -> None:
        self._queue.append(key)
        self._joined += 1
        if not self._gathering:
            self._gathering = True
            self._spawn(self._gather(), self._queue)

    async def _gather(self) -> None:
        seen = -1
        while seen != self._joined:
            seen = self._joined
            await asyncio.sleep(self._settle)
            for _ in range(_TURNS):  # a busy machine may have had no time to ask yet
                await asyncio.sleep(0)
        queue, self._queue, self._gathering = self._queue, [], False
        for lines in self._files(queue):
            self._under_way.update(lines)
            self._spawn(self._send(lines), tuple(lines))

    def _files(self, keys: list[str]) -> Iterator[dict[str, str]]:
        """The lines of the files to send, by key, none longer than a provider takes."""
        lines: dict[str, str] = {}
        size = 0
        for key in keys:
            line = line_of(key, self._waiting[key][0])
            if lines and (len(lines) >= _MOST_REQUESTS or size + len(line) > _MOST_BYTES):
                yield lines
                lines, size = {}, 0
            lines[key] = line
            size += len(line.encode())
        if lines:
            yield lines

    def _spawn(self, work: Coroutine[Any, Any, None], keys: Sequence[str]) -> None:
        """Work in the background; if it fails, so does whoever waits for it."""

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is None:
                return
            self._begun = False  # what was handed over is taken up again by whoever asks next
            self._under_way.difference_update(keys)
            for key in keys:
                if key in self._waiting:
                    self._waiting.pop(key)[1].set_exception(error)

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(ended)

    # -- batches -----------------------------------------------------------------------------------------------------

    def _take_up(self) -> None:
        """Follow what an earlier run left under way."""
        self._begun = True
        for batch in self._journal.batches(self.identity):
            if batch.open and batch.name not in self._followed:
                keys = self._journal.keys(batch)
                self._under_way.update(keys)
                self._spawn(self._follow(batch), keys)

    async def _send(self, lines: Mapping[str, str]) -> None:
        batch = self._journal.begin(secrets.token_hex(8), self.identity, lines)
        data = "".join(lines.values()).encode()

        async def upload(client: AsyncOpenAI) -> str:
            return (await client.files.create(file=(f"{batch.name}.jsonl", data), purpose="batch")).id

        file = await self._model.ask(upload)

        async def create(client: AsyncOpenAI) -> ProviderBatch:
            # Created by an attempt whose answer was lost: a second one would be paid, too.
            return await _named(client, batch) or await client.batches.create(
                input_file_id=file, endpoint=PATH, completion_window="24h", metadata={_MARK: batch.name}
            )

        batch = self._journal.handed_over(batch, (await self._model.ask(create)).id)
        self._say(
            f"batch {batch.id}: {batch.requests:,} requests sent to {self.name}; replies take up to a day. "
            "Ctrl-C stops the waiting only: the same command takes it up again."
        )
        await self._follow(batch)

    async def _follow(self, batch: Batch) -> None:
        """Wait for a batch, store what it brought, and let those go on who wait for it."""
        self._followed.add(batch.name)
        try:
            await self._to_its_end(batch)
        finally:
            self._followed.discard(batch.name)

    async def _to_its_end(self, batch: Batch) -> None:
        keys = self._journal.keys(batch)
        if not batch.id:  # killed while handing it over
            found = await self._model.ask(lambda client: _named(client, batch))
            if found is None:
                self._journal.forget(batch)
                self._under_way.difference_update(keys)
                for key in self._waiting.keys() & keys:
                    self._enqueue(key)
                return
            batch = self._journal.handed_over(batch, found.id)
        state = await self._ended(batch)
        lines: dict[str, str] = {}
        for file in filter(None, (state.output_file_id, state.error_file_id)):
            lines |= read_results(await self._model.ask(partial(_content, file=file)))
        results = {key: read_result(json.loads(lines[key]), self._model.endpoint()) for key in keys if key in lines}
        answered = [key for key, result in results.items() if result.answer]
        self._journal.finish(batch, state.status, lines, answered)
        self._say(f"batch {batch.id}: {state.status}, {len(answered):,} of {len(keys):,} requests answered")
        self._hand_out(state, keys, results)

    async def _ended(self, batch: Batch) -> ProviderBatch:
        delay = self._poll
        while True:
            state = await self._model.ask(lambda client: client.batches.retrieve(batch.id))
            if state.status in ENDED:
                return state
            await asyncio.sleep(delay)
            delay = min(delay * 1.5, self._slowest)

    def _hand_out(self, state: ProviderBatch, keys: list[str], results: Mapping[str, Result]) -> None:
        self._under_way.difference_update(keys)
        for key in keys:
            if key not in self._waiting:
                continue
            result = results.get(key) or _missing(state)
            self._attempts[key] = self._attempts.get(key, 0) + 1
            if result.answer:
                self._waiting.pop(key)[1].set_result(self._reply(key, result))
            elif result.again and self._attempts[key] < _ATTEMPTS:
                self._enqueue(key)
            else:
                self._waiting.pop(key)[1].set_exception(result.error or EndpointError("no reply"))

    def _reply(self, key: str, result: Result) -> ChatReply:
        answer = result.answer
        assert answer is not None
        return ChatReply(
            answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens, seconds=0.0, key=key
        )


async def _content(client: AsyncOpenAI, file: str) -> str:
    return (await client.files.content(file)).text


async def _named(client: AsyncOpenAI, wanted: Batch) -> ProviderBatch | None:
    """The provider's batch that carries our name for it; they are listed newest first."""
    oldest = datetime.fromisoformat(wanted.created).timestamp() - _CLOCKS
    async for batch in client.batches.list(limit=100):
        if (batch.metadata or {}).get(_MARK) == wanted.name:
            return batch
        if batch.created_at < oldest:
            break
    return None


def _missing(state: ProviderBatch) -> Result:
    """What a request without a result came to."""
    mistakes = (state.errors.data or []) if state.errors else []
    told = "; ".join(mistake.message for mistake in mistakes if mistake.message)
    cure = f" It says: {told}" if told else " Run the command again to send the rest anew."
    return Result(None, EndpointError(f"The batch {state.id} ended as {state.status}.{cure}"), state.status == EXPIRED)
