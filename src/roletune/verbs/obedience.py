"""Suite `obedience`: questions under rules for the reply, which code checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from roletune.engine.store import file_hash, write_json
from roletune.evaluation.obedience import Demand, RuleSets, demands, obedience_report, read_rule_sets
from roletune.evaluation.questions import of_topics, read_questions
from roletune.evaluation.replies import Contender, ask_all
from roletune.records import Contestant, Message, Question
from roletune.verbs.contestants import adapter_hash, answering, contenders, own_file, sampling
from roletune.verbs.measured import read_evaluation, stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

NAME = "obedience"
FILE = "suites/obedience.json"


async def demand(bench: Workbench) -> str:
    """Ask every question under its rules, check every reply, and write `suites/obedience.json`."""
    character = bench.project.character
    sets = read_rule_sets(character.language, own_file(bench, character.probes.rules))
    asked = demands(of_topics(read_questions(bench.project.questions), character.evaluate.topics), sets)
    told = {name: _told(bench, one, asked, sets) for name, one in contenders(bench, NAME).items()}
    answers = await ask_all(
        [one.question for one in asked], told, sampling(bench), title="rules", progress=bench.progress
    )
    replies = {
        name: [outcome.value.text.strip() if outcome.value else None for outcome in outcomes]
        for name, outcomes in answers.items()
    }
    report = obedience_report(
        asked,
        replies,
        _untold(bench, asked, list(told)),
        sets.told,
        adapter=adapter_hash(bench),
        resamples=character.evaluate.resamples,
    )
    write_json(bench.project.build / FILE, stamped(bench, report))
    kept = ", ".join(f"{name} {found.all_rules.count} of {found.all_rules.n}" for name, found in report.rates.items())
    return f"all rules kept: {kept}"


def _told(bench: Workbench, contender: Contender, asked: Sequence[Demand], sets: RuleSets) -> Contender:
    """The same with the rules of a question below what it is told already."""
    prompt = bench.prompt(NAME)
    rules = {one.question.id: prompt.text(rules=[sets.told[rule.id] for rule in one.rules]) for one in asked}

    def messages(question: Question) -> list[Message]:
        plain = list(contender.messages(question))
        first = plain[0].content + "\n\n" if plain[0].role == "system" else ""
        rest = plain[1:] if first else plain
        return [Message(role="system", content=first + rules[question.id]), *rest]

    return replace(contender, messages=messages)


def _untold(
    bench: Workbench, asked: Sequence[Demand], names: Sequence[Contestant]
) -> dict[Contestant, list[str | None]]:
    """What the stage `evaluate` was answered to the same questions; None where nothing was."""
    said = {reply.question: reply for reply in read_evaluation(bench).replies}
    return {
        name: [reply.said(name) or None if (reply := said.get(one.question.text)) else None for one in asked]
        for name in names
    }


STAGE = Stage(
    NAME,
    "ask questions under rules for the reply, and check by code whether they are kept (RNR)",
    demand,
    reads=("profile.jsonl", "evaluation.json", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        hash_of(own_file(bench, bench.project.character.probes.rules)),
        file_hash(bench.project.questions),
        bench.prompt(NAME).hash,
        answering(bench),
    ),
)
