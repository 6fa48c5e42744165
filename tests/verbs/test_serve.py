"""Who may be served, under which name, and how another server is put behind the characters."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys

import openai
import pytest
from tests.character import make_character, workbench
from tests.cli.terminal import ended, process
from tests.inference.serve.conftest import listening
from typer.testing import CliRunner

from roletune import pipeline
from roletune.cli import app
from roletune.engine.progress import SilentProgress
from roletune.errors import EndpointError, ProjectError, ResourceError
from roletune.inference.serve.refusal import Refusal
from roletune.inference.serve.run import listen, rules_for
from roletune.inference.serve.scripted import ScriptedEngine, scripted_app
from roletune.verbs.serve import Upstream, open_characters, upstream_stage


@pytest.fixture
def mira(tmp_path):
    folder = make_character(tmp_path / "Mira the Keeper")

    async def session():
        async with workbench(folder) as bench:
            await pipeline.make(bench, "profile")

    asyncio.run(session())
    return folder


def test_a_character_is_named_after_its_folder(mira):
    assert list(open_characters([mira], trained=False)) == ["mira-the-keeper"]


def test_what_can_not_be_served_says_what_to_do(mira, tmp_path):
    with pytest.raises(ProjectError, match="rename one"):
        open_characters([mira, mira], trained=False)
    with pytest.raises(ProjectError, match="rename one"):
        open_characters([make_character(tmp_path / "base")], trained=False)
    with pytest.raises(ProjectError, match="roletune run"):
        open_characters([mira])


def test_a_living_person_is_served_with_consent_only(mira):
    file = mira / "character.yaml"
    text = file.read_text("utf-8") + "subject: living\n"
    file.write_text(text, "utf-8")
    with pytest.raises(ProjectError, match="consent"):
        open_characters([mira], trained=False)
    file.write_text(text + "consent: she agreed in writing, 2026-01-02\n", "utf-8")
    assert open_characters([mira], trained=False)


def test_beyond_this_machine_there_must_be_a_key():
    for host in ("0.0.0.0", "192.168.1.2", "::", "myhost"):
        with pytest.raises(ProjectError, match="ROLETUNE_API_KEY"):
            rules_for(host, "", ())
        assert rules_for(host, "sesame", ()).key == "sesame"
    assert rules_for("::1", "", ()).hosts >= {"localhost", "::1"}


def test_a_port_that_is_taken_is_told_at_once():
    with listen("127.0.0.1", 0) as taken, pytest.raises(ResourceError, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_an_upstream_is_asked_for_the_adapter_it_has_and_else_for_its_base(mira):
    projects = open_characters([mira], trained=False)

    async def chosen(models):
        with listening(scripted_app(ScriptedEngine(lambda _: "Yes.", models=models))) as url:
            async with upstream_stage(projects, Upstream(f"{url}/v1"), SilentProgress()) as (cast, engine):
                assert "AI character" in cast.performers["mira-the-keeper"].notices[0]
                if "mira-the-keeper" in models:
                    with pytest.raises(Refusal) as refusal:
                        engine.adapter("mira-the-keeper", 0.5)
                    assert "strength" in refusal.value.message
                return engine.adapter("mira-the-keeper", 1.0), engine.adapter("base", 0.0)

    with_adapter = asyncio.run(chosen(("mira-the-keeper", "llama")))
    assert with_adapter == ({"model": "mira-the-keeper"}, {"model": "llama"})
    assert asyncio.run(chosen(("llama",))) == ({"model": "llama"}, {"model": "llama"})
    with pytest.raises(EndpointError, match="--upstream-model"):
        asyncio.run(chosen(()))


def test_snippets_for_clients_are_printed_without_starting_anything(mira, monkeypatch):
    told = CliRunner().invoke(app, ["serve", str(mira), "--clients", "--port", "9000"]).output
    for word in ("SillyTavern", "Open WebUI", "LibreChat", "llm (", "curl", "OpenAI(", "mira-the-keeper"):
        assert word in told
    assert "http://127.0.0.1:9000/v1" in told
    monkeypatch.setenv("ROLETUNE_API_KEY", "sesame")
    keyed = CliRunner().invoke(app, ["serve", str(mira), "--clients"]).output
    assert "$ROLETUNE_API_KEY" in keyed
    assert "sesame" not in keyed


@pytest.mark.skipif(importlib.util.find_spec("llm") is None, reason="llm is not installed")
def test_llm_talks_to_a_character_with_the_snippet_that_is_printed(mira, tmp_path):
    with listening(scripted_app(ScriptedEngine(lambda _: "Keep off the rocks."))) as url:
        told = CliRunner().invoke(app, ["serve", str(mira), "--clients", "--port", url.rpartition(":")[2]]).output
        (tmp_path / "extra-openai-models.yaml").write_text(told.partition("\nllm (")[2].partition("\n")[2], "utf-8")
        environment = {**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""}
        call = [sys.executable, "-m", "llm", "--no-log", "-m", "mira-the-keeper", "Ahoy!"]
        said = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (said.stdout.strip(), said.returncode) == ("Keep off the rocks.", 0), said.stderr


def test_the_end_of_a_service_lets_replies_finish_and_is_no_failure(mira):
    with listening(scripted_app(ScriptedEngine(lambda _: "word " * 20, 0.05))) as upstream:
        running = process("serve", mira, "--upstream", f"{upstream}/v1", "--port", 0)
        told = next(line for line in running.stderr if line.startswith("Serving"))
        client = openai.OpenAI(base_url=told.split()[-1], api_key="none", max_retries=0)
        hello = [{"role": "user", "content": "Hello?"}]
        chunks = client.chat.completions.create(model="mira-the-keeper", messages=hello, stream=True)
        first = next(chunks)
        running.send_signal(signal.SIGTERM)
        told = "".join(chunk.choices[0].delta.content or "" for chunk in (first, *chunks))
        end = ended(running)
    assert told.split() == ["word"] * 20
    assert (end.code, "Traceback" in end.err) == (0, False)
