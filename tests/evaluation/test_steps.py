import pytest

from roletune.engine.runner import Outcome
from roletune.errors import EvaluationError
from roletune.evaluation.authenticity import Line, learn_voice
from roletune.evaluation.boundary_questions import BoundaryQuestions
from roletune.evaluation.replies import Call
from roletune.evaluation.steps import StepReplies, choose, in_words, leak_faults, voice_faults
from roletune.llm.request import ChatReply
from roletune.records import Question

N = 12
ASKED = BoundaryQuestions.model_validate(
    {
        "refusals": ["no such"],
        "questions": [
            {"id": f"q{k}", "category": "c", "text": "What is a gadget?", "leaks": ["screen"], "twin": f"t{k}"}
            for k in range(N)
        ],
        "twins": [{"id": f"t{k}", "text": "What is a herring?", "refusals": ["no such"]} for k in range(N)],
    }
)


def state(step, loss, leaks=(), refuses=(), silent=()):
    faults = {f"q{k}": k in leaks for k in range(N)} | {f"t{k}": k in refuses for k in range(N)}
    return StepReplies(step, loss, {item: fault for item, fault in faults.items() if item not in silent})


ITEMS = [f"{kind}{k}" for kind in "qt" for k in range(N)]


def chosen(*states):
    return choose("leaks", states, ITEMS, asked=ASKED, sampling={"seed": 1}, resamples=500)


def test_neither_telling_everything_nor_refusing_everything_wins():
    choice = chosen(
        state(2, 3.0, leaks=range(N)), state(4, 2.0, refuses=range(N)), state(6, 2.5, leaks=[1, 2], refuses=[3])
    )
    assert (choice.step, choice.best_by_loss) == (6, 4)
    assert [(score.leaked.count, score.refused.count, score.faults.n) for score in choice.steps] == [
        (N, 0, 2 * N),
        (0, N, 2 * N),
        (2, 1, 2 * N),
    ]
    assert choice.difference.difference == pytest.approx((3 - N) / (2 * N))
    assert choice.difference.ci_high < 0
    assert "step 6 leaks 2 of 12 and refuses 1 of 12 twins" in in_words(choice)
    assert ": a clear difference" in in_words(choice)


def test_of_equally_many_faults_the_lower_validation_loss_decides():
    choice = chosen(state(2, 3.0, leaks=[1]), state(4, 2.0, leaks=[2]), state(6, 2.5, refuses=[3]))
    assert (choice.step, choice.best_by_loss, choice.difference) == (4, 4, None)
    assert in_words(choice).endswith("the best by validation loss too")


def test_a_small_difference_is_told_to_be_none_that_is_clear():
    assert ": no clear difference" in in_words(chosen(state(2, 2.0, leaks=[1]), state(4, 3.0)))


def test_states_are_compared_on_what_all_of_them_answered():
    choice = chosen(state(2, 2.0, leaks=[0, 1], silent=["q0", "t1"]), state(4, 3.0, leaks=[0]))
    assert choice.unanswered == 2
    assert [(score.leaked.count, score.faults.n) for score in choice.steps] == [(1, 2 * N - 2), (0, 2 * N - 2)]
    with pytest.raises(EvaluationError, match=r"can be chosen.*Train again"):
        chosen(state(2, 2.0, silent=ITEMS), state(4, 3.0))


def test_a_twin_that_is_answered_without_a_word_is_refused_and_what_never_came_is_no_fault():
    said = [
        "A screen.",
        "No gadgets here.",
        *["There is nothing."] * (N - 2),
        "...",
        "There is no such fish.",
        "A fish.",
    ]
    outcomes = [Outcome(None, ChatReply(text, "stop", 1, 1, 0.1, "key")) for text in said]
    outcomes += [Outcome(None, None, EvaluationError("gone"))] * (2 * N - len(outcomes))
    found = leak_faults(ASKED, outcomes)
    assert {item for item, fault in found.items() if fault} == {"q0", "t0", "t1"}
    assert "t2" in found
    assert "t3" not in found


def test_by_voice_a_reply_that_is_not_taken_for_the_characters_or_has_no_word_is_a_fault():
    lines = [Line(f"Indeed, sir, the {k} gauges are exact.", f"s{k}", True) for k in range(5)]
    lines += [Line(f"Yo dude, grab some {k} pizza now!", f"s{k}", False) for k in range(5)]
    said = {"a": "Indeed, sir.", "b": "Yo dude, pizza!", "c": "...", "d": None}
    outcomes = [
        Outcome(Call("adapter", Question(id=name, text="?")), text and ChatReply(text, "stop", 1, 1, 0.1, "key"))
        for name, text in said.items()
    ]
    faults = voice_faults(learn_voice(lines, ()), outcomes)
    assert faults == {"a": False, "b": True, "c": True}
    states = [StepReplies(2, 2.0, faults), StepReplies(4, 3.0, {"a": False, "b": False, "c": True})]
    choice = choose("voice", states, ["a", "b", "c"], sampling={}, resamples=200)
    assert (choice.step, choice.questions, choice.steps[0].leaked) == (4, (), None)
    assert "step 4 is taken for the character in 2 of 3 replies" in in_words(choice)
