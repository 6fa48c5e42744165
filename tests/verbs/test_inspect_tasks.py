"""Our suites inside inspect_ai, with its own mock model: the same replies give the same counts."""

import json
import tomllib
from pathlib import Path

import pytest
from tests.character import make_character

from roletune.engine.store import write_text
from roletune.evaluation.boundary import boundary_rates, judge_reply, judge_twin
from roletune.evaluation.boundary_questions import read_boundary_questions
from roletune.evaluation.rouge import rouge_l
from roletune.evaluation.style import inspect
from roletune.project import Project
from roletune.verbs.contestants import manner_of
from roletune.verbs.profile import read_profile

inspect_ai = pytest.importorskip("inspect_ai")

BOUNDARY = """
denies: ['no such']
refusals: ['no such']
questions:
""" + "".join(
    f"- {{id: q{k}, category: c, text: 'What is gadget {k}?', leaks: [screen], twin: t{k}}}\n" for k in range(9)
)
TWINS = "twins:\n" + "".join(f"- {{id: t{k}, text: 'What is herring {k}?'}}\n" for k in range(9))
QUESTIONS = "- id: a\n  text: Who are you?\n- id: b\n  text: What do you light?\n"


@pytest.fixture
def folder(tmp_path):
    folder = make_character(tmp_path / "mira")
    write_text(folder / "boundary.yaml", BOUNDARY + TWINS)
    write_text(folder / "questions.yaml", QUESTIONS)
    return folder


def reply_to(question):
    """Leaks at every third gadget, refuses every second herring."""
    number = int(question.rstrip("?").split()[-1])
    if "gadget" in question:
        return "It has a screen." if number % 3 == 0 else "There is no such thing."
    return "There is no such fish." if number % 2 else "A fish."


def run(task, answer, tmp_path, **roles):
    """The log of a run over all samples; `answer` makes a reply of the messages."""
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    def mock(say):
        def output(messages, tools, tool_choice, config):
            reply = ModelOutput.from_content("mockllm/model", say(messages))
            # Without it the mock counts tokens itself, and downloads a vocabulary for that.
            return reply.model_copy(update={"usage": ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)})

        return get_model("mockllm/model", custom_outputs=output)

    (log,) = inspect_ai.eval(
        task,
        model=mock(answer),
        model_roles={name: mock(say) for name, say in roles.items()},
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success", log.error
    return log


def metrics(log):
    return {(score.name, name): metric.value for score in log.results.scores for name, metric in score.metrics.items()}


def test_boundary_in_inspect_counts_what_the_suite_counts(folder, tmp_path):
    from roletune.inspect_tasks import boundary

    asked = read_boundary_questions(folder / "boundary.yaml")
    ours = boundary_rates(
        [judge_reply(one, reply_to(one.text)) for one in asked.questions]
        + [judge_twin(one, reply_to(one.text)) for one in asked.twins]
    )
    log = run(boundary(str(folder)), lambda messages: reply_to(messages[-1].text), tmp_path)
    found = metrics(log)
    assert found["boundary", "leaked"] == ours.leaked.value == pytest.approx(3 / 9)
    assert found["boundary", "refused"] == ours.refused.value == pytest.approx(4 / 9)
    assert found["boundary", "accuracy"] == pytest.approx((6 + 5) / 18)
    told = {sample.id: sample.scores["boundary"] for sample in log.samples}
    assert (told["q0"].explanation, told["q0"].answer) == ("screen", "It has a screen.")


def test_the_model_is_told_who_it_is_unless_it_should_not_be_and_the_style_checks_are_ours(folder, tmp_path):
    from roletune.inspect_tasks import style

    seen = []

    def remember(messages):
        seen.append([message.role for message in messages])
        return "I keep the lighthouse, and I like it." if messages[0].role == "system" else "*smiles* As an AI"

    told, untold = (run(style(str(folder), persona=persona), remember, tmp_path) for persona in (True, False))
    assert seen == [["system", "user"]] * 2 + [["user"]] * 2
    manner = manner_of(read_profile(Project.open(folder)), Project.open(folder).character.evaluate)
    assert not [one for one in inspect("I keep the lighthouse, and I like it.", manner) if one.severity == "warning"]
    assert (metrics(told)["style", "accuracy"], metrics(untold)["style", "accuracy"]) == (1, 0)
    assert "stage_directions" in untold.samples[0].scores["style"].explanation


def test_the_interview_s_judge_is_inspect_s_grader_and_what_it_can_t_say_is_unscored(folder, tmp_path):
    from roletune.inspect_tasks import interview

    def grade(messages):
        asked = messages[-1].text
        if "Who are you" in asked:
            return "Seven out of seven!"  # no JSON: unscored after every attempt
        return json.dumps({"steps": ["It says so."], "score": 5})

    log = run(interview(str(folder)), lambda _: "I keep the lighthouse.", tmp_path, grader=grade)
    found = metrics(log)
    assert found
    assert set(found.values()) == {5}
    by_id = {sample.id: sample.scores["interview"] for sample in log.samples}
    assert "unscored" in by_id["a"].explanation
    assert by_id["b"].explanation == ""
    assert by_id["b"].metadata["scores"][0]["raw"]


def test_rolebench_in_inspect_has_the_recall_of_our_own(folder, tmp_path):
    from roletune.inspect_tasks import rolebench

    rows = [
        {"role": "Mira", "question": "Where?", "generated": ["in the tower by the sea"]},
        {"role": "Olaf", "question": "Who?", "generated": ["a visitor"]},
    ]
    write_text(tmp_path / "test.jsonl", "\n".join(map(json.dumps, rows)))
    log = run(rolebench(str(tmp_path / "test.jsonl"), str(folder)), lambda _: "up in the tower", tmp_path)
    assert len(log.samples) == 1
    ours = rouge_l("up in the tower", ["in the tower by the sea"])
    assert metrics(log)["recall", "mean"] == pytest.approx(ours.recall)
    assert metrics(log)["f1", "mean"] == pytest.approx(ours.f1)


def test_inspect_finds_the_tasks_by_the_name_of_the_package():
    told = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    assert told["project"]["entry-points"]["inspect_ai"] == {"roletune": "roletune.inspect_tasks"}
