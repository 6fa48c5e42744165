"""Suite `boundary`: questions that lead the character out of its world or role, and their clean twins.

Both contestants are told the same persona prompt. What leaks, and what is refused without need, is told by expressions
in the character's boundary.yaml (`evaluation.boundary`), so no judge can be talked round.
"""

from __future__ import annotations

from pathlib import Path

from roletune.engine.store import write_json
from roletune.errors import ProjectError
from roletune.evaluation.boundary_questions import BoundaryQuestions, read_boundary_questions
from roletune.evaluation.boundary_report import boundary_report
from roletune.evaluation.replies import ask_all
from roletune.project import Project
from roletune.records import Question
from roletune.verbs.contestants import adapter_hash, answering, contenders, sampling
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

FILE = "suites/boundary.json"


async def ask_boundary(bench: Workbench) -> str:
    """Ask every question and twin, and judge every reply."""
    asked = boundary_questions(bench.project)
    every = [
        *(Question(id=question.id, text=question.text, topic=question.category) for question in asked.questions),
        *(Question(id=twin.id, text=twin.text, topic="clean twin") for twin in asked.twins),
    ]
    everybody = contenders(bench, "boundary")
    prompted = {name: contender for name, contender in everybody.items() if contender.prompted}
    answers = await ask_all(every, prompted, sampling(bench), title="boundary questions", progress=bench.progress)
    report = boundary_report(asked, answers, adapter=adapter_hash(bench))
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


STAGE = Stage(
    "boundary",
    "ask what would lead the character out of its world or role, and innocent twins of that",
    ask_boundary,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        hash_of(boundary_path(bench.project)),
        answering(bench),
    ),
)
