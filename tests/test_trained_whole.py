"""A character whose every weight was trained: measured, reported, talked with and taken away like any other."""

import asyncio
import json

import pytest
import yaml
from tests.cli.terminal import roletune

from roletune import pipeline
from roletune.errors import ModelError, ProjectError, TrainingError
from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.listing import describe
from roletune.inference.serve.refusal import Refusal
from roletune.inference.settings import ChatSettings
from roletune.llm.request import ChatRequest
from roletune.project import Project
from roletune.records import Evaluation
from roletune.training.preference_data import PreferSettings
from roletune.verbs.bundle import write_bundle
from roletune.verbs.load import load, read_persona
from roletune.verbs.prefer import make_preferring
from roletune.verbs.serve import _adapter, _whole

from .character import make_character, workbench
from .inference import tiny

pytestmark = pytest.mark.model
HELLO = ChatRequest(({"role": "user", "content": "Who goes there?"},), max_tokens=6, temperature=0)
RECIPE = {"method": "full", "epochs": 1, "learning_rate": 0.03, "max_tokens": 2048, "evaluations_per_epoch": 1}


@pytest.fixture(scope="module")
def mira(tmp_path_factory):
    place = tmp_path_factory.mktemp("whole")
    folder = make_character(
        place / "mira",
        base=str(tiny.base_folder(place / "base", context=4096)),
        scenes={"count": 0},
        protective={"count": 0},
        train={"overrides": RECIPE},
        evaluate={"max_tokens": 10, "resamples": 100},
    )
    (folder / "questions.yaml").write_text(yaml.safe_dump([{"text": "Who goes there?"}]))
    asyncio.run(used(folder, lambda bench: pipeline.make(bench)))
    return folder


async def used(folder, work):
    async with workbench(folder) as bench:
        return await work(bench)


def test_it_is_measured_against_its_base_and_reported(mira):
    evaluation = Evaluation.model_validate_json((mira / "build" / "evaluation.json").read_text("utf-8"))
    assert evaluation.likelihood.adapter.perplexity < 0.9 * evaluation.likelihood.base_prompt.perplexity
    card = (mira / "build" / "adapter" / "README.md").read_text("utf-8")
    assert "# Mira: a language model" in card
    assert "Every weight of the base model was trained" in card
    assert not (mira / "build" / "adapter" / "adapter_model.safetensors").exists()
    assert asyncio.run(used(mira, lambda bench: pipeline.make(bench))) == []  # all is current


def test_base_and_character_answer_each_for_itself(mira):
    async def replies(bench):
        base, own = bench.stage_models()
        assert base.identity != own.identity
        with pytest.raises(ModelError, match="on \\(1\\) or off \\(0\\)"):
            bench.on_stage(0.5)
        return [(await model.complete(HELLO)).text for model in (base, own, base)]

    first, own, again = asyncio.run(used(mira, replies))
    assert first == again != own


def test_it_talks_and_scores_as_a_library(mira):
    with load(mira) as character:
        trained = character.score("I keep the light, sailor.")
        character.strength = 0.0
        assert character.score("I keep the light, sailor.") != trained
        character.strength = 1.0
        assert character.reply("Who goes there?")


def test_it_is_exported_as_a_model(mira, tmp_path, capsys):
    end = roletune(capsys, "export", mira, "--to", tmp_path / "out", "--json")
    assert end.code == 0, end.err
    told = json.loads(end.out)["sha256"]
    assert {"merged/model.safetensors", "merged/tokenizer.json", "merged/README.md", "adapter.json"} <= set(told)
    assert "adapter_model.safetensors" not in told
    trained = mira / "build" / "adapter" / "model" / "model.safetensors"
    assert (tmp_path / "out" / "merged" / "model.safetensors").read_bytes() == trained.read_bytes()
    assert "vllm serve" in roletune(capsys, "export", mira, "--to", tmp_path / "out").out


def test_what_wants_an_adapter_says_so(mira, tmp_path):
    async def refused(bench):
        with pytest.raises(ProjectError, match="trained whole"):
            write_bundle(bench, tmp_path / "mira.zip")
        with pytest.raises(ModelError, match="by itself: roletune serve"):
            _adapter("mira", bench.project)
        with pytest.raises(TrainingError, match="method: full"):
            await make_preferring(bench, PreferSettings())

    asyncio.run(used(mira, refused))


def test_alone_it_is_the_model_of_an_endpoint_and_beside_others_it_is_not(mira):
    gguf = mira / "build" / "adapter" / "model.gguf"
    gguf.write_bytes(b"GGUF")  # the toy has none: its base did not come as one
    project = Project.open(mira)
    try:
        assert _whole({"mira": project}) == gguf.resolve()
        assert _whole({"mira": project, "olaf": project}) is None
    finally:
        gguf.unlink()
    assert _whole({"mira": project}) is None
    cast = Cast({"mira": Performer("mira", read_persona(project), ChatSettings())}, "")
    assert [one["id"] for one in describe(cast, 0)] == ["mira", "mira+thoughts"]
    with pytest.raises(Refusal, match="no such model"):
        cast.find("base")
