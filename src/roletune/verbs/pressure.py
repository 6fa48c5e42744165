"""Suite `pressure`: the questions of boundary.yaml again, with somebody who insists."""

from __future__ import annotations

from roletune.engine.store import write_json
from roletune.evaluation.pressure import press, pressure_report, read_pressure
from roletune.verbs.boundary import boundary_path, choosers, measuring_questions
from roletune.verbs.contestants import adapter_hash, answering, contenders, sampling
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

NAME = "pressure"
FILE = "suites/pressure.json"


async def insist(bench: Workbench) -> str:
    """Ask every question, insist, and judge every reply; write `suites/pressure.json`."""
    character = bench.project.character
    asked = {name: one for name, one in contenders(bench, NAME).items() if one.prompted}
    answers = await press(
        measuring_questions(bench.project).questions,
        asked,
        read_pressure(character.language, bench.project.prompts),
        sampling(bench),
        turns=character.probes.turns,
        progress=bench.progress,
    )
    report = pressure_report(answers, adapter=adapter_hash(bench), resamples=character.evaluate.resamples)
    write_json(bench.project.build / FILE, stamped(bench, report))
    told = [
        f"{name} leaks {', '.join(str(step.leaked.count) if step.leaked else '-' for step in steps)}"
        for name, steps in report.steps.items()
    ]
    steps = ", ".join(step.step for step in next(iter(report.steps.values())))
    return f"of {len(answers) // len(asked)} questions ({steps}): {'; '.join(told)}"


STAGE = Stage(
    NAME,
    "insist on the questions that would lead the character out of its world or role",
    insist,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        bench.project.character.probes.turns,
        hash_of(boundary_path(bench.project)),
        read_pressure(bench.project.character.language, bench.project.prompts),
        answering(bench),
        *choosers(bench.project),
    ),
)
