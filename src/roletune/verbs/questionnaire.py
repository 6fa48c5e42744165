"""Suite `questionnaire`: statements to agree with, each several times with its options in another order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from roletune.engine.store import file_hash, write_json
from roletune.evaluation.choices import LETTERS
from roletune.evaluation.questionnaire import (
    Put,
    Questionnaire,
    arrange,
    questionnaire_report,
    read_answer,
    read_questionnaire,
)
from roletune.evaluation.replies import Answers, ask_all
from roletune.records import Question, QuestionnaireAnswer
from roletune.verbs.contestants import adapter_hash, contenders, sampling, shown_lines
from roletune.verbs.stage import Stage
from roletune.workbench import Workbench

NAME = "questionnaire"
FILE = "suites/questionnaire.json"
REPLY_TOKENS = 40


async def ask(bench: Workbench) -> str:
    """Put every statement to every contestant, and write `suites/questionnaire.json`."""
    character = bench.project.character
    questionnaire = read_questionnaire(character.language, _own(bench))
    puts = arrange(questionnaire, character.probes.repetitions, character.evaluate.seed)
    questions = [_question(bench, questionnaire, put) for put in puts]
    drawn = replace(sampling(bench), max_tokens=REPLY_TOKENS)
    answers = await ask_all(questions, contenders(bench, NAME), drawn, title="questionnaire", progress=bench.progress)
    report = questionnaire_report(
        questionnaire,
        _read(questionnaire, puts, answers),
        adapter=adapter_hash(bench),
        resamples=character.evaluate.resamples,
    )
    write_json(bench.project.build / FILE, report)
    unscored = {name: sum(one.unscored for one in found.values()) for name, found in report.dimensions.items()}
    told = ", ".join(f"{name} {count}" for name, count in unscored.items())
    return (
        f"{len(questionnaire.items)} statements {character.probes.repetitions} times; of {len(puts)} unscored: {told}"
    )


def _question(bench: Workbench, questionnaire: Questionnaire, put: Put) -> Question:
    options = [(LETTERS[k], questionnaire.scale[number - 1]) for k, number in enumerate(put.order)]
    messages = bench.prompt(NAME).messages(text=put.item.text, options=options)
    return Question(id=f"{put.item.id}:{put.repetition}", text=messages[-1].content)


def _read(questionnaire: Questionnaire, puts: list[Put], answers: Answers) -> list[QuestionnaireAnswer]:
    found = []
    for name, outcomes in answers.items():
        for put, outcome in zip(puts, outcomes, strict=True):
            reply = outcome.value.text.strip() if outcome.value else ""
            found.append(
                QuestionnaireAnswer(
                    item=put.item.id,
                    repetition=put.repetition,
                    order=put.order,
                    contestant=name,
                    reply=reply,
                    value=read_answer(reply, put, questionnaire.scale),
                )
            )
    return found


def _own(bench: Workbench) -> Path | None:
    named = bench.project.character.probes.questionnaire
    return bench.project.folder / named if named else None


STAGE = Stage(
    NAME,
    "ask how far statements hold, again and again, with the options in another order",
    ask,
    reads=("profile.jsonl", "adapter/adapter_model.safetensors"),
    writes=(FILE,),
    settings=lambda bench: (
        bench.project.character.probes.repetitions,
        bench.project.character.evaluate,
        file_hash(own) if (own := _own(bench)) and own.is_file() else "",
        bench.prompt("persona").hash,
        bench.prompt(NAME).hash,
        bench.base.identity(),
        shown_lines(bench),
    ),
)
