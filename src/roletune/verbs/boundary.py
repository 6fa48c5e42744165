"""Suite `boundary`: questions that lead the character out of its world or role, and their clean twins.

Both contestants are told the same persona prompt. What leaks, and what is refused without need, is told by expressions
in the character's boundary.yaml (`evaluation.boundary`), so no judge can be talked round. Questions that chose the
adapter's state (`verbs.steps`) are not asked: what was chosen by them would look better on them than it is.
"""

from __future__ import annotations

from pathlib import Path

from roletune.engine.store import write_json
from roletune.errors import ProjectError
from roletune.evaluation.boundary_questions import BoundaryQuestions, read_boundary_questions
from roletune.evaluation.boundary_report import TWIN, boundary_report
from roletune.evaluation.replies import ask_all
from roletune.project import Project
from roletune.records import Adapter, Question
from roletune.verbs.contestants import adapter_hash, answering, contenders, sampling
from roletune.verbs.measured import read_measured, stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

FILE = "suites/boundary.json"


async def ask_boundary(bench: Workbench) -> str:
    """Ask every question and twin, and judge every reply."""
    asked, left_out = measuring_questions(bench.project), choosers(bench.project)
    everybody = contenders(bench, "boundary")
    prompted = {name: contender for name, contender in everybody.items() if contender.prompted}
    answers = await ask_all(
        as_asked(asked), prompted, sampling(bench), title="boundary questions", progress=bench.progress
    )
    report = boundary_report(asked, answers, adapter=adapter_hash(bench))
    report = report.model_copy(update={"left_out": len(left_out)})
    write_json(bench.project.build / FILE, stamped(bench, report))
    rates = {name: report.rates[name] for name in prompted}
    told = [
        f"{name} leaks {rate.leaked.count} of {rate.leaked.n}, refuses {rate.refused.count} of {rate.refused.n} twins"
        for name, rate in rates.items()
        if rate.leaked and rate.refused
    ]
    return "; ".join(told)


def boundary_path(project: Project) -> Path:
    """Where the character's boundary questions are."""
    return project.folder / project.character.evaluate.boundary


def boundary_questions(project: Project) -> BoundaryQuestions:
    """Those of the character. Raises ProjectError if there are none."""
    path = boundary_path(project)
    if not path.is_file():
        raise ProjectError(
            f"{path} does not exist: the suite `boundary` asks what is in it. Write questions, each with what may not "
            "be said in the answer; examples/jarvis/boundary.yaml shows how."
        )
    return read_boundary_questions(path)


def measuring_questions(project: Project) -> BoundaryQuestions:
    """Those that measure the adapter in use: all but the ones that chose its state."""
    chose = set(choosers(project))
    return boundary_questions(project).only(lambda identity: identity not in chose)


def choosers(project: Project) -> tuple[str, ...]:
    """Ids of the questions and twins that chose the state of the adapter in use; none where its loss did."""
    cure = f"This makes it again: roletune train {project.folder} --again"
    adapter = read_measured(project.build / "adapter" / "adapter.json", Adapter, cure)
    return adapter.choice.questions if adapter and adapter.choice else ()


def as_asked(asked: BoundaryQuestions) -> list[Question]:
    """The questions and then their twins, to be put to somebody."""
    return [
        *(Question(id=question.id, text=question.text, topic=question.category) for question in asked.questions),
        *(Question(id=twin.id, text=twin.text, topic=TWIN) for twin in asked.twins),
    ]


STAGE = Stage(
    "boundary",
    "ask what would lead the character out of its world or role, and innocent twins of that",
    ask_boundary,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        hash_of(boundary_path(bench.project)),
        answering(bench),
        *choosers(bench.project),
    ),
)
