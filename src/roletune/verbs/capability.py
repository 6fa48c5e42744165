"""Suite `capability`: general knowledge with and without the persona, before and after the training.

What the persona costs, and what the training forgot. By likelihood (the default) it needs the weights and nothing is
unscored; by replies it shows what a user would read.
"""

from __future__ import annotations

from dataclasses import replace

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import write_json
from roletune.evaluation.capability import (
    Asked,
    Choice,
    capability_report,
    measure_capability,
    read_choices,
    shuffled,
    taken,
)
from roletune.evaluation.choices import LETTERS
from roletune.evaluation.replies import Answers, Contender, ask_all
from roletune.records import CapabilityAnswer, Contestant, Footing, Question
from roletune.verbs.contestants import adapter_hash, answering, contenders, own_file, sampling
from roletune.verbs.dataset import open_renderer
from roletune.verbs.evaluate import loaded_with_adapter
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

NAME = "capability"
FILE = "suites/capability.json"
REPLY_TOKENS = 40  # a letter and a few words


async def measure(bench: Workbench) -> str:
    """Ask every question on every footing, and write `suites/capability.json`."""
    settings = bench.project.character.probes
    choices = read_choices(bench.project.character.language, own_file(bench, bench.project.character.probes.knowledge))
    if settings.answers == "replies":
        answers = await _by_replies(bench, choices)
    else:
        with stops_at_once():
            answers = _by_likelihood(bench, choices)
    report = capability_report(
        answers,
        adapter=adapter_hash(bench),
        by=settings.answers,
        resamples=bench.project.character.evaluate.resamples,
    )
    write_json(bench.project.build / FILE, stamped(bench, report))
    told = ", ".join(f"{name} {rate.count} of {rate.n}" for name, rate in report.right.items())
    return f"right: {told}; {sum(report.unscored.values())} answers unscored"


def _footings(bench: Workbench) -> dict[Footing, Contender]:
    asked = contenders(bench, NAME)
    bare = replace(asked["adapter"], messages=asked["base"].messages, prompted=False)
    return {
        "base": asked["base"],
        "base_prompt": asked["base_prompt"],
        "adapter_bare": bare,
        "adapter": asked["adapter"],
    }


def _by_likelihood(bench: Workbench, choices: tuple[Choice, ...]) -> list[CapabilityAnswer]:
    put = {
        name: lambda text, one=contender: one.messages(Question(id="", text=text))
        for name, contender in _footings(bench).items()
    }
    with loaded_with_adapter(bench) as (model, device):
        return measure_capability(choices, put, open_renderer(bench), model, progress=bench.progress, device=device)


async def _by_replies(bench: Workbench, choices: tuple[Choice, ...]) -> list[CapabilityAnswer]:
    asked = [shuffled(choice, bench.project.character.evaluate.seed) for choice in choices]
    prompt = bench.prompt("choice")
    questions = [
        Question(
            id=one.choice.id,
            text=prompt.messages(text=one.choice.text, options=list(zip(LETTERS, one.options, strict=False)))[
                -1
            ].content,
        )
        for one in asked
    ]
    drawn = replace(sampling(bench), max_tokens=REPLY_TOKENS)
    answers: dict[Footing, list[str]] = {}
    for name, contender in _footings(bench).items():
        one: dict[Contestant, Contender] = {"adapter" if name == "adapter_bare" else name: contender}
        found = await ask_all(questions, one, drawn, title=f"questions of knowledge: {name}", progress=bench.progress)
        answers[name] = _texts(found)
    return [_answer(k, one, answers) for k, one in enumerate(asked)]


def _texts(answers: Answers) -> list[str]:
    (outcomes,) = answers.values()
    return [outcome.value.text.strip() if outcome.value else "" for outcome in outcomes]


def _answer(k: int, asked: Asked, answers: dict[Footing, list[str]]) -> CapabilityAnswer:
    return CapabilityAnswer(
        question=asked.choice.id,
        text=asked.choice.text,
        options=asked.choice.options,
        chosen={name: taken(texts[k], asked) for name, texts in answers.items()},
        replies={name: texts[k] for name, texts in answers.items()},
    )


STAGE = Stage(
    NAME,
    "ask questions of knowledge with and without the persona, before and after the training",
    measure,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        bench.project.character.probes.answers,
        hash_of(own_file(bench, bench.project.character.probes.knowledge)),
        bench.prompt("choice").hash,
        answering(bench),
    ),
)
