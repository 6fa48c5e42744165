"""Our suites as tasks of inspect_ai, for whoever evaluates there: `inspect eval roletune/boundary -T character=...`.

    boundary    questions out of the character's world, and clean twins, judged by expressions
    style       the questions of the evaluation, with the style checks
    interview   the questions of the interview, scored from 1 to 7 by inspect_ai's model of the role `grader`
    rolebench   a file of RoleBench with its references

Guarantees: prompts, sampling and judgement are those of the suites, so the same replies give the same counts. The
profile is read from the character's files: nothing has to be built, and any model of inspect_ai can be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roletune.evaluation.boundary_questions import BoundaryQuestion, Twin
from roletune.evaluation.inspect_judge import interview_scorer
from roletune.evaluation.inspect_scorers import boundary_scorer, require_inspect, rouge_scorer, style_scorer
from roletune.evaluation.judging.passages import PassageIndex
from roletune.evaluation.judging.rubrics import Desk, prompt_names
from roletune.evaluation.questions import of_topics, read_questions
from roletune.evaluation.rolebench_files import read_rows
from roletune.evaluation.style import Manner
from roletune.project import Project
from roletune.prompts import Prompt, load_prompt
from roletune.records import Profile, Question
from roletune.rendering.markup import harmless
from roletune.rendering.persona import Persona
from roletune.verbs.boundary import measuring_questions
from roletune.verbs.contestants import manner_of
from roletune.verbs.interview import questions_of
from roletune.verbs.profile import read_profile
from roletune.workbench import scene_of

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import GenerateConfig
    from inspect_ai.scorer import Scorer


@dataclass(frozen=True)
class Role:
    """A character as the tasks need it, read from its files."""

    project: Project
    profile: Profile

    @classmethod
    def open(cls, folder: str) -> Role:
        """Raises MissingExtraError without inspect_ai, ProjectError for a folder that is no character."""
        require_inspect()
        project = Project.open(Path(folder))
        return cls(project, read_profile(project))

    def prompt(self, name: str) -> Prompt:
        """A prompt, the character's own if there is one."""
        return load_prompt(name, self.project.character.language, self.project.prompts)

    @property
    def system(self) -> str:
        """The persona prompt, as the contestants of the evaluation get it."""
        settings = self.project.character.evaluate
        scene = scene_of(self.project.character.name, settings.location, settings.background, settings.partner)
        return Persona(self.profile, self.prompt("persona")).message(scene, [settings.partner]).content

    @property
    def manner(self) -> Manner:
        """What the style checks need to know."""
        return manner_of(self.profile, self.project.character.evaluate)


def boundary_task(character: str, persona: bool = True) -> Task:
    """The suite `boundary`; without `persona` the model is not told who it is."""
    role = Role.open(character)
    asked = measuring_questions(role.project)
    every: list[BoundaryQuestion | Twin] = [*asked.questions, *asked.twins]
    samples = [_boundary_sample(one) for one in every]
    return _task(role, samples, boundary_scorer(), persona)


def style_task(character: str, persona: bool = True) -> Task:
    """The questions of `questions.yaml` with the style checks."""
    role = Role.open(character)
    questions = of_topics(read_questions(role.project.questions), role.project.character.evaluate.topics)
    return _task(role, _samples(questions), style_scorer(role.manner), persona)


def interview_task(character: str, persona: bool = True) -> Task:
    """The single questions of the suite `interview`; `--model-role grader=...` says who judges."""
    role = Role.open(character)
    settings = role.project.character.interview
    prompts = {name: role.prompt(name) for name in prompt_names()}
    desk = Desk(role.profile, PassageIndex(role.profile.passages), prompts, settings.passages, settings.max_tokens)
    scorer = interview_scorer(desk, attempts=settings.attempts)
    return _task(role, _samples(questions_of(role.project)), scorer, persona)


def rolebench_task(references: str, character: str = "", language: str = "en") -> Task:
    """RoleBench's questions with recall and F1; with a character, its rows only, and with its persona prompt."""
    require_inspect()
    from inspect_ai.dataset import Sample

    role = Role.open(character) if character else None
    rows = [row for row in read_rows(Path(references)).rows if role is None or role.profile.is_me(row.role)]
    samples = [
        Sample(id=str(k), input=harmless(row.question), target=list(row.answers), metadata={"role": row.role})
        for k, row in enumerate(rows)
    ]
    return _task(role, samples, rouge_scorer(language), persona=role is not None)


def _task(role: Role | None, samples: list[Any], scorer: Scorer, persona: bool) -> Task:
    from inspect_ai import Task
    from inspect_ai.solver import generate, system_message

    # As a parameter: what stands in the prompt is no template of inspect_ai's.
    told = [system_message("{persona}", persona=role.system)] if persona and role else []
    return Task(dataset=samples, solver=[*told, generate()], scorer=scorer, config=_config(role))


def _config(role: Role | None) -> GenerateConfig:
    from inspect_ai.model import GenerateConfig

    if role is None:
        return GenerateConfig()
    drawn = role.project.character.evaluate
    return GenerateConfig(
        temperature=drawn.temperature, top_p=drawn.top_p, max_tokens=drawn.max_tokens, seed=drawn.seed
    )


def _samples(questions: Sequence[Question]) -> list[Any]:
    from inspect_ai.dataset import Sample

    return [Sample(id=one.id, input=harmless(one.text), metadata={"topic": one.topic}) for one in questions]


def _boundary_sample(item: BoundaryQuestion | Twin) -> Any:
    from inspect_ai.dataset import Sample

    kind = "question" if isinstance(item, BoundaryQuestion) else "twin"
    return Sample(id=item.id, input=harmless(item.text), metadata={"kind": kind, "item": item.model_dump(mode="json")})
