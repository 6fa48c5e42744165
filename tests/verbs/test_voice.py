"""The suite `voice` over a small character's files, with invented replies."""

import asyncio
from html import escape

import pytest
from tests.character import TOPICS, make_character
from tests.evaluation import invented
from tests.evaluation.test_identification import item

from roletune import pipeline
from roletune.engine.progress import SilentProgress
from roletune.engine.store import file_hash, read_records, write_json, write_records, write_text
from roletune.evaluation.identification import identification_report
from roletune.evaluation.report_html import render_html
from roletune.evaluation.report_markdown import render_markdown
from roletune.project import Project
from roletune.records import Dialogue, Evaluation, Finding, Message, Reply, VoiceReport
from roletune.verbs.report import suites
from roletune.verbs.voice import FILE, STAGE, measure
from roletune.workbench import open_workbench

pytest.importorskip("numpy")

TOLD = [told for _, told in TOPICS.values()]
BASE = "I am happy to help you with any question today."


def toy(texts):
    """Vectors that know one thing: whether a text says what Mira says."""
    import numpy as np

    told = " ".join(TOLD)
    own = np.array([text.strip("\N{WHITE SQUARE}") in told for text in texts], dtype=np.float32)
    return np.stack([own, 1 - own], axis=1)


def identified(bench):
    right, wrong = (-1.0, -5.0), (-9.0, -1.0)
    return identification_report([item(base=wrong, base_prompt=wrong, adapter=right)])


@pytest.fixture
def folder(tmp_path):
    """A character that was read; its adapter recites, and one call to it failed."""
    folder = make_character(tmp_path / "mira", evaluate={"resamples": 100}, catchphrases=["believe me"])
    asyncio.run(in_bench(folder, lambda bench: pipeline.make(bench, "profile")))
    learnt = tuple(Message(role="assistant", content=told, loss=True) for told in TOLD)
    write_records(folder / "build/dataset/train.jsonl", [invented.EXAMPLE.model_copy(update={"messages": learnt})])
    write_records(folder / "build/dataset/test.jsonl", [invented.EXAMPLE])
    write_text(folder / "build/adapter/adapter_model.safetensors", "weights")
    failed = {"adapter": (Finding(check="unanswered", message="gone"),)}
    replies = [Reply(question="?", base=BASE, base_prompt=f"{BASE} {told}", adapter=told) for told in TOLD]
    replies[0] = replies[0].model_copy(update={"adapter": "", "findings": failed})
    evaluation = invented.report().evaluation.model_copy(update={"replies": tuple(replies)})
    write_json(folder / "build/evaluation.json", evaluation)
    return folder


async def in_bench(folder, work):
    async with open_workbench(Project.open(folder), SilentProgress()) as bench:
        return await work(bench)


def measured(folder):
    said = asyncio.run(in_bench(folder, lambda bench: measure(bench, identified, lambda _: toy)))
    return said, VoiceReport.model_validate_json((folder / "build" / FILE).read_text("utf-8"))


def test_what_an_adapter_recites_is_counted_and_what_never_came_is_not(folder):
    said, report = measured(folder)
    assert report.copying["adapter"].copied.value == 1
    assert report.copying["adapter"].longest.n == len(TOLD) - 1
    assert report.copying["base"].copied.value == 0
    assert 0 < report.copying["base_prompt"].copied.value < 1
    assert report.copying["base"].repeated.value == 1 > report.copying["adapter"].repeated.value
    assert report.copying["adapter"].passage in " ".join(map(str.casefold, TOLD)).replace(",", "").replace(";", "")
    assert "100% of the adapter's words" in said
    assert "1 of 1 times (chance 50%)" in said


def test_embeddings_stand_beside_the_n_grams_with_figures_of_their_own(folder):
    _, report = measured(folder)
    assert report.embedding.auc.value > 0.6
    assert report.embedding.others.value < report.embedding.own.value
    assert report.taken_by_embedding["adapter"].value == 1
    assert report.taken_by_embedding["base"].value == 0
    assert report.embedding != report.classifier


def test_replies_are_taken_for_the_character_between_floor_and_ceiling(folder):
    _, report = measured(folder)
    dialogues = read_records(folder / "build/dialogues.jsonl", Dialogue)
    own = sum(turn.speaker == "Mira" for one in dialogues for turn in one.turns)
    assert (report.classifier.own.n, report.classifier.auc.n) == (own, len(dialogues))
    assert {name: rate.n for name, rate in report.taken.items()} == {"base": 12, "base_prompt": 12, "adapter": 11}
    assert report.taken["adapter"].value > 0.9


def test_every_reply_is_kept_with_its_score_and_the_shares_are_paired_by_question(folder):
    _, report = measured(folder)
    assert len(report.heard) == sum(rate.n for rate in report.taken.values())
    for name, rate in report.taken.items():
        assert sum(one.score > 0 for one in report.heard if one.contestant == name) == rate.count
    assert report.gain.n == 11  # one call to the adapter failed
    assert report.sampling["seed"] == 1
    assert "roletune" in report.versions
    page = render_html(invented.report().model_copy(update={"voice": report}))
    best = max((one for one in report.heard if one.contestant == "adapter"), key=lambda one: one.score)
    assert page.index("sound most like") < page.index(escape(best.reply)[:30], page.index("sound most like"))
    assert "heard.csv" in page


def test_a_catchphrase_that_comes_oftener_than_in_real_lines_is_flagged(folder):
    evaluation = Evaluation.model_validate_json((folder / "build/evaluation.json").read_text("utf-8"))
    parrot = [one.model_copy(update={"adapter": f"{one.adapter} Believe me."}) for one in evaluation.replies]
    write_json(folder / "build/evaluation.json", evaluation.model_copy(update={"replies": tuple(parrot)}))
    _, report = measured(folder)
    assert report.phrase_excess["adapter"].low > 0 > report.phrase_excess["base"].low
    assert "more often than in real lines" in render_html(invented.report().model_copy(update={"voice": report}))


def test_catchphrases_are_those_of_the_profile_with_their_rate_in_real_lines(folder):
    _, report = measured(folder)
    assert report.phrases == ("believe me",)
    assert (report.phrase_use["authentic"].count, report.phrase_use["adapter"].count) == (1, 1)
    assert report.phrase_use["base"].count == 0


def test_too_few_lines_have_no_classifier_and_everything_else(folder):
    kept = read_records(folder / "build/dialogues.jsonl", Dialogue)[:3]
    write_records(folder / "build/dialogues.jsonl", kept)
    said, report = measured(folder)
    assert (report.classifier, report.taken) == (None, {})
    assert "too few lines" in said
    assert report.copying.keys() == {"base", "base_prompt", "adapter"}
    assert "too few lines or scenes" in render_html(invented.report().model_copy(update={"voice": report}))


def test_the_report_shows_the_voice_of_these_weights_only(folder):
    _, report = measured(folder)

    async def shown(bench):
        return suites(bench).voice

    assert asyncio.run(in_bench(folder, shown)) == report
    assert report.adapter == file_hash(folder / "build/adapter/adapter_model.safetensors")
    write_text(folder / "build/adapter/adapter_model.safetensors", "retrained")
    assert asyncio.run(in_bench(folder, shown)) is None


def test_page_and_markdown_tell_it_and_escape_what_was_said(folder):
    _, report = measured(folder)
    copied = report.copying["adapter"].model_copy(update={"passage": "<script>alert(1)</script>"})
    hostile = report.model_copy(update={"copying": {**report.copying, "adapter": copied}})
    whole = invented.report().model_copy(update={"voice": hostile})
    html = render_html(whole)
    assert 'id="voice"' in html
    assert "by chance 50 %" in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    markdown = render_markdown(whole)
    assert "## The voice" in markdown
    assert "| adapter | 11 of 11" in markdown.replace("Adapter", "adapter")


def test_the_suite_is_run_when_asked_for():
    assert pipeline.SUITES["voice"] is STAGE
