import asyncio

import pytest

from roletune.engine.progress import SilentProgress
from roletune.errors import BusyError, EndpointError, EvaluationError
from roletune.evaluation.replies import CONTESTANTS, Contender, Sampling, ask_contestants
from roletune.evaluation.style import UNANSWERED, Manner
from roletune.llm.request import ChatReply
from roletune.llm.scripted import ScriptedModel
from roletune.records import Message, Question

MANNER = Manner(names=("JARVIS",), address=("sir",))
QUESTIONS = [Question(id="up", text="Are you up?", topic="greeting"), Question(id="likes", text="What does Tony like?")]


def contender(script, prompt=None):
    def messages(question):
        system = [Message(role="system", content=prompt)] if prompt else []
        return [*system, Message(role="user", content=question.text)]

    return Contender(ScriptedModel(script), messages)


def ask(contenders, questions=QUESTIONS, sampling=None, **options):
    call = ask_contestants(questions, contenders, MANNER, sampling or Sampling(), progress=SilentProgress(), **options)
    return asyncio.run(call)


def everybody(**scripts):
    given = {name: scripts.get(name, ["Of course, sir.", "Coffee, sir."]) for name in CONTESTANTS}
    return {name: contender(script, None if name == "base" else "You are JARVIS.") for name, script in given.items()}


def test_every_contestant_answers_every_question_in_order():
    replies = ask(everybody(base=["Hello! *waves*", "I am SmolLM."]), concurrency=1)
    assert [reply.question for reply in replies] == ["Are you up?", "What does Tony like?"]
    assert [reply.adapter for reply in replies] == ["Of course, sir.", "Coffee, sir."]
    assert replies[0].topic == "greeting"
    assert [finding.check for finding in replies[0].findings["base"]] == [
        "stage_directions",
        "whole_sentence",
        "address",
    ]
    assert "adapter" not in replies[0].findings


def test_all_are_asked_with_the_same_sampling_and_only_their_own_prompt():
    contenders = everybody()
    sampling = Sampling(temperature=0.2, top_p=0.5, max_tokens=7, seed=9)
    ask(contenders, sampling=sampling)
    requests = {name: c.model.requests[0] for name, c in contenders.items()}
    assert {(r.temperature, r.top_p, r.max_tokens, r.seed) for r in requests.values()} == {(0.2, 0.5, 7, 9)}
    assert [m["role"] for m in requests["base"].messages] == ["user"]
    assert [m["role"] for m in requests["adapter"].messages] == ["system", "user"]


def test_an_answer_that_never_came_is_a_finding():
    replies = ask(everybody(adapter=[BusyError("come back later"), "Coffee, sir."]), concurrency=1)
    (finding,) = replies[0].findings["adapter"]
    assert (finding.check, finding.message, replies[0].adapter) == (UNANSWERED, "come back later", "")
    assert replies[1].adapter == "Coffee, sir."


def test_a_contestant_that_answers_nothing_stops_the_evaluation_with_its_own_error():
    with pytest.raises(EndpointError, match="is it running"):
        ask(everybody(base=lambda request: EndpointError("is it running?")))


def test_a_reply_without_an_end_is_too_long_even_if_it_looks_whole():
    endless = ChatReply("And so on, sir.", "length", 1, 200, 0.0, "key")
    replies = ask(everybody(adapter=lambda request: endless))
    assert [finding.check for finding in replies[0].findings["adapter"]] == ["too_long"]


def test_nothing_to_ask_and_nobody_to_ask_are_refused():
    with pytest.raises(EvaluationError, match=r"questions\.yaml"):
        ask(everybody(), questions=[])
    contenders = everybody()
    del contenders["base_prompt"]
    with pytest.raises(EvaluationError, match="missing: base_prompt"):
        ask(contenders)
