"""The client against a real HTTP server that behaves badly in every way we know of."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from roletune.errors import BusyError, EndpointError
from roletune.llm.backoff import Backoff, retry_after
from roletune.llm.client import OpenAIChatModel
from roletune.llm.request import ChatRequest

REQUEST = ChatRequest(messages=({"role": "user", "content": "Who are you?"},))
QUICK = Backoff(attempts=3, first=0.001, longest=0.002, patience=1.0)


def model_of(endpoint, **settings):
    return OpenAIChatModel(endpoint.url, "m", **{"api_key": "sk-secret", "backoff": QUICK, **settings})


def ask(model, request=REQUEST):
    return asyncio.run(model.complete(request))


async def collect(model, ended):
    return [piece async for piece in model.stream(REQUEST, ended.append)]


def test_a_reply_comes_back_with_its_figures(endpoint):
    endpoint.script = [endpoint.completion()]
    model = model_of(endpoint)
    reply = ask(model)
    assert (reply.text, reply.finish_reason) == ("Good evening, sir.", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (11, 5)
    assert reply.seconds > 0
    assert reply.key == REQUEST.key(f"{endpoint.url} m")
    assert not reply.cached


def test_everything_that_was_asked_for_is_sent(endpoint):
    endpoint.script = [endpoint.completion("{}")]
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    request = ChatRequest(
        messages=({"role": "system", "content": "You are Jarvis."}, {"role": "user", "content": "Hello"}),
        temperature=0.2,
        top_p=0.9,
        max_tokens=33,
        seed=0,
        stop=("\nTony",),
        schema=schema,
        extra={"min_p": 0.1},
    )
    ask(model_of(endpoint, extra={"lora": [{"id": 0, "scale": 0.5}]}), request)
    body = endpoint.bodies[0]
    assert body["messages"] == list(request.messages)
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.2, 0.9, 33)
    assert (body["seed"], body["stop"], body["min_p"]) == (0, ["\nTony"], 0.1)
    assert body["lora"] == [{"id": 0, "scale": 0.5}]
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret"


def test_a_reply_that_was_cut_off_says_so(endpoint):
    endpoint.script = [endpoint.completion("Good", finish_reason="length")]
    assert ask(model_of(endpoint)).finish_reason == "length"


def test_an_empty_reply_is_a_reply(endpoint):
    endpoint.script = [endpoint.completion(None)]
    assert ask(model_of(endpoint)).text == ""


def test_half_a_character_in_a_reply_can_be_stored(endpoint):
    endpoint.script = [endpoint.raw('{"choices": [{"message": {"content": "a\\ud83d b \\ud83d\\ude00"}}]}')]
    assert ask(model_of(endpoint)).text == "a\ufffd b 😀"


@pytest.mark.parametrize(
    "bad",
    [
        lambda endpoint: endpoint.status(500),
        lambda endpoint: endpoint.status(503, headers={"retry-after": "0"}),
        lambda endpoint: endpoint.status(429, headers={"Retry-After": "0.01"}),
        lambda endpoint: endpoint.dropped(),
        lambda endpoint: endpoint.dropped(after='{"choices": [{"mess'),
        lambda endpoint: endpoint.raw('{"choices": [{"mess'),
        lambda endpoint: endpoint.raw("<html>Bad gateway</html>", kind="text/html"),
        lambda endpoint: endpoint.raw('{"error": {"message": "provider failed"}}'),
        lambda endpoint: endpoint.raw("[]"),
        lambda endpoint: endpoint.completion(meanwhile=lambda: time.sleep(2.0)),
    ],
    ids=["500", "503", "429", "dropped", "cut", "garbage", "html", "error-in-200", "list", "slow"],
)
def test_what_may_pass_is_tried_again(endpoint, bad):
    endpoint.script = [bad(endpoint), endpoint.completion()]
    assert ask(model_of(endpoint, timeout=1.0)).text == "Good evening, sir."
    assert len(endpoint.bodies) == 2


def test_an_endpoint_that_stays_broken_is_reported_after_some_attempts(endpoint):
    endpoint.script = [endpoint.status(500, message="out of cheese")]
    with pytest.raises(BusyError, match="HTTP 500: out of cheese") as raised:
        ask(model_of(endpoint))
    assert len(endpoint.bodies) == 3
    assert raised.value.retry_after is None


def test_a_wait_longer_than_our_patience_is_reported_at_once(endpoint):
    endpoint.script = [endpoint.status(429, headers={"retry-after": "3600"})]
    with pytest.raises(BusyError, match="in 3600 s") as raised:
        ask(model_of(endpoint))
    assert raised.value.retry_after == 3600
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("code", "cure"), [(400, "settings"), (401, "MY_KEY"), (403, "MY_KEY"), (404, "base_url"), (422, "settings")]
)
def test_a_refusal_is_not_tried_again_and_says_what_to_do(endpoint, monkeypatch, code, cure):
    monkeypatch.setenv("MY_KEY", "sk-secret\n")
    endpoint.script = [endpoint.status(code, message="bad key sk-secret")]
    with pytest.raises(EndpointError, match=cure) as raised:
        ask(model_of(endpoint, api_key=None, api_key_env="MY_KEY"))
    assert len(endpoint.bodies) == 1
    assert "sk-secret" not in str(raised.value)
    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret"


def test_a_used_up_quota_is_not_tried_again(endpoint):
    endpoint.script = [endpoint.status(429, message="You exceeded", code="insufficient_quota")]
    with pytest.raises(EndpointError, match="quota is used up"):
        ask(model_of(endpoint))
    assert len(endpoint.bodies) == 1


def test_a_missing_key_is_named_by_its_variable_and_only_when_it_is_needed(endpoint, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    model = model_of(endpoint, api_key=None, api_key_env="MY_KEY")
    with pytest.raises(EndpointError, match=r"export MY_KEY=\.\.\."):
        ask(model)
    assert endpoint.bodies == []


def test_nobody_there_is_reported_with_a_cure(endpoint):
    endpoint.server.server_close()
    model = model_of(endpoint, when_gone="Start it with `serve`.")
    with pytest.raises(EndpointError, match=r"can't be reached.*Start it with `serve`"):
        ask(model)


def test_an_endpoint_that_was_given_up_is_tried_once_by_every_later_request(endpoint):
    endpoint.script = [endpoint.dropped()]
    model = model_of(endpoint)
    for attempts in (3, 4, 5):
        with pytest.raises(EndpointError):
            ask(model)
        assert len(endpoint.bodies) == attempts


def test_an_endpoint_that_came_back_is_waited_for_again(endpoint):
    endpoint.script = [endpoint.dropped()] * 3 + [endpoint.completion(), endpoint.dropped(), endpoint.completion("yes")]
    model = model_of(endpoint)
    with pytest.raises(EndpointError):
        ask(model)
    assert ask(model).text == "Good evening, sir."
    assert ask(model).text == "yes"


def test_no_message_and_no_identity_shows_the_password_of_a_url(endpoint):
    endpoint.server.server_close()
    model = model_of(endpoint)
    secret = OpenAIChatModel(endpoint.url.replace("//", "//me:hunter2@"), "m", backoff=QUICK)
    assert secret.identity == model.identity
    assert "sk-secret" not in repr(model)
    with pytest.raises(EndpointError) as raised:
        ask(secret)
    assert "hunter2" not in str(raised.value)


def test_never_more_requests_at_a_time_than_allowed(endpoint):
    three_at_once = threading.Barrier(3, timeout=60)
    endpoint.script = [endpoint.completion(meanwhile=three_at_once.wait)]
    model = model_of(endpoint, concurrency=3)

    async def main():
        await asyncio.gather(*(model.complete(REQUEST) for _ in range(9)))

    asyncio.run(main())
    assert len(endpoint.bodies) == 9
    assert endpoint.peak == 3


def test_a_model_lives_through_several_event_loops(endpoint):
    endpoint.script = [endpoint.completion()]
    model = model_of(endpoint, concurrency=1)
    for _ in range(3):
        assert ask(model).text == "Good evening, sir."


def test_a_proxy_for_the_outside_does_not_see_what_stays_here(endpoint, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    endpoint.script = [endpoint.completion()]
    assert ask(model_of(endpoint)).text == "Good evening, sir."


def test_a_stream_comes_in_pieces_and_ends_with_the_whole_reply(endpoint):
    endpoint.script = [endpoint.streamed("Good ", "evening", ", sir.", finish_reason="length")]
    ended = []
    assert asyncio.run(collect(model_of(endpoint), ended)) == ["Good ", "evening", ", sir."]
    assert (ended[0].text, ended[0].finish_reason) == ("Good evening, sir.", "length")
    assert (ended[0].prompt_tokens, ended[0].completion_tokens) == (7, 3)
    assert endpoint.bodies[0]["stream"] is True


@pytest.mark.parametrize("bad", ["status", "dropped", "empty", "plain"])
def test_a_stream_that_did_not_begin_is_tried_again(endpoint, bad):
    first = {
        "status": endpoint.status(500),
        "dropped": endpoint.dropped(),
        "empty": endpoint.raw("", kind="text/event-stream"),
        "plain": endpoint.raw("data: {nonsense\n\n", kind="text/event-stream"),
    }[bad]
    endpoint.script = [first, endpoint.streamed("Yes.")]
    assert asyncio.run(collect(model_of(endpoint), [])) == ["Yes."]


def test_a_stream_that_breaks_off_is_an_error_and_no_reply(endpoint):
    endpoint.script = [endpoint.streamed("Good ", broken=True)]
    ended, pieces = [], []

    async def main():
        async for piece in model_of(endpoint).stream(REQUEST, ended.append):
            pieces.append(piece)

    with pytest.raises(EndpointError, match="can't be reached"):
        asyncio.run(main())
    assert (pieces, ended) == (["Good "], [])
    assert len(endpoint.bodies) == 1


def test_leaving_a_stream_early_makes_room_for_the_next(endpoint):
    endpoint.script = [endpoint.streamed("Good ", "evening")]
    model = model_of(endpoint, concurrency=1)

    async def main():
        stream = model.stream(REQUEST)
        await anext(stream)
        await stream.aclose()
        return await collect(model, [])

    assert asyncio.run(main()) == ["Good ", "evening"]


def test_pauses_grow_with_chance_up_to_a_bound_and_end():
    backoff = Backoff(attempts=5, first=1.0, longest=3.0)
    assert [backoff.delay(n, None, roll=0.0) for n in range(1, 6)] == [0.5, 1.0, 1.5, 1.5, None]
    assert backoff.delay(2, None, roll=0.5) == 1.5
    assert backoff.delay(1, 7.0, roll=0.5) == 7.5
    assert backoff.delay(1, 121.0, roll=0.5) is None


def test_retry_after_is_read_in_all_its_spellings():
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after({"retry-after": "7"}, now) == 7
    assert retry_after({"retry-after-ms": "1500", "retry-after": "7"}, now) == 1.5
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, now) == 30
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, now) == 0
    assert retry_after({"retry-after": "soon"}, now) is None
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, now + timedelta(seconds=10)) == 20
    assert retry_after({}, now) is None
