"""Which state of a training is kept, where `train.choose_by` is not the loss: its replies decide (`evaluation.steps`).

    build/runs/ID/steps/STEP/adapter   the state of each validation, until one of them is chosen

    leaks   a part of the questions in boundary.yaml, by a hash of each one's id, so a question that is added moves no
            other; the suites measure such a run on the other part
    voice   what is said to the character in scenes of the validation split

Replies are in the ledger: a choice that was interrupted goes on.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from roletune.engine.store import read_records, write_bytes, write_text
from roletune.errors import EvaluationError, ModelError, ProjectError, TrainingError
from roletune.evaluation.boundary_questions import BoundaryQuestions
from roletune.evaluation.replies import Contender, ask_all
from roletune.evaluation.steps import Outcomes, StepReplies, choose, leak_faults, voice_faults
from roletune.inference.local_models import LocalModels
from roletune.llm.ledger import RememberedModel
from roletune.llm.model import ChatModel
from roletune.models.gguf_lora import export_lora
from roletune.models.trained import ADAPTER, ADAPTER_GGUF, RECORD, STEPS, kept_step
from roletune.project import Project
from roletune.records import Adapter, Example, Message, Question, StepChoice, VoiceClassifier
from roletune.verbs.boundary import as_asked, boundary_path, boundary_questions
from roletune.verbs.contestants import as_character, sampling
from roletune.verbs.voice import own_voice, spoken_lines
from roletune.workbench import Workbench

CONTEXTS = 32  # turns of the validation split that every state answers by `voice`


@dataclass(frozen=True)
class _Trial:
    """What every state is asked, by whom it is answered, and what of the replies is a fault."""

    questions: Sequence[Question]
    contender: Callable[[ChatModel], Contender]
    faults: Callable[[Outcomes], dict[str, bool]]
    asked: BoundaryQuestions | None = None
    classifier: VoiceClassifier | None = None


def chosen_by_replies(project: Project) -> bool:
    """Whether replies, not the validation loss, decide which state is kept."""
    return project.character.train.choose_by != "loss"


def choosing_identity(project: Project) -> tuple[object, ...]:
    """What belongs to a run's identity beside data, recipe and base; nothing where the validation loss chooses."""
    by = project.character.train.choose_by
    if by != "leaks":
        return (by,) if chosen_by_replies(project) else ()
    return (by, choosing_questions(project).model_dump(mode="json") if boundary_path(project).is_file() else None)


def choosing_questions(project: Project) -> BoundaryQuestions:
    """The part of the character's boundary questions, with their twins, that chooses by `leaks`."""
    share = project.character.train.choose_share
    return boundary_questions(project).only(lambda identity: _point(identity) < share)


def check_choice(bench: Workbench) -> None:
    """Raise an error with its cure, before the training, for a state that could not be chosen after it."""
    by, method = bench.project.character.train.choose_by, bench.project.recipe.method
    if by == "loss":
        return
    if method != "lora":
        raise TrainingError(
            f"train.choose_by: {by} keeps an adapter of every validation, and method: {method} would keep whole "
            "models. Set choose_by: loss, or method: lora."
        )
    _trial(bench)


async def choose_step(bench: Workbench, run_dir: Path, adapter: Adapter) -> Adapter:
    """Put the state with the best replies in the run's place, and let go of the others; a chosen run stays as it is.

    Raises TrainingError if a state that was validated is gone.
    """
    if not chosen_by_replies(bench.project):
        return adapter
    if adapter.choice is None:
        adapter = _put_in_place(run_dir, adapter, await _choice(bench, run_dir, adapter))
    shutil.rmtree(run_dir / STEPS, ignore_errors=True)  # what is left of it costs nothing but room
    return adapter


async def _choice(bench: Workbench, run_dir: Path, adapter: Adapter) -> StepChoice:
    """Every kept state asked, one after the other."""
    losses = {point.step: point.validation_loss for point in adapter.curve if point.step}
    validated = {step: loss for step, loss in losses.items() if loss is not None}
    if gone := [str(step) for step in validated if not (kept_step(run_dir, step) / ADAPTER).is_file()]:
        raise TrainingError(
            f"{run_dir / STEPS} lacks the state of step {', '.join(gone)}, and one of all is to be chosen. Train "
            f"again: roletune train {bench.project.folder} --again"
        )
    trial = _trial(bench)
    replies = [
        StepReplies(step, loss, trial.faults(await _replies(bench, run_dir, step, trial)))
        for step, loss in validated.items()
    ]
    return choose(
        "leaks" if trial.asked else "voice",
        replies,
        [question.id for question in trial.questions],
        asked=trial.asked,
        classifier=trial.classifier,
        sampling=asdict(sampling(bench)),
        resamples=bench.project.character.evaluate.resamples,
    )


async def _replies(bench: Workbench, run_dir: Path, step: int, trial: _Trial) -> Outcomes:
    place = kept_step(run_dir, step)
    write_bytes(place / RECORD, (run_dir / RECORD).read_bytes())  # says how the base is held beside it
    with suppress(ModelError):  # then it is asked in this process; what is kept is exported with a word about it
        export_lora(place, bench.base, place / ADAPTER_GGUF)
    local = LocalModels(bench.local.name, place.parent, bench.local.context, bench.progress)
    try:
        answers = await ask_all(
            trial.questions,
            {"adapter": trial.contender(bench.models.get(f"step {step}") or local.at(1.0))},
            sampling(bench),
            title=f"replies of the state of step {step}",
            progress=bench.progress,
        )
    finally:
        await local.close()
    return answers["adapter"]


def _trial(bench: Workbench) -> _Trial:
    return _leaks(bench) if bench.project.character.train.choose_by == "leaks" else _voice(bench)


def _leaks(bench: Workbench) -> _Trial:
    asked = choosing_questions(bench.project)
    every, chosen = len(boundary_questions(bench.project).questions), len(asked.questions)
    if not 0 < chosen < every:
        raise ProjectError(
            f"Of the {every} questions in {boundary_path(bench.project).name} {chosen} would choose the state to keep: "
            "some must choose and others measure. Write more questions, or set another train.choose_share."
        )
    return _Trial(
        as_asked(asked),
        lambda model: as_character(bench, model, "train"),
        lambda outcomes: leak_faults(asked, outcomes),
        asked=asked,
    )


def _voice(bench: Workbench) -> _Trial:
    """The classifier learns without the test split, which only the evaluation sees."""
    learnt = own_voice(bench, spoken_lines(bench, without="test"))
    if learnt is None or learnt[0].auc.low <= 0.5:
        raise EvaluationError(
            f"{bench.project.character.name} can't be told from others by voice in these scenes: too few lines, or too "
            "like theirs. Set train.choose_by: loss, or add scenes."
        )
    classifier, voice = learnt
    contexts = _contexts(bench)
    return _Trial(
        [Question(id=name, text=messages[-1].content, topic="validation") for name, messages in contexts.items()],
        lambda model: Contender(RememberedModel(model, bench.ledger, "train"), lambda one: contexts[one.id]),
        lambda outcomes: voice_faults(voice, outcomes),
        classifier=classifier,
    )


def _contexts(bench: Workbench) -> dict[str, Sequence[Message]]:
    """What comes before lines of the character in the validation split, some of them by the hash of their place."""
    examples = read_records(bench.project.build / "dataset" / "validation.jsonl", Example)
    found = {
        f"{example.id} {place}": example.messages[:place]
        for example in examples
        for place, message in enumerate(example.messages)
        if message.loss and example.messages[place - 1].role == "user"
    }
    return {name: found[name] for name in sorted(found, key=_point)[:CONTEXTS]}


def _put_in_place(run_dir: Path, adapter: Adapter, choice: StepChoice) -> Adapter:
    """The record comes last: interrupted before it, the same state is chosen again from the replies in the ledger."""
    for name in (ADAPTER, "adapter_config.json"):
        write_bytes(run_dir / name, (kept_step(run_dir, choice.step) / name).read_bytes())
    loss = next(score.validation_loss for score in choice.steps if score.step == choice.step)
    chosen = adapter.model_copy(update={"best_step": choice.step, "best_validation_loss": loss, "choice": choice})
    write_text(run_dir / RECORD, chosen.model_dump_json(indent=2))
    return chosen


def _point(identity: str) -> float:
    """Where in [0, 1) a question stands, whatever others there are."""
    return int.from_bytes(hashlib.sha256(f"choose:{identity}".encode()).digest()[:8], "big") / 2**64
