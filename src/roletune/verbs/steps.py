"""Which state of a training is kept, where `train.choose_by` is not the loss: its replies decide (`evaluation.steps`).

    build/runs/ID/steps/STEP/adapter   the state of each validation, until one of them is chosen

What chooses is a part of the questions in boundary.yaml, by a hash of each one's id, so a question that is added moves
no other. The suites measure a run on the other part. Replies are in the ledger: a choice that was interrupted goes on.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from roletune.engine.store import write_bytes, write_text
from roletune.errors import ModelError, ProjectError, TrainingError
from roletune.evaluation.boundary_questions import BoundaryQuestions
from roletune.evaluation.replies import ask_all
from roletune.evaluation.steps import StepReplies, choose_by_leaks, step_replies
from roletune.inference.local_models import LocalModels
from roletune.models.gguf_lora import export_lora
from roletune.models.trained import ADAPTER, ADAPTER_GGUF, STEPS, kept_step
from roletune.project import Project
from roletune.records import Adapter, StepChoice
from roletune.verbs.boundary import as_asked, boundary_path, boundary_questions
from roletune.verbs.contestants import as_character, sampling
from roletune.workbench import Workbench

RECORD = "adapter.json"


def chosen_by_replies(project: Project) -> bool:
    """Whether replies, not the validation loss, decide which state is kept."""
    return project.character.train.choose_by != "loss"


def choosing_identity(project: Project) -> tuple[object, ...]:
    """What belongs to a run's identity beside data, recipe and base; nothing where the validation loss chooses."""
    if not chosen_by_replies(project):
        return ()
    asked = choosing_questions(project).model_dump(mode="json") if boundary_path(project).is_file() else None
    return (project.character.train.choose_by, asked)


def choosing_questions(project: Project) -> BoundaryQuestions:
    """The part of the character's boundary questions, with their twins, that chooses."""
    share = project.character.train.choose_share
    return boundary_questions(project).only(lambda identity: _point(identity) < share)


def check_choice(project: Project) -> None:
    """Raise ProjectError or TrainingError before the training for a state that could not be chosen after it."""
    if not chosen_by_replies(project):
        return
    if project.recipe.method != "lora":
        raise TrainingError(
            f"train.choose_by: {project.character.train.choose_by} keeps an adapter of every validation, and method: "
            f"{project.recipe.method} would keep whole models. Set choose_by: loss, or method: lora."
        )
    every, chosen = len(boundary_questions(project).questions), len(choosing_questions(project).questions)
    if not 0 < chosen < every:
        raise ProjectError(
            f"Of the {every} questions in {boundary_path(project).name} {chosen} would choose the state to keep: some "
            "must choose and others measure. Write more questions, or set another train.choose_share."
        )


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
    asked = choosing_questions(bench.project)
    replies = [await _replies(bench, run_dir, step, loss, asked) for step, loss in validated.items()]
    resamples = bench.project.character.evaluate.resamples
    return choose_by_leaks(asked, replies, sampling=asdict(sampling(bench)), resamples=resamples)


async def _replies(bench: Workbench, run_dir: Path, step: int, loss: float, asked: BoundaryQuestions) -> StepReplies:
    place = kept_step(run_dir, step)
    write_bytes(place / RECORD, (run_dir / RECORD).read_bytes())  # says how the base is held beside it
    with suppress(ModelError):  # then it is asked in this process; what is kept is exported with a word about it
        export_lora(place, bench.base, place / ADAPTER_GGUF)
    local = LocalModels(bench.local.name, place.parent, bench.local.context, bench.progress)
    try:
        character = as_character(bench, bench.models.get(f"step {step}") or local.at(1.0), "train")
        answers = await ask_all(
            as_asked(asked),
            {"adapter": character},
            sampling(bench),
            title=f"boundary questions, state of step {step}",
            progress=bench.progress,
        )
    finally:
        await local.close()
    return step_replies(step, loss, asked, answers["adapter"])


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
