"""A provider's batch interface, on a local server: what is asked together, what fails alone, and what a kill leaves."""

import asyncio

from tests.llm.batch_server import BUSY, REFUSED, BatchServer

from roletune.engine.runner import run
from roletune.errors import EndpointError, RefusedError
from roletune.llm.backoff import Backoff
from roletune.llm.batch_journal import BatchJournal
from roletune.llm.batched import BatchedModel
from roletune.llm.client import OpenAIChatModel
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.request import ChatRequest

QUICK = Backoff(attempts=3, first=0.001, longest=0.004, patience=5.0)


def request(text):
    return ChatRequest(messages=({"role": "user", "content": text},))


def ask(server, folder, texts, *, rounds=1, killed=False, said=None):
    """What came of each text, asked by so many at once; with `rounds`, the reply is what is asked next.

    Who is `killed` is so when the batch is under way, and gets nothing.
    """

    async def main():
        remote = OpenAIChatModel(server.url, "m", api_key="k", backoff=QUICK, timeout=5.0)
        journal = BatchJournal(folder / "batches.sqlite")
        say = said.append if said is not None else lambda _: None
        batched = BatchedModel(remote, journal, say, settle=0.0, poll=0.005, slowest=0.01)
        with Ledger(folder / "ledger.sqlite") as ledger:
            model = RememberedModel(batched, ledger, "scenes")

            async def work(text):
                for number in range(rounds):
                    text = (await model.complete(request(f"round {number} {text}" if rounds > 1 else text))).text
                return text

            working = asyncio.create_task(run(texts, work, concurrency=1000))
            try:
                while killed and not any(batch["looks"] for batch in server.batches.values()):
                    await asyncio.sleep(0.01)
                return None if killed else await working
            finally:
                working.cancel()
                await batched.close()
                await remote.close()

    return asyncio.run(main())


def test_what_is_asked_together_is_one_batch_and_everybody_gets_the_own_reply(tmp_path):
    said = []
    with BatchServer(polls=2) as server:
        outcomes = ask(server, tmp_path, [f"say {n}" for n in range(300)], said=said)
        assert [one.value for one in outcomes] == [str(n) for n in range(300)]
        assert server.sizes == [300]
    assert "300 requests sent to m" in said[0]
    assert "300 of 300 requests answered" in said[1]


def test_calls_that_follow_from_replies_are_a_batch_a_round(tmp_path):
    with BatchServer() as server:
        assert [one.value for one in ask(server, tmp_path, ["a", "b"], rounds=3)] == ["a", "b"]
        assert server.sizes == [2, 2, 2]


def test_replies_are_in_the_ledger_under_the_same_keys_as_if_asked_directly(tmp_path):
    with BatchServer() as server:
        ask(server, tmp_path, ["say it"])
        direct = OpenAIChatModel(server.url, "m", api_key="k")
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            reply = ledger.get(request("say it").key(direct.identity))
            assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("it", 11, 5)
        ask(server, tmp_path, ["say it"])
        assert server.sizes == [1]


def test_a_request_that_is_refused_fails_alone_and_one_that_met_a_busy_moment_goes_with_the_next_batch(tmp_path):
    fates = {"say no": lambda attempt: REFUSED, "say busy": lambda attempt: BUSY if attempt == 1 else None}
    with BatchServer(fate=lambda text, attempt: fates.get(text, lambda _: None)(attempt)) as server:
        good, no, busy = ask(server, tmp_path, ["say yes", "say no", "say busy"])
        assert (good.value, busy.value) == ("yes", "busy")
        assert isinstance(no.error, RefusedError)
        assert "not that" in str(no.error)
        assert server.sizes == [3, 1]
        assert server.asked.count("say yes") == 1


def test_what_expired_is_sent_again_and_what_was_answered_is_not(tmp_path):
    late = {"say 1", "say 3"}
    with BatchServer(fate=lambda text, attempt: "expired" if text in late and attempt == 1 else None) as server:
        outcomes = ask(server, tmp_path, [f"say {n}" for n in range(5)])
        assert [one.value for one in outcomes] == list("01234")
        assert server.sizes == [5, 2]


def test_what_always_expires_is_given_up_after_a_few_batches(tmp_path):
    with BatchServer(fate=lambda text, attempt: "expired" if text == "say 1" else None) as server:
        good, lost = ask(server, tmp_path, ["say 0", "say 1"])
        assert good.value == "0"
        assert "did not answer (too late)" in str(lost.error)
        assert server.sizes == [2, 1, 1]


def test_a_batch_that_the_provider_refuses_is_an_error_in_its_own_words(tmp_path):
    with BatchServer(fails="enqueued token limit reached") as server:
        (outcome,) = ask(server, tmp_path, ["say it"])
        assert isinstance(outcome.error, EndpointError)
        assert "enqueued token limit reached" in str(outcome.error)


def test_after_a_kill_while_waiting_the_same_batch_is_taken_up(tmp_path):
    texts = [f"say {n}" for n in range(20)]
    with BatchServer() as server:
        server.held = True
        ask(server, tmp_path, texts, killed=True)
        assert [batch.open for batch in BatchJournal(tmp_path / "batches.sqlite").batches()] == [True]
        server.held = False
        assert [one.value for one in ask(server, tmp_path, texts)] == [str(n) for n in range(20)]
        assert server.sizes == [20]


def test_what_nobody_waits_for_any_more_is_kept_for_whoever_asks_later(tmp_path):
    with BatchServer() as server:
        server.held = True
        ask(server, tmp_path, ["say old", "say both"], killed=True)
        server.held = False
        assert [one.value for one in ask(server, tmp_path, ["say both", "say new"])] == ["both", "new"]
        assert [one.value for one in ask(server, tmp_path, ["say old"])] == ["old"]
        assert server.sizes == [2, 1]


def test_a_kill_before_the_batch_was_made_asks_once_and_after_it_was_made_takes_it_up(tmp_path):
    with BatchServer() as server:
        journal = BatchJournal(tmp_path / "batches.sqlite")
        identity = OpenAIChatModel(server.url, "m").identity
        journal.begin("neversent", identity, [request("say it").key(identity)])
        journal.close()
        assert ask(server, tmp_path, ["say it"])[0].value == "it"
        assert [batch.name for batch in journal.batches()] != ["neversent"]
        assert server.sizes == [1]


def test_a_creation_whose_answer_was_lost_is_not_done_twice(tmp_path):
    with BatchServer(lost=1) as server:
        assert ask(server, tmp_path, ["say it"])[0].value == "it"
        assert server.sizes == [1]


def test_a_kill_between_making_the_batch_and_hearing_its_id_finds_it_by_its_name(tmp_path):
    with BatchServer() as server:
        server.held = True
        ask(server, tmp_path, ["say it"], killed=True)
        journal = BatchJournal(tmp_path / "batches.sqlite")
        journal.handed_over(journal.batches()[0], "")  # as if it had been killed before this was written
        journal.close()
        server.held = False
        assert ask(server, tmp_path, ["say it"])[0].value == "it"
        assert server.sizes == [1]


def test_the_journal_tells_how_many_of_a_batch_were_answered(tmp_path):
    with BatchServer(fate=lambda text, attempt: REFUSED if text == "say no" else None) as server:
        ask(server, tmp_path, ["say yes", "say no"])
    (batch,) = BatchJournal(tmp_path / "batches.sqlite").batches()
    assert (batch.status, batch.requests, batch.answered, batch.id) == ("completed", 2, 1, "batch_1")
