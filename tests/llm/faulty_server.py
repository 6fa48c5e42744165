"""An OpenAI-compatible endpoint that goes wrong in every way we know, at random and seeded; it counts what it did.

What it does to a request depends on the seed, the prompt and the attempt only, so a run can be told in advance. Every
request must carry one line `record NUMBER` in its last message.
"""

import asyncio
import json
import random
import re
import threading
from collections import Counter

FAULTS = ("busy", "error", "reset", "cut", "malformed", "html")
REFUSAL = "I'm sorry, but I can't help with that."


class FaultyServer:
    """Answers good replies with `share` of faults between; `refusals` of the records are refused in words, for ever.

    `sent` counts whole replies by record; what was sent whole may still be lost on the way if the reader is gone.
    """

    def __init__(self, *, seed=0, share=0.3, refusals=0.02, drips=0.02, limit=8, reply=lambda n: f"answer {n}"):
        self.seed, self.share, self.refusals, self.drips, self.limit = seed, share, refusals, drips, limit
        self.reply = reply
        self.asked, self.sent, self.faults = Counter(), Counter(), Counter()
        self.running = self.peak = 0
        self.down = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def refuses(self, number):
        """Whether this record meets a refusal, whenever it is asked."""
        return random.Random(f"{self.seed} refusal {number}").random() < self.refusals

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _connection(self, reader, writer):
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _request(self, reader, writer):
        """One request; whether the connection stays open."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
        body = json.loads(await reader.readexactly(length))
        number = int(re.findall(r"record (\d+)", body["messages"][-1]["content"])[-1])
        self.asked[number] += 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            return await self._answer(writer, number, random.Random(f"{self.seed} {number} {self.asked[number]}"))
        finally:
            self.running -= 1

    async def _answer(self, writer, number, chance):
        fault = chance.choice(FAULTS) if chance.random() < self.share else ""
        if self.down:
            fault = "reset"
        elif self.running > self.limit:
            fault = "busy"
        if fault:
            self.faults[fault] += 1
            return await getattr(self, f"_{fault}")(writer)
        text = REFUSAL if self.refuses(number) else self.reply(number)
        data = completion(text)
        self.sent[number] += 1
        slow = chance.random() < self.drips
        self.faults["drip"] += slow
        await send(writer, 200, data, pieces=5 if slow else 1)
        return True

    async def _busy(self, writer):
        await send(writer, 429, b'{"error": {"message": "slow down"}}', headers="retry-after-ms: 1\r\n")
        return True

    async def _error(self, writer):
        await send(writer, 500, b'{"error": {"message": "out of cheese"}}')
        return True

    async def _reset(self, writer):
        writer.transport.abort()
        return False

    async def _cut(self, writer):
        data = completion("never to be read")
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode()
        )
        writer.write(data[: len(data) // 2])
        await writer.drain()
        return False

    async def _malformed(self, writer):
        await send(writer, 200, b'{"choices": [{"message": {"content": "never')
        return True

    async def _html(self, writer):
        await send(writer, 502, b"<html>Bad gateway</html>")
        return True


def completion(text):
    """A whole chat completion."""
    words = len(text.split())
    return json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words},
        }
    ).encode()


async def send(writer, code, data, headers="", pieces=1):
    """An answer, in so many pieces with a little time between."""
    writer.write(
        f"HTTP/1.1 {code} X\r\ncontent-type: application/json\r\n{headers}content-length: {len(data)}\r\n\r\n".encode()
    )
    step = -(-len(data) // pieces)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
        await writer.drain()
        if pieces > 1:
            await asyncio.sleep(0.01)
