"""Suite `bandit`: a game of two levers, one of which pays more often, played by every contestant with the same luck."""

from __future__ import annotations

from dataclasses import replace

from roletune.engine.runner import run
from roletune.engine.store import write_json
from roletune.evaluation.bandit import History, bandit_report, chances_of, play, read_arm
from roletune.evaluation.replies import Contender, request_for
from roletune.records import BanditGame, Contestant, Question
from roletune.verbs.contestants import adapter_hash, answering, contenders, sampling
from roletune.verbs.measured import stamped
from roletune.verbs.stage import TRAINED, Stage
from roletune.workbench import Workbench

NAME = "bandit"
FILE = "suites/bandit.json"
ARMS = ("left", "right")  # as the prompt names them
REPLY_TOKENS = 24


async def gamble(bench: Workbench) -> str:
    """Play every game with every contestant, and write `suites/bandit.json`."""
    settings, players = bench.project.character.probes, contenders(bench, NAME)
    games = [(name, game) for name in players for game in range(settings.games)]

    async def one(pair: tuple[Contestant, int]) -> BanditGame:
        return await _game(bench, players[pair[0]], *pair)

    with bench.progress.task("two-armed bandit", len(games), "games") as task:
        outcomes = await run(games, one, concurrency=2, on_done=lambda _: task.advance(1))
    for outcome in outcomes:
        if outcome.error:  # a game can't go on without an answer, and half a game compares with nothing
            raise outcome.error
    report = bandit_report(
        [outcome.value for outcome in outcomes if outcome.value],
        adapter=adapter_hash(bench),
        chances=settings.chances,
        resamples=bench.project.character.evaluate.resamples,
    )
    write_json(bench.project.build / FILE, stamped(bench, report))
    told = [
        f"{name} {found.regret.value:.2f}" if found.regret else f"{name} none" for name, found in report.scores.items()
    ]
    return f"regret a pull: {', '.join(told)} (at random {report.random_regret:.2f})"


async def _game(bench: Workbench, player: Contender, name: Contestant, game: int) -> BanditGame:
    settings, prompt = bench.project.character.probes, bench.prompt(NAME)
    drawn = replace(sampling(bench), max_tokens=REPLY_TOKENS)
    replies: list[str] = []

    async def policy(history: History) -> int | None:
        told = [(ARMS[arm], paid) for arm, paid in history]
        question = Question(id=f"{game}:{len(replies)}", text=prompt.messages(history=told)[-1].content)
        # Rounds without an arm leave the history as it was: only another seed gives another reply.
        seeded = replace(drawn, seed=drawn.seed + 1000 * game + len(replies))
        reply = await player.model.complete(request_for(player.messages(question), seeded))
        replies.append(reply.text.strip())
        return read_arm(reply.text, ARMS)

    played = await play(policy, chances_of(game, settings.chances), settings.rounds, seed=game)
    return BanditGame(contestant=name, game=game, arms=played.arms, rewards=played.rewards, replies=tuple(replies))


STAGE = Stage(
    NAME,
    "have the character play a game of two levers, of which one pays more often",
    gamble,
    reads=("profile.jsonl", TRAINED),
    writes=(FILE,),
    settings=lambda bench: (
        bench.project.character.probes.model_dump(include={"games", "rounds", "chances"}),
        bench.prompt(NAME).hash,
        answering(bench),
    ),
)
