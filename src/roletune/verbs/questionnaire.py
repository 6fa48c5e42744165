"""Suite `questionnaire`: statements to agree with, each several times with its options in another order.

By likelihood (the default) every model ticks something; by replies it shows what a user would read.
"""

from __future__ import annotations

from dataclasses import replace

from roletune.engine.interrupt import stops_at_once
from roletune.engine.store import write_json
from roletune.evaluation.choices import LETTERS
from roletune.evaluation.questionnaire import (
    Put,
    Questionnaire,
    arrange,
    measure_questionnaire,
    questionnaire_report,
    read_questionnaire,
    read_replies,
)
from roletune.evaluation.replies import ask_all
from roletune.records import CONTESTANTS, Question, QuestionnaireAnswer
from roletune.verbs.contestants import adapter_hash, answering, contenders, own_file, sampling
from roletune.verbs.dataset import open_renderer
from roletune.verbs.evaluate import loaded_with_adapter
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

NAME = "questionnaire"
FILE = "suites/questionnaire.json"
REPLY_TOKENS = 40


async def ask(bench: Workbench) -> str:
    """Put every statement to every contestant, and write `suites/questionnaire.json`."""
    character, settings = bench.project.character, bench.project.character.probes
    questionnaire = read_questionnaire(character.language, own_file(bench, settings.questionnaire))
    puts = arrange(questionnaire, settings.repetitions, character.evaluate.seed)
    if settings.answers == "replies":
        answers = await _by_replies(bench, questionnaire, puts)
    else:
        with stops_at_once():
            answers = _by_likelihood(bench, questionnaire, puts)
    report = questionnaire_report(
        questionnaire,
        answers,
        adapter=adapter_hash(bench),
        by=settings.answers,
        resamples=character.evaluate.resamples,
    )
    write_json(bench.project.build / FILE, stamped(bench, report))
    told = [
        f"{name} {sum(one.unscored for one in found.values())} unscored" for name, found in report.dimensions.items()
    ]
    return f"{len(questionnaire.items)} statements {settings.repetitions} times: {', '.join(told)}"


def _question(bench: Workbench, questionnaire: Questionnaire, put: Put) -> Question:
    options = [(LETTERS[k], questionnaire.scale[number - 1]) for k, number in enumerate(put.order)]
    messages = bench.prompt(NAME).messages(text=put.item.text, options=options)
    return Question(id=f"{put.item.id}:{put.repetition}", text=messages[-1].content)


def _by_likelihood(bench: Workbench, questionnaire: Questionnaire, puts: list[Put]) -> list[QuestionnaireAnswer]:
    """Of the three whose weights are here."""
    asked = contenders(bench, NAME)
    put_to = {
        name: lambda put, one=asked[name]: one.messages(_question(bench, questionnaire, put)) for name in CONTESTANTS
    }
    with loaded_with_adapter(bench) as (model, device):
        return measure_questionnaire(puts, put_to, open_renderer(bench), model, progress=bench.progress, device=device)


async def _by_replies(bench: Workbench, questionnaire: Questionnaire, puts: list[Put]) -> list[QuestionnaireAnswer]:
    questions = [_question(bench, questionnaire, put) for put in puts]
    drawn = replace(sampling(bench), max_tokens=REPLY_TOKENS)
    answers = await ask_all(questions, contenders(bench, NAME), drawn, title="questionnaire", progress=bench.progress)
    replies = {
        name: [outcome.value.text.strip() if outcome.value else "" for outcome in outcomes]
        for name, outcomes in answers.items()
    }
    return read_replies(puts, replies, questionnaire.scale)


STAGE = Stage(
    NAME,
    "ask how far statements hold, again and again, with the options in another order",
    ask,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        bench.project.character.probes.model_dump(include={"answers", "repetitions"}),
        hash_of(own_file(bench, bench.project.character.probes.questionnaire)),
        bench.prompt(NAME).hash,
        answering(bench),
    ),
)
