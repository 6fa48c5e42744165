"""Suite `interview`: the character is interviewed, and judges score what it says with the evidence before them.

After the interviews of Character-LLM: single questions of four topics, and talks of several rounds with an interviewer
model. Without a judge the replies are collected and kept all the same, so that a judge that is bound later scores these
very replies; what is missing is told, in the report too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roletune.engine.runner import run
from roletune.engine.store import file_hash, write_json
from roletune.errors import ProjectError
from roletune.evaluation.judging.calibration import EVERY, calibrate
from roletune.evaluation.judging.human import read_human
from roletune.evaluation.judging.passages import PassageIndex
from roletune.evaluation.judging.rubrics import Desk, prompt_names
from roletune.evaluation.judging.summary import summarise
from roletune.evaluation.judging.talks import Interviewer, item_id, spread, talk
from roletune.evaluation.judging.verdicts import ask_judges, cost, pair_verdicts, plan, refuse_too_many, with_scores
from roletune.evaluation.questions import of_topics, read_questions
from roletune.evaluation.replies import Contender, ask_all
from roletune.llm.model import ChatModel
from roletune.project import Project
from roletune.prompts import Prompt
from roletune.records import (
    Contestant,
    InterviewItem,
    InterviewReport,
    Interviews,
    InterviewTurn,
    PairVerdict,
    Question,
)
from roletune.verbs.contestants import adapter_hash, check_names, contenders, measured_base, sampling, shown_lines
from roletune.verbs.judges import HOW_TO_BIND, concurrency, interviewer, judges, price
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage
from roletune.workbench import Workbench

FILE = "suites/interview.json"
NAME = "interview"


async def hold_interviews(bench: Workbench) -> str:
    """Collect every reply, then have all of it judged."""
    settings = bench.project.character.interview
    check_names(bench, settings.contestants, "interview.contestants")
    asked = {name: one for name, one in contenders(bench, NAME).items() if name in settings.contestants}
    items = await _single(bench, asked)
    items += await _talks(bench, asked)
    panel = judges(bench, NAME)
    pairs: list[PairVerdict] = []
    if panel:
        items, pairs = await _judged(bench, items, panel)
    else:
        bench.progress.say(HOW_TO_BIND, style="bold yellow")
    found = _interviews(bench, items, pairs, panel, asked)
    write_json(bench.project.build / FILE, found)
    return _told(found.report)


def questions_of(project: Project) -> list[Question]:
    """The questions of the interview: the character's own file, else those of the evaluation."""
    settings = project.character.interview
    own = project.folder / settings.questions
    if not own.is_file() and "questions" in settings.model_fields_set:
        raise ProjectError(f"{own} does not exist. Write questions into it; examples/jarvis/interview.yaml shows how.")
    questions = read_questions(own if own.is_file() else project.questions)
    return of_topics(questions, settings.topics)


async def _single(bench: Workbench, asked: Mapping[Contestant, Contender]) -> list[InterviewItem]:
    questions = questions_of(bench.project)
    answers = await ask_all(
        questions, asked, sampling(bench), title="interview: single questions", progress=bench.progress
    )
    adapter = adapter_hash(bench)
    items = []
    for name, outcomes in answers.items():
        for question, outcome in zip(questions, outcomes, strict=True):
            reply = outcome.value.text.strip() if outcome.value else ""
            items.append(
                InterviewItem(
                    id=item_id("single", question.id, name, adapter),
                    form="single",
                    question=question.id,
                    topic=question.topic,
                    contestant=name,
                    turns=(InterviewTurn(question=question.text, reply=reply),),
                    failed=str(outcome.error) if outcome.error else "" if reply else "an empty reply",
                )
            )
    return items


async def _talks(bench: Workbench, asked: Mapping[Contestant, Contender]) -> list[InterviewItem]:
    settings = bench.project.character.interview
    model = interviewer(bench, NAME)
    if model is None or not settings.talks:
        return []
    host = Interviewer(model, bench.prompt("interviewer"), bench.profile)
    adapter, drawn = adapter_hash(bench), sampling(bench)
    chosen = spread(questions_of(bench.project), settings.talks)
    bench.progress.say(
        f"interviewer {model.name}: at most {len(asked) * len(chosen) * (settings.rounds - 1)} calls", style="dim"
    )

    async def hold(pair: tuple[Contestant, Question]) -> InterviewItem:
        name, question = pair
        return await talk(question, name, asked[name], host, drawn, rounds=settings.rounds, adapter=adapter)

    pairs = [(name, question) for name in asked for question in chosen]
    with bench.progress.task("interview: talks", len(pairs), "talks") as task:
        outcomes = await run(pairs, hold, concurrency=2, on_done=lambda _: task.advance(1))
    for outcome in outcomes:
        if outcome.error:  # the endpoint is gone, or the budget spent: what was said is remembered
            raise outcome.error
    return [outcome.value for outcome in outcomes if outcome.value is not None]


async def _judged(
    bench: Workbench, items: Sequence[InterviewItem], panel: Mapping[str, ChatModel]
) -> tuple[list[InterviewItem], list[PairVerdict]]:
    settings = bench.project.character.interview
    desk = _desk(bench)
    calls = plan(desk, items, list(panel), pairs=settings.pairs, flaws=settings.flaws)
    estimate = cost(calls, panel, lambda key: bench.ledger.get(key) is not None)
    most = price(bench, estimate.spent)
    bench.progress.say(
        f"judges {', '.join(panel)}: {estimate.calls:,} calls, {estimate.remembered:,} of them remembered; the others "
        f"take about {estimate.tokens_in:,} tokens in and at most {estimate.tokens_out:,} out"
        + (f": {most} at most" if most else "")
    )
    refuse_too_many(estimate, settings.max_calls)
    answers = await ask_judges(
        calls, panel, attempts=settings.attempts, concurrency=concurrency(bench), progress=bench.progress
    )
    scored = [item if item.failed else with_scores(desk, item, list(panel), answers) for item in items]
    return scored, pair_verdicts(items, list(panel), answers) if settings.pairs else []


def _interviews(
    bench: Workbench,
    items: Sequence[InterviewItem],
    pairs: Sequence[PairVerdict],
    panel: Mapping[str, ChatModel],
    asked: Mapping[Contestant, Contender],
) -> Interviews:
    """Everything as a record, with the calibration where there are human scores."""
    settings, adapter = bench.project.character.interview, adapter_hash(bench)

    def report(calibrated: Interviews | None = None) -> InterviewReport:
        human = bench.project.folder / settings.human
        measured = (
            calibrate(calibrated, read_human(human), resamples=settings.resamples)
            if calibrated and panel and human.is_file()
            else None
        )
        found = summarise(
            items,
            pairs,
            adapter=adapter,
            judges=list(panel),
            flaws=settings.flaws,
            calibration=measured,
            passages=bench.profile.passages,
            resamples=settings.resamples,
        )
        return stamped(bench, found)

    found = Interviews(
        report=report(),
        models={name: contender.model.name for name, contender in asked.items()},
        prompts={name: prompt.hash for name, prompt in _prompts(bench).items()},
        items=tuple(items),
        pairs=tuple(pairs),
    )
    return found.model_copy(update={"report": report(found)})


def _desk(bench: Workbench) -> Desk:
    settings = bench.project.character.interview
    profile = bench.profile
    return Desk(profile, PassageIndex(profile.passages), _prompts(bench), settings.passages, settings.max_tokens)


def _prompts(bench: Workbench) -> dict[str, Prompt]:
    return {name: bench.prompt(name) for name in prompt_names()}


def _told(report: InterviewReport) -> str:
    held = f"{report.questions} questions and {report.talks} talks with each"
    if not report.judges:
        return f"{held}; the replies are kept, and nothing is judged yet"
    unread = ", ".join(
        f"{rate.count} of {rate.n} scores of {judge}" for judge, rate in report.unread.items() if rate.count
    )
    clear = [row for row in report.differences if row.clear and row.trust != "refused"]
    differences = "; ".join(f"{row.dimension} ({row.form}) {row.difference:+.2f}" for row in clear)
    trusted = _trusted(report) if report.calibration else "not calibrated: no human scores"
    return (
        f"{held}; unscored: {unread or 'nothing'}; adapter against prompt: {differences or 'nothing clear'} ({trusted})"
    )


def _trusted(report: InterviewReport) -> str:
    """Which judges human scores refuse in all dimensions together."""
    rows = report.calibration.agreement if report.calibration else ()
    usable = {row.judge for row in rows if row.dimension == EVERY and row.usable}
    refused = [judge for judge in report.judges if judge not in usable]
    return f"nobody is ranked: no better than a constant is {', '.join(refused)}" if refused else "calibrated"


def _settings(bench: Workbench) -> tuple[object, ...]:
    project, settings = bench.project, bench.project.character.interview
    human, own = project.folder / settings.human, project.folder / settings.questions
    model = interviewer(bench, NAME)
    return (
        settings,
        project.character.evaluate,
        file_hash(own if own.is_file() else project.questions),
        file_hash(human) if human.is_file() else "",
        bench.prompt("persona").hash,
        [prompt.hash for prompt in _prompts(bench).values()],
        [judge.identity for judge in judges(bench, NAME).values()],
        model.identity if model else "",
        measured_base(bench),
        shown_lines(bench),
    )


STAGE = Stage(
    NAME,
    "interview the character and have judges score it, with evidence",
    hold_interviews,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=_settings,
)
