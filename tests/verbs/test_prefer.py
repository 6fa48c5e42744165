"""Preference training of a character, with a tiny random base, and what is measured on held-out pairs."""

import asyncio
import json

import pytest
from tests.character import workbench
from tests.cli.terminal import roletune

from roletune import pipeline
from roletune.engine.store import write_records
from roletune.errors import EvaluationError
from roletune.evaluation.preference import PairLikelihood, compare_preferences
from roletune.project import Project
from roletune.records import LineLikelihood, Message, PreferencePair, Provenance, Thumb, Turn
from roletune.training.preference_data import PreferSettings
from roletune.verbs.dataset import open_renderer
from roletune.verbs.opinions import read_opinions
from roletune.verbs.prefer import part
from roletune.verbs.runs import chosen_run, finished_runs
from roletune.workbench import scene_of

from .on_tiny_base import on_tiny_base

OVERRIDES = {"rank": 2, "epochs": 1, "max_tokens": 600, "evaluations_per_epoch": 1, "dtype": "float32"}


def pair(number, split="train", chosen="The sea.", rejected="I am an AI.", asked="Who is there?"):
    return PreferencePair(
        id=f"p{number}",
        prompt=(Message(role="system", content="You are Mira."), Message(role="user", content=f"{asked} {number}")),
        chosen=chosen,
        rejected=rejected,
        origin="votes",
        split=split,
        provenance=Provenance(source=f"s{number // 2}"),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    pytest.importorskip("trl")
    place = tmp_path_factory.mktemp("prefer")
    prefer = {"learning_rate": 0.002, "batch": 2, "epochs": 3}
    folder = on_tiny_base(place, train={"overrides": {**OVERRIDES, "max_tokens": 2048}}, prefer=prefer)

    async def session():
        async with workbench(folder) as bench:
            await pipeline.make(bench, "train")

    asyncio.run(session())
    return folder


@pytest.mark.model
def test_a_preference_run_is_a_run_like_any_other(trained, capsys):
    end = roletune(capsys, "prefer", trained)
    assert (end.code, "roletune pairs" in end.err) == (1, True)
    pairs = [pair(number) for number in range(6)] + [pair(number, "test") for number in range(6, 12)]
    write_records(
        trained / "build" / "pairs.jsonl", [*pairs, pair(99, asked="Who? " * 2000), pair(98, chosen="I am an AI.")]
    )
    (before,) = finished_runs(trained / "build")

    end = roletune(capsys, "prefer", trained, "--json")
    assert end.code == 0, end.err
    report = json.loads(end.out)
    assert (report["starts_from"], report["train_pairs"], report["measured_on"]) == (before.adapter.run, 6, "test")
    assert report["figures"]["margin"]["value"] > 0
    assert report["figures"]["widened"] == {**report["figures"]["widened"], "count": 6, "n": 6}
    rejected = (trained / "build" / "prefer.rejected.jsonl").read_text()
    assert "tokens, and the recipe's max_tokens is 2048" in rejected
    assert "both replies are the same tokens" in rejected

    run = next(run for run in finished_runs(trained / "build") if run.in_use)
    assert run.adapter.run == report["run"] == chosen_run(Project.open(trained))
    assert (trained / "build" / "adapter" / "adapter.gguf").is_file()
    assert json.loads((trained / "build" / "adapter" / "preference.json").read_text())["run"] == report["run"]

    # Again from the run that it made itself: the same starting point, so the same run.
    assert json.loads(roletune(capsys, "prefer", trained, "--json").out)["run"] == report["run"]
    assert roletune(capsys, "prefer", trained, "--method", "ppo").code == 2


ASKED = Turn(speaker="Olaf", text="Who is there?")


def thumb(number, reply, good, context=(ASKED,)):
    return Thumb(
        id=f"t{number}",
        moment=f"m{number}",
        scene=scene_of("Mira", "the tower", "", "Olaf"),
        context=context,
        reply=reply,
        good=good,
        strength=1.0,
        adapter="a",
        created="2026-01-01T00:00:00",
    )


@pytest.mark.model
def test_kto_takes_in_the_thumbs_of_chats_even_without_any_pairs(trained, capsys):
    (trained / "build" / "pairs.jsonl").unlink(missing_ok=True)
    thumbs = [thumb(number, f"The sea, {number}.", True) for number in range(3)]
    thumbs += [thumb(7, "I am an AI.", False), thumb(0, "The sea, 0.", None), thumb(8, "Yes.", True, context=())]
    (trained / "journal").mkdir(exist_ok=True)
    write_records(trained / "journal" / "thumbs.jsonl", thumbs)
    end = roletune(capsys, "prefer", trained, "--method", "kto", "--json")
    assert end.code == 0, end.err
    report = json.loads(end.out)
    # One was taken back, one answers nobody.
    assert (report["train_pairs"], report["train_thumbs"], report["figures"]) == (0, 3, None)
    (refused,) = (trained / "build" / "prefer.rejected.jsonl").read_text("utf-8").splitlines()
    assert "nobody had spoken" in refused
    # DPO learns from pairs alone.
    assert roletune(capsys, "prefer", trained).code == 1

    async def rows():
        async with workbench(trained) as bench:
            return read_opinions(bench, open_renderer(bench), 2048)[0], open_renderer(bench), bench.persona

    opinions, renderer, persona = asyncio.run(rows())
    assert sorted(row.liked for row in opinions) == [False, True, True]
    scene = scene_of("Mira", "the tower", "", "Olaf")
    served = [persona.message(scene, ["Olaf"]), Message(role="user", content="Who is there?")]
    assert {row.prompt for row in opinions} == {tuple(renderer.prompt_ids(served))}


def test_without_held_out_pairs_a_share_of_the_sources_is_held_out():
    pairs = [pair(number) for number in range(20)]
    parts = part(pairs, PreferSettings(held_out=0.2))
    assert (len(parts.train), len(parts.measured), parts.measured_on) == (16, 4, "held-out sources")
    assert not {p.provenance.source for p in parts.train} & {p.provenance.source for p in parts.measured}
    assert parts == part(pairs, PreferSettings(held_out=0.2))
    assert part(pairs, PreferSettings(held_out=0.2, seed=1)) != parts
    assert part(pairs, PreferSettings(held_out=0)).measured == []


def test_held_out_pairs_are_never_trained_on():
    pairs = [pair(0), pair(1, "validation"), pair(2, "test")]
    parts = part(pairs, PreferSettings())
    assert (parts.train, parts.validation, parts.measured) == ([pairs[0]], [pairs[1]], [pairs[2]])


def likelihoods(chosen, rejected):
    return PairLikelihood(
        LineLikelihood(dialogue="d", line=0, nll=chosen, tokens=4),
        LineLikelihood(dialogue="d", line=0, nll=rejected, tokens=8),
    )


def test_the_margin_is_beta_times_what_one_reply_gained_over_the_other():
    figures = compare_preferences([likelihoods(8, 8)], [likelihoods(6, 10)], beta=0.5)
    assert figures.margin.value == pytest.approx(0.5 * (2 + 2))
    assert figures.chosen_gain.value == pytest.approx(0.5)
    # 2 nats a token against 1 before, 1.5 against 1.25 after: the other reply is still the likelier one.
    assert (figures.preferred_before.count, figures.preferred.count, figures.widened.count) == (0, 0, 1)
    with pytest.raises(EvaluationError, match="no held-out pairs"):
        compare_preferences([], [], beta=0.5)
