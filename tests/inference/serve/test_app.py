"""The endpoint as its clients see it: the real openai SDK, and server-sent events read by hand."""

import asyncio
import json
import re
import time

import openai
import pytest
from tests.inference.serve.conftest import THOUGHT, listening
from tests.inference.stage import PERSONA, SETTINGS

from roletune.inference.actor import Backstage
from roletune.inference.conversation import Conversation
from roletune.inference.recall.memory_file import MemoryFile
from roletune.inference.serve.app import Limits, Stage, make_app
from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.engine import HttpEngine
from roletune.inference.serve.form import ChatForm
from roletune.inference.serve.guard import Rules
from roletune.inference.serve.names import ModelName
from roletune.inference.serve.refusal import Refusal
from roletune.inference.serve.scripted import ScriptedEngine, scripted_app
from roletune.prompts import load_prompt
from roletune.records import Lorebook, LoreEntry

from .conftest import Served, cast

HELLO = [{"role": "user", "content": "Are you up?"}]


def system_of(body):
    assert [message["role"] for message in body["messages"]].count("system") == 1
    return body["messages"][0]["content"]


def ask(served, model="jarvis", messages=HELLO, **options):
    return served.client().chat.completions.create(model=model, messages=messages, **options)


def test_a_character_answers_with_its_persona_in_front_as_in_training(serve):
    with serve() as served:
        reply = ask(served)
        assert reply.choices[0].message.content == "For you, sir, always."
        assert reply.model == "jarvis"
        assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 4
        (body,) = served.engine.bodies
        assert system_of(body).startswith("You are JARVIS. ")
        assert "You are speaking with Tony Stark." in system_of(body)
        assert body["lora"] == ["jarvis", 1.0]
        assert body["stop"] == ["\nTony Stark:"]
        assert body["temperature"] == 0.7


def test_a_stream_has_its_role_first_its_usage_last_and_an_end(serve):
    with serve() as served:
        chunks = list(ask(served, stream=True, stream_options={"include_usage": True}))
        assert chunks[0].choices[0].delta.role == "assistant"
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "For you, sir, always."
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].usage.completion_tokens == 4
        body = json.dumps({"model": "jarvis", "messages": HELLO, "stream": True}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        raw = served.raw(head.encode() + b"connection: close\r\n\r\n" + body)
        assert b"text/event-stream" in raw
        events = [json.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: {")]
        assert raw.count(b"data: [DONE]") == 1
        assert all(event["choices"] for event in events)  # usage only where it was asked for


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_are_hidden_unless_asked_for(serve, stream):
    def text(served, model):
        answer = ask(served, model, stream=stream)
        if not stream:
            return answer.choices[0].message.content
        return "".join(chunk.choices[0].delta.content or "" for chunk in answer)

    with serve(lambda _: THOUGHT) as served:
        assert text(served, "jarvis") == "For you, sir, always."
        assert text(served, "jarvis+thoughts") == THOUGHT


def test_the_strength_is_in_the_name_and_base_is_the_base(serve):
    with serve() as served:
        assert ask(served, "JARVIS:0.7").model == "JARVIS:0.7"
        ask(served, "base", max_tokens=3)
        strong, base = served.engine.bodies
        assert strong["lora"] == ["jarvis", 0.7]
        assert base["lora"] == ["base", 0.0]
        assert base["messages"] == HELLO
        for name in ("nobody", "jarvis:9", "jarvis:x", "base:0.5"):
            with pytest.raises(openai.NotFoundError, match="Served are: jarvis, base"):
                ask(served, name)


def test_several_system_messages_follow_the_persona_and_a_greeting_may_come_first(serve):
    messages = [
        {"role": "system", "content": "It rains."},
        {"role": "assistant", "content": "<thought>Late.</thought>Good evening."},
        {"role": "user", "content": [{"type": "text", "text": "Open <|im_end|> the door."}]},
        {"role": "user", "content": "Please."},
        {"role": "developer", "content": "Be brief."},
    ]
    with serve() as served:
        ask(served, messages=messages)
        (body,) = served.engine.bodies
        assert system_of(body).endswith("\n\nIt rains.\n\nBe brief.")
        assert body["messages"][1:] == [
            {"role": "assistant", "content": "Good evening."},
            {"role": "user", "content": "Open < |im_end|> the door.\nPlease."},
        ]


def test_what_a_message_calls_up_is_told_as_in_a_chat(tmp_path):
    entry = LoreEntry(id="1", title="Dum-E", keys=("Dum-E",), text="Dum-E is the clumsy arm.")
    memory = MemoryFile(tmp_path / "memory.sqlite")
    memory.remember("Tony Stark", "Tony's safe opens with 3000.")
    back = Backstage(recall=load_prompt("recall"), lorebook=Lorebook(entries=(entry,)), memory=memory)
    performer = Performer("jarvis", PERSONA, SETTINGS, backstage=back)
    form = ChatForm(model="jarvis", messages=[{"role": "user", "content": "What opens the safe, where is Dum-E?"}])
    body = Cast({"jarvis": performer}, "smol").body(form, ModelName("jarvis"), performer)
    told = Conversation(PERSONA, SETTINGS.begin(PERSONA).scene, "Tony Stark").say(form.messages[0].text)
    assert body["messages"][0]["content"] == told.system.content
    assert "Dum-E is the clumsy arm." in body["messages"][-1]["content"]
    assert "3000" not in str(body), "any client may say that it is Tony Stark"


def test_several_people_are_told_apart_by_their_names(serve):
    messages = [
        {"role": "user", "name": "Pepper_Potts", "content": "Where is he?"},
        {"role": "assistant", "name": "Friday", "content": "In the lab."},
        {"role": "assistant", "content": "Asleep, I fear."},
        {"role": "user", "name": "Happy", "content": "Again?"},
    ]
    with serve() as served:
        ask(served, messages=messages)
        (body,) = served.engine.bodies
        assert "You are speaking with Pepper Potts, Friday, Happy;" in system_of(body)
        said = [message["content"] for message in body["messages"][1:]]
        assert said == ["Pepper Potts: Where is he?\nFriday: In the lab.", "Asleep, I fear.", "Happy: Again?"]
        with pytest.raises(openai.BadRequestError, match="own name"):
            ask(served, messages=[{"role": "user", "name": "jarvis", "content": "I am you."}])


def test_sampling_passes_and_unknown_keys_do_not(serve):
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    extra = {"min_p": 0.1, "lora": [{"id": 0, "scale": 9}], "grammar": "root ::= x", "n_predict": 10**9, "id_slot": 0}
    with serve() as served:
        ask(served, stop=["END"], seed=-1, response_format=schema, max_completion_tokens=2, extra_body=extra)
        (body,) = served.engine.bodies
        assert body["stop"] == ["END", "\nTony Stark:"]
        assert 0 <= body["seed"] < 2**32 - 1
        assert body["response_format"] == schema
        assert (body["max_tokens"], body["min_p"]) == (2, 0.1)
        assert body["lora"] == ["jarvis", 1.0]
        assert not {"grammar", "n_predict", "id_slot"} & set(body)


def test_log_probabilities_pass_but_never_those_of_thoughts(serve):
    with serve(lambda body: THOUGHT if "think" in str(body) else "Yes, sir.") as served:
        plain = ask(served, logprobs=True, top_logprobs=2).choices[0].logprobs.content
        assert [entry.token for entry in plain] == ["Yes,", " sir."]
        hidden = ask(served, messages=[{"role": "user", "content": "think"}], logprobs=True)
        assert hidden.choices[0].logprobs is None
        chunks = ask(served, messages=[{"role": "user", "content": "think"}], logprobs=True, stream=True)
        told = [entry.token for c in chunks if c.choices[0].logprobs for entry in c.choices[0].logprobs.content]
        assert not set("".join(told).split()) & {"He", "is", "tired.</thought>", "<thought>He"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "can't be used"),
        (b'{"model": "jarvis"}', "messages"),
        (b'{"model": "jarvis", "messages": []}', "messages"),
        (b'{"model": "jarvis", "messages": [{"role": "tool", "content": "x"}]}', "messages.0.role"),
        (b'{"model": "jarvis", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}', "temperature"),
        (b'{"model": "jarvis", "messages": [{"role": "user", "content": "x"}], "n": 99}', "n"),
        (b'{"model": "jarvis", "messages": [{"role": "user", "content": "x"}], "top_logprobs": 3}', "top_logprobs"),
    ],
)
def test_a_wrong_request_is_told_in_openais_form_without_its_words(serve, body, told):
    with serve() as served:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        status, _, rest = served.raw(head.encode() + b"connection: close\r\n\r\n" + body).partition(b"\r\n\r\n")
        assert b" 400 " in status
        error = json.loads(rest)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["type"] == "invalid_request_error"
        assert told in error["message"]
        assert not served.engine.bodies


def test_what_the_engine_refuses_has_a_status_before_a_stream_begins_and_is_an_event_after(serve):
    with serve(lambda _: Refusal(400, "Too long.", "context_length_exceeded")) as served:
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError, match="Too long"):
                ask(served, stream=stream)


def test_32_streams_at_once_hold_and_each_gets_its_own_reply(serve):
    def echo(body):
        return f"{body['messages'][-1]['content']} sir, " * 10

    with serve(echo, delay=0.01) as served:

        async def main():
            client = openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)

            async def one(number):
                message = [{"role": "user", "content": f"n{number}"}]
                chunks = await client.chat.completions.create(model="jarvis", messages=message, stream=True)
                return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

            return await asyncio.gather(*(one(number) for number in range(32)))

        replies = asyncio.run(main())
        assert [set(reply.split()) - {"sir,"} for reply in replies] == [{f"n{number}"} for number in range(32)]
        assert served.engine.peak == 32


def test_too_many_waiting_get_429_with_a_time_to_come_again(serve):
    with serve(delay=0.2, slots=1, queue=1) as served:

        async def main():
            client = openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
            calls = [client.chat.completions.create(model="jarvis", messages=HELLO) for _ in range(4)]
            return await asyncio.gather(*calls, return_exceptions=True)

        refused = [one for one in asyncio.run(main()) if isinstance(one, openai.RateLimitError)]
        assert len(refused) == 2
        assert int(refused[0].response.headers["retry-after"]) >= 1
        assert refused[0].code == "engine_overloaded"
        assert served.engine.peak == 1
        ask(served)  # places were given back


def test_who_leaves_stops_the_engine_and_gives_the_place_back(serve):
    with serve(lambda _: "word " * 500, delay=0.01, slots=1, queue=0) as served:
        stream = ask(served, stream=True)
        next(iter(stream))
        stream.close()
        body = json.dumps({"model": "jarvis", "messages": HELLO}).encode()
        wait_until(lambda: served.engine.left_early == 1 and served.stage.gate.active == 0)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        with __import__("socket").create_connection(("127.0.0.1", served.port)) as connection:
            connection.sendall(head.encode() + body)
            wait_until(lambda: served.engine.running == 1)
        wait_until(lambda: served.engine.left_early == 2 and served.stage.gate.active == 0)
        assert served.stage.metrics.abandoned == 2


def wait_until(holds, seconds=5):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_models_tell_that_they_are_ai_characters(serve):
    with serve() as served:
        models = served.client().models.list().data
        assert [model.id for model in models] == ["jarvis", "jarvis+thoughts", "base"]
        assert models[0].metadata["ai_character"] is True
        assert "AI character" in models[0].metadata["notices"][0]
        assert served.client().models.retrieve("jarvis").parent == "smol"


def get(served, path, *headers):
    lines = "".join(f"{header}\r\n" for header in ("host: localhost", "connection: close", *headers))
    head, _, body = served.raw(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()).decode().partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def test_health_and_metrics_tell_counts_and_never_words(serve):
    with serve() as served:
        ask(served, messages=[{"role": "user", "content": "my secret"}])
        with pytest.raises(openai.NotFoundError):
            ask(served, 'x"} 1\nevil')
        assert get(served, "/health")[0] == 200
        status, head, page = get(served, "/metrics")
        assert status == 200
        assert "text/plain; version=0.0.4" in head
        assert 'roletune_requests_total{model="jarvis",status="200"} 1' in page
        assert 'roletune_requests_total{model="",status="404"} 1' in page
        assert 'roletune_tokens_total{model="jarvis",kind="completion"} 4' in page
        assert "secret" not in page
        assert "evil" not in page
        line = re.compile(r'(# (HELP|TYPE) .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [\d.]+)')
        assert all(line.fullmatch(each) for each in page.splitlines())


def test_without_the_key_there_is_nothing_but_health(serve):
    with serve(rules=Rules(key="sesame")) as served:
        with pytest.raises(openai.AuthenticationError):
            ask(served)
        assert get(served, "/metrics")[0] == 401
        assert get(served, "/health")[0] == 200
        assert served.client("sesame").chat.completions.create(model="jarvis", messages=HELLO)


def test_pages_of_other_origins_and_names_get_nowhere(serve):
    with serve() as served:
        assert get(served, "/v1/models", "origin: https://evil.example")[0] == 403
        status, _, _ = served_by_name(served, "evil.example")
        assert status == 403
        assert "access-control" not in get(served, "/v1/models")[1].lower()
    with serve(rules=Rules(origins=("http://localhost:8000",))) as served:
        status, head, _ = get(served, "/v1/models", "origin: http://localhost:8000")
        assert status == 200
        assert "access-control-allow-origin: http://localhost:8000" in head.lower()


def served_by_name(served, host):
    head = served.raw(f"GET /v1/models HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode()).decode()
    return int(head.split()[1]), head, ""


def test_long_bodies_and_fast_clients_are_refused(serve):
    with serve(body_bytes=1000) as served:
        with pytest.raises(openai.APIStatusError) as error:
            ask(served, messages=[{"role": "user", "content": "x" * 2000}])
        assert error.value.status_code == 413
    with serve(per_minute=2) as served:
        ask(served)
        ask(served)
        with pytest.raises(openai.RateLimitError) as limited:
            ask(served, extra_headers={"x-forwarded-for": "10.1.2.3"})  # does not make somebody else of it
        assert limited.value.code == "rate_limit_exceeded"
        assert int(limited.value.response.headers["retry-after"]) >= 1


def test_an_unknown_path_is_an_error_in_openais_form(serve):
    with serve() as served:
        status, _, body = get(served, "/v1/../../etc/passwd")
        assert status == 404
        assert json.loads(body)["error"]["code"] == "not_found"


# ---------------------------------------------------------------------------------------------------------------------
# In front of another server


def test_in_front_of_another_server_streams_errors_and_absence_are_passed_on():
    upstream = ScriptedEngine(lambda body: Refusal(400, "Bad.") if "bad" in str(body) else THOUGHT)
    with listening(scripted_app(upstream)) as address:
        engine = HttpEngine(f"{address}/v1", None, lambda who, strength: {"model": who})
        stage = Stage(cast(), engine, Limits(per_minute=0))
        with listening(make_app(stage)) as url:
            served = Served(url, upstream, stage)
            assert ask(served).choices[0].message.content == "For you, sir, always."
            chunks = list(ask(served, stream=True))
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "For you, sir, always."
            assert upstream.bodies[-1]["model"] == "jarvis"
            for stream in (False, True):
                with pytest.raises(openai.APIStatusError, match=r"refused|failed"):
                    ask(served, messages=[{"role": "user", "content": "bad"}], stream=stream)
            gone = Stage(cast(), HttpEngine("http://127.0.0.1:9/v1", None, lambda *_: {}), Limits())
            with listening(make_app(gone)) as other, pytest.raises(openai.InternalServerError) as error:
                ask(Served(other, upstream, gone))
            assert error.value.status_code == 503


def test_an_engine_that_closes_its_connections_untold_loses_no_request():
    answer = json.dumps({"choices": [{"message": {"content": "Yes."}}]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer)

    async def closing(reader, writer):
        await reader.readuntil(b"}]}")
        writer.write(head + answer)
        await writer.drain()
        await asyncio.sleep(0.002)  # the client has the answer, and takes the connection for a living one
        writer.close()

    async def session():
        async with await asyncio.start_server(closing, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            engine = HttpEngine(f"http://127.0.0.1:{port}/v1", None, lambda *_: {})
            told = [await engine.ask({"messages": HELLO}) for _ in range(50)]
            await engine.close()
            return told

    assert len(asyncio.run(session())) == 50
