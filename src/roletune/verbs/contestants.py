"""Who is measured: always the base model, it with the persona prompt, and the adapter with the same prompt.

The settings add others (`evaluate.contestants`): RoleGPT, which is the prompted base model with few-shot turns from the
train split, and any model behind an OpenAI-compatible URL. All answer the same questions with the same sampling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from roletune.engine.store import file_hash
from roletune.errors import ProjectError
from roletune.evaluation.replies import Contender, Sampling
from roletune.evaluation.settings import ROLEGPT, EvaluateSettings
from roletune.evaluation.style import Manner
from roletune.llm.ledger import RememberedModel
from roletune.llm.model import ChatModel
from roletune.models.frozen import Frozen
from roletune.records import CONTESTANTS, Contestant, Message, Profile, Question
from roletune.rendering.few_shot import FewShot, Pair, as_turns, pairs_of
from roletune.rendering.markup import harmless
from roletune.verbs.stage import TRAINED, made_file
from roletune.verbs.writing import train_dialogues
from roletune.workbench import Workbench

Ask = Callable[[Question], Sequence[Message]]


def contenders(bench: Workbench, stage: str) -> dict[Contestant, Contender]:
    """All of them by name, in the order of `names`, every reply remembered under `stage`."""
    wanted = bench.project.character.evaluate.contestants
    base, adapted = bench.contestants(stage)
    asks = _asks(bench)
    found = {
        "base": Contender(base, asks["none"], prompted=False),
        "base_prompt": Contender(base, asks["persona"]),
        "adapter": Contender(adapted, asks["persona"]),
    }
    if wanted.rolegpt:
        found[ROLEGPT] = Contender(base, asks["rolegpt"])
    for other in wanted.others:
        model = bench.models.get(other.name) or bench.behind.model(other.endpoint)
        remembered = RememberedModel(model, bench.ledger, stage)
        found[other.name] = Contender(remembered, asks[other.prompt], prompted=other.prompt != "none")
    return found


def as_character(bench: Workbench, model: ChatModel, stage: str) -> Contender:
    """A model that is told the persona prompt, as the adapter is; its replies are remembered under `stage`."""
    return Contender(RememberedModel(model, bench.ledger, stage), _asks(bench)["persona"])


def names(bench: Workbench) -> tuple[Contestant, ...]:
    """Who can be asked."""
    wanted = bench.project.character.evaluate.contestants
    return (*CONTESTANTS, *([ROLEGPT] if wanted.rolegpt else []), *(other.name for other in wanted.others))


def check_names(bench: Workbench, asked: Sequence[Contestant], where: str) -> None:
    """Raises ProjectError for a name that nobody has."""
    known = names(bench)
    if unknown := next((name for name in asked if name not in known), None):
        raise ProjectError(
            f"{where}: there is no contestant {unknown!r}; there are {', '.join(known)}. Others are added under "
            "evaluate.contestants in character.yaml."
        )


def shown_lines(bench: Workbench) -> list[Pair]:
    """What the few-shot turns are drawn from, which decides what is answered; empty if nobody is shown any."""
    wanted = bench.project.character.evaluate.contestants
    shown = wanted.rolegpt or any(other.prompt == "rolegpt" for other in wanted.others)
    if not shown or not bench.project.records("dialogues").is_file():
        return []
    return pairs_of(train_dialogues(bench), bench.profile)


def answering(bench: Workbench) -> tuple[object, ...]:
    """What decides how all of them answer: part of the settings of every stage that asks them."""
    return (
        bench.project.character.evaluate,
        bench.prompt("persona").hash,
        measured_base(bench),
        shown_lines(bench),
    )


def measured_base(bench: Workbench) -> str:
    """The base as all are measured on it: in 4 bits, beside an adapter trained so, it says other things than whole."""
    return Frozen.of_run(bench.project.build / "adapter").identity(bench.base.identity())


def sampling(bench: Workbench) -> Sampling:
    """How their replies are drawn."""
    settings = bench.project.character.evaluate
    return Sampling(settings.temperature, settings.top_p, settings.max_tokens, settings.seed)


def manner(bench: Workbench) -> Manner:
    """What the style checks need to know."""
    return manner_of(bench.profile, bench.project.character.evaluate)


def manner_of(profile: Profile, settings: EvaluateSettings) -> Manner:
    """The same of a profile."""
    return Manner(
        names=(profile.name, *profile.aliases),
        partners=(settings.partner,),
        address=settings.address,
        longest=settings.max_words,
        language=profile.language,
        worn=settings.slop_phrases,
    )


def own_file(bench: Workbench, named: str) -> Path | None:
    """A file that the settings name, in the character's folder; None for an empty name."""
    return bench.project.folder / named if named else None


def adapter_hash(bench: Workbench) -> str:
    """Which weights were measured: what a suite found is no longer true of retrained ones."""
    return file_hash(made_file(bench.project.build, TRAINED))


def _asks(bench: Workbench) -> dict[str, Ask]:
    """How a question is put, by what the contestant is told."""
    settings = bench.project.character.evaluate
    system = bench.persona.message(
        bench.scene(settings.location, settings.background, settings.partner), [settings.partner]
    )
    shots = FewShot(shown_lines(bench), number=settings.contestants.examples)

    def bare(question: Question) -> list[Message]:
        return [Message(role="user", content=harmless(question.text))]

    def prompted(question: Question) -> list[Message]:
        return [system, *bare(question)]

    def shown(question: Question) -> list[Message]:
        return [system, *as_turns(shots.select(question.text)), *bare(question)]

    return {"none": bare, "persona": prompted, "rolegpt": shown}
