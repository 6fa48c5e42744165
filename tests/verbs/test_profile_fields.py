import asyncio
import json

from tests.character import NAME, make_character

from roletune.engine.progress import SilentProgress
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Passage, Profile
from roletune.sources.lint.contradictions import ContradictionSettings
from roletune.synthesis.profile_fields import ProfileFieldSettings
from roletune.verbs.profile_fields import note_contradictions, note_fields
from roletune.workbench import open_workbench

ENDPOINT = {"url": "http://127.0.0.1:9/v1", "model": "quill"}
TEXTS = ("Mira keeps the lighthouse.", "Mira keeps the lighthouse, and drinks tea.", "Mira sold the lighthouse.")
PROFILE = Profile(
    name=NAME, passages=tuple(Passage(id=str(k), text=text, source=f"p#{k}") for k, text in enumerate(TEXTS))
)
NOTE = {
    "kind": "description",
    "text": "Mira keeps the lighthouse.",
    "who": "",
    "when": "",
    "quote": "keeps the lighthouse",
}


def noted(request):
    return "Nothing to note." if "sold" in request.messages[-1]["content"] else json.dumps({"items": [NOTE]})


def judged(request):
    told = "sold" in request.messages[-1]["content"] and "tea" not in request.messages[-1]["content"]
    quotes = {"first": "keeps the lighthouse", "second": "sold the lighthouse", "why": "Sold is sold."}
    return json.dumps({"contradiction": told, **quotes})


def run(folder, work, models=None, **bound):
    async def opened():
        project = Project.open(make_character(folder, models=bound))
        async with open_workbench(project, SilentProgress(), models or {}) as bench:
            return await work(bench)

    return asyncio.run(opened())


def test_every_passage_is_noted_and_what_is_not_kept_is_listed(tmp_path):
    writer = ScriptedModel(noted, name="quill")
    kept, rejected = run(
        tmp_path, lambda bench: note_fields(bench, PROFILE, ProfileFieldSettings()), {"writer": writer}, writer=ENDPOINT
    )
    assert [(item.text, item.provenance.passage) for item in kept] == [("Mira keeps the lighthouse.", "0")]
    assert [one.reason for one in rejected] == ["no JSON object in the reply", "repeats another"]
    assert len(writer.requests) == 3


def test_without_an_endpoint_nobody_is_asked(tmp_path):
    model = ScriptedModel([])

    async def both(bench):
        fields = await note_fields(bench, PROFILE, ProfileFieldSettings())
        return fields, await note_contradictions(bench, PROFILE, ContradictionSettings())

    assert run(tmp_path, both, {"writer": model, "judge": model}) == (([], []), ([], []))
    assert model.requests == []


def test_the_judge_compares_the_passages_that_share_words(tmp_path):
    judge = ScriptedModel(judged)
    found, failed = run(
        tmp_path,
        lambda bench: note_contradictions(bench, PROFILE, ContradictionSettings()),
        {"judge": judge},
        judge=ENDPOINT,
    )
    assert [finding.where for finding in found] == ["p#0, p#2"]
    assert (failed, len(judge.requests)) == ([], 3)
