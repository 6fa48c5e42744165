"""A thousand records through an endpoint that fails in every way: none lost, none asked again once it is stored."""

import asyncio
import sqlite3

from tests.llm.faulty_server import REFUSAL, FaultyServer

from roletune.engine.runner import run
from roletune.errors import EndpointError, ReplyError
from roletune.llm.backoff import Backoff
from roletune.llm.client import OpenAIChatModel
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.request import ChatRequest
from roletune.prompts import load_prompt
from roletune.synthesis.asking import Again, ask_until_read

QUICK = Backoff(attempts=4, first=0.001, longest=0.004, patience=5.0)
PATIENT = Backoff(attempts=6, first=0.01, longest=0.2, patience=5.0)  # a slow reply may last longer than QUICK waits
AGAIN = load_prompt("again")


def request(number):
    return ChatRequest(messages=({"role": "user", "content": f"record {number}"},))


def run_records(server, ledger, count, attempts=1, backoff=QUICK):
    """Ask for every record; what each came to."""
    remote = OpenAIChatModel(server.url, "m", api_key="k", concurrency=16, backoff=backoff, timeout=10.0)
    model = RememberedModel(remote, ledger, "test")

    def read(number):
        def reading(reply):
            if reply.text != f"answer {number}":
                raise ReplyError("no answer in the reply", reply.text)
            return reply

        return reading

    async def work(number):
        again = Again(AGAIN, attempts)
        asked = request(number)
        return await ask_until_read(model, asked, read(number), again if server.refusals == 0 else None)

    async def main():
        try:
            return await run(range(count), work, concurrency=16)
        finally:
            await remote.close()

    return asyncio.run(main())


def stored(ledger):
    with sqlite3.connect(ledger.path) as database:
        return dict(database.execute("SELECT request, count(*) FROM calls GROUP BY request"))


def test_a_thousand_records_through_every_fault_are_all_accounted_for_and_none_is_paid_twice(tmp_path):
    lost = []
    with FaultyServer(seed=3) as server:
        for _ in range(10):  # running again is going on
            before = dict(server.sent)
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                outcomes = run_records(server, ledger, 1000)
                rows = stored(ledger)
            again = {number for number in before if server.sent[number] > before[number]}
            assert not again, "a record was asked again after its reply was stored"
            lost = [one.item for one in outcomes if isinstance(one.error, EndpointError)]
            assert len(rows) == 1000 - len(lost)
            if not lost:
                break
    assert not lost
    assert set(rows.values()) == {1}
    assert server.sent == dict.fromkeys(range(1000), 1)  # one whole reply each: not one more was paid for
    refused = {one.item: one.error.raw for one in outcomes if one.error}
    assert refused == {number: REFUSAL for number in range(1000) if server.refuses(number)}
    assert refused
    assert {"busy", "error", "reset", "cut", "malformed", "html", "drip"} <= set(server.faults)


def test_an_endpoint_that_goes_down_and_comes_back_is_asked_only_for_the_rest(tmp_path):
    with FaultyServer(seed=1, share=0.0, refusals=0.0, limit=100) as server, Ledger(tmp_path / "l.sqlite") as ledger:
        assert all(one.ok for one in run_records(server, ledger, 40))
        server.down = True
        outcomes = run_records(server, ledger, 80)
        assert [one.ok for one in outcomes] == [True] * 40 + [False] * 40
        assert "can't be reached" in str(outcomes[-1].error)
        server.down = False
        assert all(one.ok for one in run_records(server, ledger, 80))
        assert set(server.sent.values()) == {1}


def test_an_endpoint_that_takes_fewer_at_a_time_than_we_ask_still_answers_everything(tmp_path):
    with FaultyServer(seed=1, share=0.0, refusals=0.0, drips=1.0, limit=3) as server:
        with Ledger(tmp_path / "l.sqlite") as ledger:
            assert all(one.ok for one in run_records(server, ledger, 60, backoff=PATIENT))
        assert server.faults["busy"] > 0
        assert set(server.sent.values()) == {1}
