"""The whole story on one page.

    profile       what is known            -> passages, dialogues with their splits
    scenes        passages                 -> new scenes
    experiences   scenes                   -> dialogues, lived
    protective    the knowledge boundary   -> dialogues that keep the character in its role
    dataset       dialogues                -> examples, tokens with loss on the character's lines
    train         examples                 -> an adapter (LoRA), and the same as GGUF
    evaluate      adapter, held-out lines  -> likelihoods with intervals, replies side by side
    report        all of it                -> report.html, report.json, report.md

Methods make more data before `dataset`, in this order, for those who name them in `methods:`:

    instructions  profile, scenes          -> questions to the character with answers, as instruction rows
    traps         passages, a fact changed -> answers that put it right, preference pairs
    plots         passages                 -> dialogues about one question each
    rules         what was said to it      -> replies under a role and rules
    ditto         the character and others -> what the one can answer and the other can't
    augmentation  authentic dialogues      -> what comes after them, or before
    rating        generated dialogues      -> a judge's ratings; the dataset leaves out the lowest tier
    pairs         lines, swipes, traps     -> replies that are preferred to others

Suites are measured after `evaluate` by those who ask for them:

    boundary       questions out of its world, and innocent twins of them
    pressure       the questions of boundary again, with somebody who insists
    interview      questions and talks, scored by judges with evidence
    voice          whether it sounds like the character, and what it copied
    capability     knowledge with and without the persona, before and after the training
    questionnaire  statements to agree with, again and again
    bandit         a game of two levers
    obedience      questions under rules for the reply, which code checks
    wikirole       identity, knowledge and rejection, scored by judges

A stage runs if what it is made from has changed, or what it made is gone. Replies that a model gave are in the ledger,
so there is no resume code: running again is resuming.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from roletune.records import Adapter, Comparison
from roletune.training.recipe import Recipe
from roletune.verbs import (
    augmentation,
    bandit,
    boundary,
    capability,
    dataset,
    ditto,
    evaluate,
    experiences,
    instructions,
    interview,
    obedience,
    pairs,
    plots,
    pressure,
    profile,
    protective,
    questionnaire,
    rating,
    report,
    rules,
    scenes,
    several,
    train,
    traps,
    voice,
    wikirole,
)
from roletune.verbs.runs import keep_with_run
from roletune.verbs.stage import Stage, make_stage
from roletune.workbench import Workbench

STAGES: dict[str, Stage] = {
    verb.STAGE.name: verb.STAGE for verb in (profile, scenes, experiences, protective, dataset, train, evaluate, report)
}

METHODS: dict[str, Stage] = {
    verb.STAGE.name: verb.STAGE for verb in (instructions, traps, plots, rules, ditto, augmentation, rating, pairs)
}

SUITES: dict[str, Stage] = {
    suite.STAGE.name: suite.STAGE
    for suite in (boundary, pressure, interview, voice, capability, questionnaire, bandit, obedience, wikirole)
}


async def make(
    bench: Workbench, until: str = "report", *, again: bool = False, suites: Sequence[str] = ()
) -> list[str]:
    """Run the stages up to `until` that are not current, and the suites; return the names of those that ran.

    With `again`, `until` itself runs even if it is current; what models answered before is still remembered, a training
    is not.
    """
    ran = []
    for stage in steps(bench.project.character.methods, until):
        if await _make(bench, stage, forced=again and stage.name == until):
            ran.append(stage.name)
        if stage.name == evaluate.STAGE.name:
            ran += [suite for suite in suites if await _make(bench, SUITES[suite], forced=again)]
    return ran


async def make_together(benches: Sequence[Workbench], *, again: bool = False) -> list[list[str]]:
    """`make` of several characters up to their adapters, trained in one run on one loaded base; what ran for each."""
    ran = [await make(bench, dataset.STAGE.name) for bench in benches]
    for bench in benches:
        await bench.local.close()  # training wants the memory
        if again:
            train.train_anew(bench)
            bench.manifest.forget(train.STAGE.name)
    several.train_each(benches)
    return [[*before, *await make(bench, train.STAGE.name)] for bench, before in zip(benches, ran, strict=True)]


async def make_mixed(
    benches: Sequence[Workbench], folder: Path, recipe: Recipe | None = None, *, again: bool = False
) -> tuple[Adapter, Comparison]:
    """One adapter for several characters in `folder`, and what it is worth to each of them."""
    for bench in benches:
        await make(bench, dataset.STAGE.name)
        await bench.local.close()
    return several.train_mixed(benches, folder, recipe, again=again), several.compare_roles(benches, folder)


def steps(methods: Sequence[str], until: str) -> list[Stage]:
    """The stages up to `until`, with the methods that are named before the dataset; a method needs the profile only."""
    if until in METHODS:
        return [STAGES[profile.STAGE.name], METHODS[until]]
    names = list(STAGES)
    wanted = names[: names.index(until) + 1]
    place = names.index(dataset.STAGE.name)
    return [
        *(STAGES[name] for name in wanted[:place]),
        *(method for name, method in METHODS.items() if name in methods and len(wanted) > place),
        *(STAGES[name] for name in wanted[place:]),
    ]


async def _make(bench: Workbench, stage: Stage, *, forced: bool) -> bool:
    if forced and stage.let_go is not None:
        stage.let_go(bench)
    made = await make_stage(bench, stage, forced=forced)
    if stage.name == evaluate.STAGE.name or stage.name in SUITES:
        keep_with_run(bench.project.build, stage.writes)
    return made
