"""The suites that probe, with scripted contestants; capability and questionnaire by replies."""

import asyncio
import json
import re

import pytest
from tests.character import make_character
from tests.evaluation import invented
from tests.evaluation.test_wikirole import sensible

from roletune import pipeline
from roletune.engine.progress import SilentProgress
from roletune.engine.store import write_json, write_records, write_text
from roletune.errors import EvaluationError, ProjectError, RefusedError
from roletune.evaluation.capability import read_choices
from roletune.evaluation.examples import first_options
from roletune.evaluation.questions import read_questions
from roletune.evaluation.report_html import render_html
from roletune.evaluation.report_markdown import render_markdown
from roletune.llm.scripted import ScriptedModel
from roletune.project import Project
from roletune.records import Reply, Report
from roletune.verbs.profile import read_profile
from roletune.verbs.report import suites
from roletune.workbench import open_workbench

HOSTILE = "<script>alert(1)</script>"
BOUNDARY = """
denies: ['no such']
refusals: ['no such']
questions:
""" + "".join(
    f"- {{id: q{k}, category: c, text: 'What is gadget {k}?', leaks: [screen], twin: t{k}}}\n" for k in range(8)
)
TWINS = "twins:\n" + "".join(f"- {{id: t{k}, text: 'What is herring {k}?'}}\n" for k in range(8))
CANDIDATES = [f"{name}: a bio" for name in ("Mira", "Mary Seacole", "Zheng He", "Tycho Brahe")]
ITEM = {
    "label": "Mira",
    "prompts": ["What did you light?", "Who won in 1998?"],
    "rejection_labels": [0, 1],
    "role_consist_cands": CANDIDATES,
    "evidence": ["the lamp", ""],
}


@pytest.fixture
def folder(tmp_path):
    probes = {"answers": "replies", "repetitions": 2, "games": 4, "rounds": 10, "rules": "rules.yaml"}
    folder = make_character(tmp_path / "mira", probes=probes, evaluate={"resamples": 100})
    write_text(folder / "boundary.yaml", BOUNDARY + TWINS)
    write_text(folder / "wikirole.jsonl", json.dumps(ITEM) + "\n" + json.dumps(ITEM | {"label": "Zheng He"}) + "\n{}\n")
    write_text(folder / "build" / "adapter" / "adapter_model.safetensors", "weights")
    write_text(folder / "rules.yaml", RULES)
    write_json(folder / "build" / "evaluation.json", invented.report().evaluation)
    write_records(folder / "build" / "profile.jsonl", [read_profile(Project.open(folder))])
    return folder


def asked(request):
    return request.messages[-1]["content"]


def letter(request, *options):
    """The letter at which the first of the options stands that is there."""
    found = {option: name for name, option in re.findall(r"^([A-H])\) (.+)$", asked(request), re.M)}
    return next((found[option] for option in options if option in found), "?")


def run(folder, *names, base, character, **others):
    async def session():
        models = {"base": base, "character": character, **others}
        async with open_workbench(Project.open(folder), SilentProgress(), models) as bench:
            said = [await pipeline.SUITES[name].make(bench) for name in names]
            return said, suites(bench)

    said, found = asyncio.run(session())
    return (said[0], getattr(found, names[0])) if len(names) == 1 else (said, found)


def scripted(answer, name="scripted"):
    return ScriptedModel(answer, identity=name, name=name)


def gives_way(request):
    """Denies at first, and tells at the second insistence; a question with an appeal behind it gets it at once."""
    insisted = sum(message["role"] == "user" for message in request.messages) - 1
    appealed = "gadget" in asked(request) and not asked(request).endswith("?")
    return "It has a screen." if insisted >= 2 or appealed else "There is no such thing."


def firm(_):
    return "There is no such thing."


def test_leaks_are_told_turn_by_turn_and_against_the_plain_question(folder):
    said, report = run(folder, "pressure", base=scripted(firm, "firm"), character=scripted(gives_way))
    steps = {step.step: step for step in report.steps["adapter"]}
    assert list(steps) == ["asked", "again 1", "again 2", "again 3", "suffix", "slip"]
    assert [step.leaked.count for step in steps.values()] == [0, 0, 8, 8, 8, 0]
    assert steps["again 2"].change.difference == 1
    assert steps["again 2"].change.n == 8
    assert (report.ever["adapter"].count, report.ever["base_prompt"].count) == (8, 0)
    assert report.difference.difference == 1
    assert "adapter leaks 0, 0, 8, 8, 8, 0" in said


def test_a_talk_goes_on_from_the_character_s_own_replies_and_a_slip_is_put_into_its_mouth(folder):
    adapted = scripted(gives_way)
    run(folder, "pressure", base=scripted(firm, "firm"), character=adapted)
    roles = [[m["role"] for m in request.messages] for request in adapted.requests]
    assert ["system", "user", "assistant", "user", "assistant", "user", "assistant", "user"] in roles
    slips = [r for r in adapted.requests if len(r.messages) == 4 and r.messages[1] == r.messages[3]]
    assert len(slips) == 8
    assert {r.messages[2]["role"] for r in slips} == {"assistant"}


def test_what_a_model_refuses_to_go_on_with_is_counted_and_in_no_rate(folder):
    def refuses(request):
        return RefusedError("not that") if len(request.messages) > 4 else firm(request)

    _, report = run(folder, "pressure", base=scripted(firm, "firm"), character=scripted(refuses))
    steps = {step.step: step for step in report.steps["adapter"]}
    assert steps["again 1"].leaked.n == 8
    assert (steps["again 2"].leaked, steps["again 2"].unanswered) == (None, 8)
    assert "adapter" not in report.ever  # nothing leaked, but not everything was answered
    assert report.difference is None


RIGHT = {choice.text: choice.options[0] for choice in read_choices()}


def knows(request):
    return letter(request, RIGHT[asked(request).partition("\n")[0]])


def knows_as_nobody(request):
    return knows(request) if request.messages[0]["role"] != "system" else "Arr!"


def test_what_persona_and_training_cost_is_told_apart(folder):
    never = scripted(lambda request: "I forgot it all.", "forgetful")
    said, report = run(folder, "capability", base=scripted(knows_as_nobody), character=never)
    assert report.right["base"].n == 60
    assert report.right["base"].value == 1
    assert report.unscored == {"base": 0, "base_prompt": 60, "adapter_bare": 60, "adapter": 60}
    assert "180 answers unscored" in said
    assert report.by == "replies"
    assert report.answers[0].replies["base_prompt"] == "Arr!"


def test_who_agrees_with_everything_is_in_the_middle_and_steady(folder):
    def agrees(request):
        return letter(request, "strongly agree")

    _, report = run(folder, "questionnaire", base=scripted(lambda _: "Hm.", "mumbler"), character=scripted(agrees))
    assert {found.score.value for found in report.dimensions["adapter"].values()} == {3}
    assert {found.spread.value for found in report.dimensions["adapter"].values()} == {0}
    assert sum(found.unscored for found in report.dimensions["base_prompt"].values()) == 60
    assert report.differences == {}


def test_who_ticks_whatever_stands_first_is_told(folder):
    _, report = run(folder, "questionnaire", base=scripted(lambda _: "Hm.", "b"), character=scripted(lambda _: "A"))
    first = first_options(report)
    assert (first["adapter"].count, first["adapter"].n, "base_prompt" in first) == (60, 60, False)
    page = render_html(invented.report().model_copy(update={"questionnaire": report}))
    assert "Ticked whatever stood first: adapter 60 of 60" in page


def test_a_player_that_learns_is_told_from_one_that_pulls_one_lever(folder):
    def learns(request):
        rounds = re.findall(r"you pulled (left|right), and it paid (a coin|nothing)", asked(request))
        if not rounds:
            return "left"
        arm, paid = rounds[-1]
        return arm if paid == "a coin" else {"left": "right", "right": "left"}[arm]

    said, report = run(folder, "bandit", base=scripted(lambda _: "Left!", "left"), character=scripted(learns))
    assert report.scores["base_prompt"].regret.value == pytest.approx(0.3) == report.random_regret
    assert report.scores["adapter"].stayed_after_win.value == 1
    assert report.difference.value < 0
    assert report.difference.n == 4
    assert "at random 0.30" in said


RULES = """
rules:
- {id: short, type: max_words, value: 3, told: "Three words at most."}
- {id: rain, type: contains, value: [rain], told: "Mention the rain."}
sets: [[short], [rain], [short, rain]]
"""


def obeys(request):
    if "Mention the rain" in request.messages[0]["content"]:
        return "Rain, my dear." if "Three words" in request.messages[0]["content"] else "I am fond of rain, my dear."
    return RefusedError("not that")


def test_all_rules_are_kept_or_none_counts_and_what_was_kept_untold_is_told(folder):
    plain = invented.report().evaluation
    questions = read_questions(Project.open(folder).questions)
    replies = [
        Reply(question=one.text, topic="", base="", base_prompt="Rain.", adapter="No." if k else "")
        for k, one in enumerate(questions)
    ]
    write_json(folder / "build" / "evaluation.json", plain.model_copy(update={"replies": tuple(replies)}))
    adapted = scripted(obeys)
    said, report = run(folder, "obedience", base=scripted(lambda _: "Rain.", "b"), character=adapted)
    assert {r.messages[0]["role"] for r in adapted.requests} == {"system"}
    assert all("Mira" in r.messages[0]["content"] for r in adapted.requests)  # the persona stays above the rules
    own, other = report.rates["adapter"], report.rates["base_prompt"]
    assert (own.all_rules.count, own.all_rules.n, own.unanswered) == (2, 2, 1)
    assert (other.all_rules.count, other.all_rules.n) == (3, 3)
    assert {name: (rate.count, rate.n) for name, rate in own.per_rule.items()} == {"rain": (2, 2), "short": (1, 1)}
    assert report.difference.n == 2
    assert report.answers[0].broken["adapter"] is None
    untold = report.untold["adapter"]  # the first question was not answered, the second has to do with rain
    assert (untold.all_rules.count, untold.all_rules.n, untold.unanswered) == (0, 2, 1)
    assert (report.untold["base_prompt"].all_rules.count, "base" in report.untold) == (3, False)
    assert "adapter 2 of 2" in said


def wikirole_answers(request):
    return "I know nothing of it." if "1998" in asked(request) else "The lamp, every night."


def test_wikirole_is_asked_in_one_talk_and_judged_by_who_is_bound(folder):
    adapted = scripted(wikirole_answers)
    judge = scripted(lambda request: sensible(request) if "Mira" not in asked(request) else by_name(request), "sage")
    said, report = run(
        folder, "wikirole", base=scripted(lambda _: "1998? France.", "b"), character=adapted, judge=judge
    )
    assert len(adapted.requests[1].messages) == 4  # the second question comes after the first answer
    found = report.figures["adapter"]["sage"]
    assert (found.identity.count, found.identity.n, found.n_roles) == (1, 1, 1)
    assert found.rejection.balanced.value == 1
    assert report.figures["base_prompt"]["sage"].rejection.balanced.value == 0.5
    assert {verdict.kind for verdict in report.verdicts} == {"identity", "knowledge", "rejection"}
    assert "1 of 1 known" in said


def by_name(request):
    """What `sensible` does, for somebody called Mira."""
    text = asked(request)
    if match := re.search(r"([ABCD])\. Mira", text):
        return json.dumps({"steps": ["because"], "answer": match[1]})
    return sensible(request)


def test_without_a_judge_the_talks_are_kept_and_items_of_others_are_refused(folder):
    said, report = run(folder, "wikirole", base=scripted(firm, "b"), character=scripted(wikirole_answers))
    assert "nothing is judged yet" in said
    assert [talk.replies for talk in report.talks if talk.contestant == "adapter"] == [
        ("The lamp, every night.", "I know nothing of it.")
    ]
    write_text(folder / "wikirole.jsonl", json.dumps(ITEM | {"label": "Zheng He"}))
    with pytest.raises(ProjectError, match=r"no item of Mira; its roles are Zheng He"):
        run(folder, "wikirole", base=scripted(firm, "b"), character=scripted(firm))
    (folder / "wikirole.jsonl").unlink()
    with pytest.raises(ProjectError, match=r"docs/probes\.md"):
        run(folder, "wikirole", base=scripted(firm, "b"), character=scripted(firm))


def test_the_report_shows_every_suite_and_nothing_that_a_model_wrote_is_markup(folder):
    names = ("pressure", "capability", "questionnaire", "bandit", "obedience", "wikirole")
    hostile = scripted(lambda request: f"{HOSTILE} screen left" if "lever" not in asked(request) else f"left {HOSTILE}")
    judge = scripted(by_name, "sage")
    _, found = run(folder, *names, base=scripted(firm, "b"), character=hostile, judge=judge)
    assert all(getattr(found, name).sampling["seed"] == 1 for name in names)
    assert all("roletune" in getattr(found, name).versions for name in names)
    page_of = invented.report().model_copy(update=dict(found))
    page = render_html(page_of)
    assert HOSTILE not in page
    assert all(f'id="{name}"' in page and f'href="#{name}"' in page for name in names)
    assert all(f'download="{name}.csv"' in page for name in names)
    assert Report.model_validate_json(page_of.model_dump_json()) == page_of
    told = render_markdown(page_of)
    assert all(
        title in told
        for title in ("Under pressure", "What it costs", "thinks of itself", "two levers", "keeps rules", "WikiRole")
    )


def test_what_an_older_version_wrote_is_told_with_the_cure(folder):
    write_text(folder / "build" / "suites" / "bandit.json", "{}")

    async def look():
        async with open_workbench(Project.open(folder), SilentProgress()) as bench:
            return suites(bench)

    with pytest.raises(EvaluationError, match=r"bandit\.json was written by another roletune.*--with bandit"):
        asyncio.run(look())
