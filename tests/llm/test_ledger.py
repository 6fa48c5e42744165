"""What was asked once is never asked again, whoever asks, and whatever dies in between."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from roletune.errors import EndpointError, ResourceError, SourceError
from roletune.llm.ledger import BillRow, Ledger, RememberedModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.scripted import ScriptedModel

WRITER = """
import sys
from pathlib import Path
from roletune.llm.ledger import Ledger
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.scripted import ScriptedModel
model = ScriptedModel([], name=sys.argv[2])
with Ledger(Path(sys.argv[1])) as ledger:
    for number in range(int(sys.argv[3])):
        request = ChatRequest(messages=({"role": "user", "content": f"question {number}"},))
        text = f"{sys.argv[2]} {number} " + "x" * 2000
        reply = ChatReply(text, "stop", 1, 2, 0.5, request.key("scripted"))
        ledger.put(request, reply, stage="scenes", model=model)
        print(number, flush=True)
"""


def question(text="Who are you?", **settings):
    return ChatRequest(messages=({"role": "user", "content": text},), **settings)


def reply_to(request, text="Jarvis, sir."):
    return ChatReply(text, "stop", 10, 3, 0.25, request.key("scripted"))


def write_in_a_process(path, name, count):
    command = [sys.executable, "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "journal" / "ledger.sqlite") as ledger:
        yield ledger


def test_a_stored_reply_is_remembered_by_the_next_process(tmp_path):
    request = question()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.get(request.key("scripted")) is None
        ledger.put(request, reply_to(request), stage="scenes", model=ScriptedModel([]))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        remembered = ledger.get(request.key("scripted"))
    assert remembered == ChatReply("Jarvis, sir.", "stop", 10, 3, 0.25, request.key("scripted"), cached=True)


def test_a_row_tells_the_whole_call(ledger):
    request = question("Zürich\ud800?")
    ledger.put(request, reply_to(request), stage="scenes", model=ScriptedModel([], name="smol", identity="abc"))
    database = sqlite3.connect(ledger.path)
    row = database.execute("SELECT stage, model, identity, request, created FROM calls").fetchone()
    database.close()
    assert row[:3] == ("scenes", "smol", "abc")
    assert "Zürich" in json.loads(row[3])["messages"][0]["content"]
    assert row[4].endswith("+00:00")


def test_the_first_reply_counts_and_the_second_stays_in_the_bill(ledger):
    request, model = question(), ScriptedModel([], name="smol")
    assert ledger.put(request, reply_to(request, "first"), stage="scenes", model=model).text == "first"
    second = ledger.put(request, reply_to(request, "second"), stage="scenes", model=model)
    assert (second.text, second.cached) == ("first", True)
    assert ledger.bill() == [BillRow("scenes", "smol", 2, 20, 6, 0.5, "scripted")]


def test_the_bill_adds_up_by_stage_and_model(ledger):
    for number, (stage, name) in enumerate([("scenes", "a"), ("scenes", "a"), ("scenes", "b"), ("judge", "a")]):
        request = question(str(number))
        ledger.put(request, reply_to(request), stage=stage, model=ScriptedModel([], name=name))
    assert [(row.stage, row.model, row.calls, row.prompt_tokens) for row in ledger.bill()] == [
        ("scenes", "a", 2, 20),
        ("scenes", "b", 1, 10),
        ("judge", "a", 1, 10),
    ]


def test_several_processes_write_one_new_ledger_at_once(tmp_path):
    path = tmp_path / "ledger.sqlite"
    writers = [write_in_a_process(path, name, 100) for name in ("a", "b", "c")]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    with Ledger(path) as ledger:
        assert sorted((row.model, row.calls) for row in ledger.bill()) == [("a", 100), ("b", 100), ("c", 100)]


def test_a_killed_process_loses_no_finished_call_and_hinders_nobody(tmp_path):
    path = tmp_path / "ledger.sqlite"
    survivor = write_in_a_process(path, "survivor", 300)
    victim = write_in_a_process(path, "victim", 100_000)
    told = [victim.stdout.readline() for _ in range(50)]
    os.kill(victim.pid, signal.SIGKILL)
    told += victim.stdout.read().splitlines()
    victim.communicate()
    _, errors = survivor.communicate(timeout=120)
    assert survivor.returncode == 0, errors
    with Ledger(path) as ledger:
        calls = {row.model: row.calls for row in ledger.bill()}
    assert calls["survivor"] == 300
    assert calls["victim"] - len(told) in (0, 1)  # the call it was killed in may be stored and not yet told


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    before = path.read_bytes()
    with pytest.raises(SourceError, match=r"newer roletune.*99"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"something else " * 1000)
    with pytest.raises(SourceError, match=r"damaged.*\.recover"):
        Ledger(path)
    assert path.read_bytes() == b"something else " * 1000


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.99])
def test_a_torn_ledger_is_refused_with_a_cure(tmp_path, share):
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        for number in range(200):
            request = question(str(number))
            ledger.put(request, reply_to(request, "x" * 1000), stage="scenes", model=ScriptedModel([]))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceError, match=r"damaged.*\.recover"):
        Ledger(path)


def test_a_folder_in_the_way_is_reported_with_a_cure(tmp_path):
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(ResourceError, match="Check that the folder"):
        Ledger(tmp_path / "ledger.sqlite")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ResourceError, match="Check the folder"):
        Ledger(tmp_path / "file" / "ledger.sqlite")


def test_a_full_disk_is_reported_and_what_was_stored_stays(tmp_path):
    path = tmp_path / "ledger.sqlite"
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n" + WRITER
    command = [sys.executable, "-c", limited, str(path), "a", "10000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "ResourceError" in done.stderr
    assert "free some space" in done.stderr
    with Ledger(path) as ledger:
        assert ledger.bill()[0].calls == len(done.stdout.splitlines())


def test_a_remembered_model_asks_only_what_is_new(ledger):
    model = ScriptedModel(["one", "two", "three"], name="smol")
    remembered = RememberedModel(model, ledger, "scenes")

    async def main():
        return [await remembered.complete(request) for request in (question(), question(sample=1), question())]

    replies = asyncio.run(main())
    assert [(reply.text, reply.cached) for reply in replies] == [("one", False), ("two", False), ("one", True)]
    assert (remembered.name, remembered.identity) == ("smol", "scripted")


def test_another_identity_never_meets_old_replies(ledger):
    for identity in ("adapter one", "adapter two"):
        remembered = RememberedModel(ScriptedModel([identity], identity=identity), ledger, "chat")
        assert asyncio.run(remembered.complete(question())).text == identity


class Slow(ScriptedModel):
    async def complete(self, request):
        await asyncio.sleep(0.01)
        return await super().complete(request)


def test_the_same_question_at_the_same_time_is_asked_once(ledger):
    model = Slow(["one", "two"])
    remembered = RememberedModel(model, ledger, "scenes")

    async def main():
        return await asyncio.gather(*(remembered.complete(question()) for _ in range(5)))

    assert [reply.text for reply in asyncio.run(main())] == ["one"] * 5
    assert len(model.requests) == 1


def test_if_the_one_who_asks_is_cancelled_the_next_one_asks(ledger):
    model = Slow(["one", "two"])
    remembered = RememberedModel(model, ledger, "scenes")

    async def main():
        first = asyncio.create_task(remembered.complete(question()))
        second = asyncio.create_task(remembered.complete(question()))
        await asyncio.sleep(0.001)
        first.cancel()
        return await second

    assert asyncio.run(main()).text == "one"


def test_a_reply_is_remembered_under_the_identity_that_is_asked_next_time(ledger):
    class Wrapped(ScriptedModel):
        async def complete(self, request):
            return await ScriptedModel(["inner"], identity="inner").complete(request)

    remembered = RememberedModel(Wrapped([], identity="outer"), ledger, "scenes")
    replies = [asyncio.run(remembered.complete(question())) for _ in range(2)]
    assert [reply.cached for reply in replies] == [False, True]
    assert {reply.key for reply in replies} == {question().key("outer")}


def test_a_failure_is_not_remembered(ledger):
    remembered = RememberedModel(ScriptedModel([EndpointError("gone"), "back"]), ledger, "scenes")
    with pytest.raises(EndpointError):
        asyncio.run(remembered.complete(question()))
    assert asyncio.run(remembered.complete(question())).text == "back"


def test_a_stream_is_stored_when_it_is_complete_and_replayed_after(ledger):
    model = ScriptedModel(["Good evening, sir.", "never asked"])
    remembered = RememberedModel(model, ledger, "chat")

    async def main():
        ended = []
        first = [piece async for piece in remembered.stream(question(), ended.append)]
        again = [piece async for piece in remembered.stream(question(), ended.append)]
        return first, again, ended

    first, again, ended = asyncio.run(main())
    assert first == ["Good", " evening,", " sir."]
    assert again == ["Good evening, sir."]
    assert [reply.cached for reply in ended] == [False, True]
    assert asyncio.run(remembered.complete(question())).text == "Good evening, sir."
    assert len(model.requests) == 1


def test_a_stream_that_was_left_early_is_not_remembered(ledger):
    remembered = RememberedModel(ScriptedModel(["Good evening, sir.", "asked again"]), ledger, "chat")

    async def leave_early():
        stream = remembered.stream(question())
        await anext(stream)
        await stream.aclose()
        return await remembered.complete(question())

    assert asyncio.run(leave_early()).text == "asked again"


def test_replies_that_come_together_share_a_commit_and_each_is_stored_before_it_is_seen(tmp_path):
    path = tmp_path / "l.sqlite"
    seen = []

    async def ask(model, number):
        reply = await model.complete(question(f"question {number}"))
        with sqlite3.connect(path) as other:  # another connection sees only what is committed
            row = other.execute("SELECT reply FROM calls WHERE key = ?", (reply.key,)).fetchone()
        seen.append(row == (reply.text,))

    async def main():
        with Ledger(path) as ledger:
            changes = ledger._database.total_changes
            statements = []
            ledger._database.set_trace_callback(statements.append)
            model = RememberedModel(ScriptedModel(lambda request: request.messages[0]["content"]), ledger, "scenes")
            await asyncio.gather(*(ask(model, number) for number in range(1200)))
            assert ledger._database.total_changes - changes == 1200
            return statements.count("COMMIT")

    assert asyncio.run(main()) == 3  # 500 + 500 + 200
    assert seen == [True] * 1200


def test_a_call_is_remembered_even_if_nobody_waits_for_it_any_more(tmp_path):
    async def main():
        with Ledger(tmp_path / "l.sqlite") as ledger:
            model = ScriptedModel([])
            storing = asyncio.ensure_future(ledger.store(question(), reply_to(question()), stage="scenes", model=model))
            await asyncio.sleep(0)
            storing.cancel()
            await asyncio.gather(storing, return_exceptions=True)
            return ledger.get(question().key("scripted"))

    assert asyncio.run(main()).text == "Jarvis, sir."


def test_calls_that_wait_when_the_ledger_is_closed_are_stored(tmp_path):
    async def main():
        with Ledger(tmp_path / "l.sqlite") as ledger:
            model = ScriptedModel([])
            storing = asyncio.ensure_future(ledger.store(question(), reply_to(question()), stage="a", model=model))
            await asyncio.sleep(0)
        assert storing.cancel()

    asyncio.run(main())
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.get(question().key("scripted"))


def test_a_disk_that_is_full_is_told_to_everybody_who_waits(tmp_path):
    async def main():
        with Ledger(tmp_path / "l.sqlite") as ledger:
            ledger._database.execute("PRAGMA max_page_count = 1")
            model = RememberedModel(ScriptedModel(lambda _: "x" * 10_000), ledger, "scenes")
            asked = [model.complete(question(f"question {number}")) for number in range(3)]
            return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in asyncio.run(main())] == [ResourceError] * 3
