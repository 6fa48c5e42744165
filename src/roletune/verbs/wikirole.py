"""Suite `wikirole`: WikiRoleEval (Ditto) for this character: who was it, is it true, did it decline what it can't know.

The items are the character's rows of a file in WikiRoleEval's format. Every contestant answers an item's questions in
one talk; judges that are bound vote on the talks, each by itself. Without a judge the talks are kept all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roletune.engine.runner import run
from roletune.engine.store import write_json
from roletune.errors import ProjectError, RefusedError
from roletune.evaluation.judging.fence import bounded
from roletune.evaluation.replies import Contender, Sampling, request_for
from roletune.evaluation.wikirole import Judgement, Judging, judge_wikirole
from roletune.evaluation.wikirole_files import WikiRole, read_wikirole
from roletune.evaluation.wikirole_scores import paired_differences, wikirole_report
from roletune.records import (
    Contestant,
    Message,
    Question,
    WikiRoleFigures,
    WikiRoleReport,
    WikiRoleTalk,
    WikiRoleVerdict,
    WikiRoleVote,
)
from roletune.verbs.contestants import adapter_hash, answering, contenders, own_file, sampling
from roletune.verbs.judges import HOW_TO_BIND, concurrency, judges
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage, hash_of
from roletune.workbench import Workbench

NAME = "wikirole"
FILE = "suites/wikirole.json"
KINDS = ("identity", "knowledge", "rejection")


async def examine(bench: Workbench) -> str:
    """Hold every talk, have it judged, and write `suites/wikirole.json`."""
    items = _items(bench)
    players = {name: one for name, one in contenders(bench, NAME).items() if one.prompted}
    talks = await _talks(bench, items, players)
    panel = judges(bench, NAME)
    if not panel:
        bench.progress.say(HOW_TO_BIND, style="bold yellow")
    figures: dict[Contestant, dict[str, WikiRoleFigures]] = {name: {} for name in players}
    verdicts: list[WikiRoleVerdict] = []
    judged: dict[tuple[Contestant, str], list[Judgement]] = {}
    warnings: dict[str, None] = {}
    for name in players:
        replies = {talk.item: talk.replies for talk in talks if talk.contestant == name}
        for judge, model in panel.items():
            found = await judge_wikirole(items, replies, model, _judging(bench), bench.progress)
            judged[name, judge] = found
            authors = [bench.base.label, bench.base.name]
            report = wikirole_report(items, found, judge=judge, authors=authors, seed=_judging(bench).seed)
            figures[name][judge] = report.figures["all"]
            warnings |= dict.fromkeys(f"{name}, {judge}: {warning}" for warning in report.warnings)
            verdicts += [_verdict(judge, name, one) for one in found]
    made = WikiRoleReport(
        adapter=adapter_hash(bench),
        judges=tuple(panel),
        figures=figures,
        differences={
            judge: paired_differences(items, judged["adapter", judge], judged["base_prompt", judge]) for judge in panel
        },
        warnings=tuple(warnings),
        talks=tuple(talks),
        verdicts=tuple(verdicts),
    )
    write_json(bench.project.build / FILE, stamped(bench, made))
    return _told(made)


def _items(bench: Workbench) -> list[WikiRole]:
    """The character's rows of the file; what is no row, or of another role, is told."""
    path = bench.project.folder / bench.project.character.probes.wikirole
    if not path.is_file():
        raise ProjectError(
            f"{path} does not exist: the suite `wikirole` asks what is in it. Put the character's rows of WikiRoleEval "
            "there, or write some; docs/probes.md shows the format."
        )
    read = read_wikirole(path)
    own = [item for item in read.items if bench.profile.is_me(item.role)]
    if not own:
        raise ProjectError(
            f"{path} has no item of {bench.profile.name}; its roles are "
            f"{', '.join(sorted({item.role for item in read.items})[:5])}. Name one of them in `aliases`, or add items."
        )
    left = len(read.items) - len(own)
    if left or read.unread:
        bench.progress.say(f"{path.name}: {left} items of other roles, {len(read.unread)} lines that are no item")
    return own


async def _talks(
    bench: Workbench, items: Sequence[WikiRole], players: Mapping[Contestant, Contender]
) -> list[WikiRoleTalk]:
    drawn = sampling(bench)

    async def hold(pair: tuple[Contestant, WikiRole]) -> WikiRoleTalk:
        name, item = pair
        replies = await _talk(players[name], item, drawn)
        questions = tuple(turn.question for turn in item.turns)
        return WikiRoleTalk(contestant=name, item=item.id, questions=questions, replies=tuple(replies))

    pairs = [(name, item) for name in players for item in items]
    with bench.progress.task("WikiRoleEval: talks", len(pairs), "talks") as task:
        outcomes = await run(pairs, hold, concurrency=2, on_done=lambda _: task.advance(1))
    for outcome in outcomes:
        if outcome.error:  # an endpoint that is gone answers nobody; what was said is remembered
            raise outcome.error
    return [outcome.value for outcome in outcomes if outcome.value is not None]


async def _talk(player: Contender, item: WikiRole, drawn: Sampling) -> list[str | None]:
    """One reply a question, None from where the model refuses to go on."""
    history: list[Message] = []
    replies: list[str | None] = []
    for turn in item.turns:
        question = Message(role="user", content=bounded(turn.question))
        history += [question] if history else player.messages(Question(id=item.id, text=question.content))
        try:
            reply = (await player.model.complete(request_for(history, drawn))).text.strip()
        except RefusedError:
            break
        replies.append(reply)
        history.append(Message(role="assistant", content=bounded(reply)))
    return [*replies, *[None] * (len(item.turns) - len(replies))]


def _judging(bench: Workbench) -> Judging:
    return Judging(
        samples=bench.project.character.probes.votes,
        attempts=bench.project.character.interview.attempts,
        seed=bench.project.character.evaluate.seed,
        concurrency=concurrency(bench),
        prompts=bench.project.prompts,
    )


def _verdict(judge: str, contestant: Contestant, found: Judgement) -> WikiRoleVerdict:
    return WikiRoleVerdict(
        judge=judge,
        contestant=contestant,
        kind=found.kind,
        item=found.item,
        turn=found.turn,
        silent=found.silent,
        votes=tuple(WikiRoleVote(**vars(vote)) for vote in found.votes),
    )


def _told(report: WikiRoleReport) -> str:
    if not report.judges:
        return f"{len(report.talks)} talks; they are kept, and nothing is judged yet"
    told = []
    for name, by_judge in report.figures.items():
        for judge, found in by_judge.items():
            who = f"{found.identity.count} of {found.identity.n} known" if found.identity else "identity unscored"
            balanced = found.rejection.balanced
            told.append(f"{name} ({judge}): {who}, rejection {f'{balanced.value:.2f}' if balanced else 'unscored'}")
    return "; ".join(told)


STAGE = Stage(
    NAME,
    "have judges say who was talked to, whether it is true, and whether it declined what it can't know (WikiRoleEval)",
    examine,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        bench.project.character.probes.votes,
        hash_of(own_file(bench, bench.project.character.probes.wikirole)),
        [bench.prompt(f"wikirole_{kind}").hash for kind in KINDS],
        [judge.identity for judge in judges(bench, NAME).values()],
        answering(bench),
    ),
)
