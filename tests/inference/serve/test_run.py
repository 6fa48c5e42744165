import asyncio
import os
import signal
import socket

import pytest

from roletune.inference.serve.run import ended_by_sigterm, listen


def test_what_connects_is_answered_without_nagles_delay():
    async def accepted():
        taken = asyncio.get_running_loop().create_future()

        class Greeting(asyncio.Protocol):
            def connection_made(self, transport):
                taken.set_result(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        with listen("127.0.0.1", 0) as listening:
            async with await asyncio.get_running_loop().create_server(Greeting, sock=listening):
                _, writer = await asyncio.open_connection(*listening.getsockname())
                writer.close()
                return await asyncio.wait_for(taken, 10)

    assert asyncio.run(accepted())


def test_sigterm_while_weights_are_loaded_ends_what_was_begun():
    ended = []

    async def loading():
        with ended_by_sigterm():
            os.kill(os.getpid(), signal.SIGTERM)
            try:
                await asyncio.sleep(30)
            finally:
                ended.append("server")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(loading())
    assert ended == ["server"]
    assert signal.getsignal(signal.SIGTERM) is before
