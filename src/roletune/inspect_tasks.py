"""What inspect_ai finds under the name `roletune` (entry point group `inspect_ai`); see docs/inspect.md.

Only inspect_ai imports this module: its decorators need the package.
"""

from __future__ import annotations

from inspect_ai import Task, task

from roletune.verbs.inspect_tasks import boundary_task, interview_task, rolebench_task, style_task


@task
def boundary(character: str, persona: bool = True) -> Task:
    """Questions out of the character's world, and clean twins."""
    return boundary_task(character, persona)


@task
def style(character: str, persona: bool = True) -> Task:
    """The questions of the evaluation, with the style checks."""
    return style_task(character, persona)


@task
def interview(character: str, persona: bool = True) -> Task:
    """The questions of the interview, judged by the model of the role `grader`."""
    return interview_task(character, persona)


@task
def rolebench(references: str, character: str = "", language: str = "en") -> Task:
    """RoleBench's questions with recall and F1."""
    return rolebench_task(references, character, language)
