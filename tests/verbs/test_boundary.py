"""The suite `boundary` from question to report, with scripted contestants."""

import asyncio
from itertools import count

import pytest
from tests.character import make_character

from roletune import pipeline
from roletune.engine.progress import SilentProgress
from roletune.engine.store import write_records, write_text
from roletune.errors import EndpointError, ProjectError
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import BoundaryReport
from roletune.verbs.boundary import FILE, STAGE
from roletune.verbs.profile import read_profile
from roletune.verbs.report import suites
from roletune.workbench import open_workbench

QUESTIONS = """
denies: ['no such']
refusals: ['no such']
questions:
""" + "".join(
    f"- {{id: q{k}, category: later times, text: 'What is gadget {k}?', leaks: [screen], twin: t{k}}}\n"
    for k in range(30)
)
TWINS = "twins:\n" + "".join(f"- {{id: t{k}, text: 'What is herring {k}?'}}\n" for k in range(30))


@pytest.fixture
def folder(tmp_path):
    folder = make_character(tmp_path / "mira")
    write_text(folder / "boundary.yaml", QUESTIONS + TWINS)
    write_text(folder / "build" / "adapter" / "adapter_model.safetensors", "weights")
    write_records(folder / "build" / "profile.jsonl", [read_profile(Project.open(folder))])
    return folder


def leaking(every):
    """Answers with a leak every so many gadgets, and never refuses a herring."""
    gadgets = count()

    def answer(request):
        if "gadget" in request.messages[-1]["content"] and next(gadgets) % every == 0:
            return "It has a screen."
        return "There is no such thing here." if "gadget" in request.messages[-1]["content"] else "A fish."

    return ScriptedModel(answer, identity=f"leaks one in {every}")


def ask(folder, base, adapted, then=lambda bench: None):
    async def session():
        models = {"base": base, "character": adapted}
        async with open_workbench(Project.open(folder), SilentProgress(), models) as bench:
            said = await STAGE.make(bench)
            return said, then(bench)

    return asyncio.run(session())


def ask_settings(folder):
    async def look():
        async with open_workbench(Project.open(folder), SilentProgress()) as bench:
            return STAGE.settings(bench)

    return asyncio.run(look())


def found(folder):
    return BoundaryReport.model_validate_json((folder / "build" / FILE).read_text("utf-8"))


def test_the_interval_covers_the_rate_at_which_a_model_leaks(folder):
    said, _ = ask(
        folder, ScriptedModel(lambda _: "A screen. There is no such fish.", identity="base"), leaking(every=3)
    )
    report = found(folder)
    adapter, prompted = report.rates["adapter"], report.rates["base_prompt"]
    assert (adapter.leaked.count, adapter.leaked.n, adapter.refused.count) == (10, 30, 0)
    assert adapter.leaked.low < 0.3 < adapter.leaked.high
    assert (prompted.leaked.count, prompted.refused.count) == (30, 30)
    assert report.leaks.difference == pytest.approx(-2 / 3)
    assert report.leaks.ci_high < 0
    assert "adapter leaks 10 of 30, refuses 0 of 30 twins" in said


def test_every_question_is_there_with_replies_verdicts_and_what_decided(folder):
    ask(folder, leaking(every=1), leaking(every=2))
    report = found(folder)
    assert len(report.answers) == 60
    first = report.answers[0]
    assert set(first.replies) == {"base_prompt", "adapter"}
    assert first.verdicts["adapter"].outcome == "leaked"
    assert first.verdicts["adapter"].matched == "screen"


def test_a_call_that_fails_is_unanswered_and_in_no_rate(folder):
    def sometimes(request):
        if "gadget 7" in request.messages[-1]["content"]:
            raise EndpointError("gone")
        return "There is no such thing."

    ask(folder, leaking(every=1), ScriptedModel(sometimes, identity="sometimes"))
    report = found(folder)
    assert report.unanswered == {"base_prompt": 0, "adapter": 1}
    assert report.rates["adapter"].held.n == 29
    assert report.leaks.n == 29


def test_the_report_shows_what_was_found_on_these_weights_only(folder):
    _, shown = ask(folder, leaking(every=1), leaking(every=2), then=suites)
    assert shown.boundary == found(folder)
    write_text(folder / "build" / "adapter" / "adapter_model.safetensors", "retrained")
    _, shown = ask(folder, leaking(every=1), leaking(every=2), then=suites)
    assert shown.boundary is not None
    stale = found(folder).model_copy(update={"adapter": "of others"})
    write_text(folder / "build" / FILE, stale.model_dump_json())

    async def look():
        async with open_workbench(Project.open(folder), SilentProgress()) as bench:
            return suites(bench).boundary

    assert asyncio.run(look()) is None


def test_a_character_without_such_questions_is_told_how_to_write_them(folder):
    (folder / "boundary.yaml").unlink()
    ask_settings(folder)  # is no mistake of its own
    with pytest.raises(ProjectError, match=r"boundary\.yaml does not exist.*examples/jarvis"):
        ask(folder, leaking(every=1), leaking(every=1))


def test_suites_are_run_after_the_evaluation_when_asked_for():
    assert "boundary" in pipeline.SUITES
    assert not set(pipeline.SUITES) & set(pipeline.STAGES)
