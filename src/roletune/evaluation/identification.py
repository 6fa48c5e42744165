"""Identification: among the real next line and lines of other speakers, which does the model find likeliest?

The context is the real conversation up to the line. The others' lines come from later in the same scene first, then
from other held-out scenes, drawn with a seed; nothing that was said already is among them, since any model finds what
it has just read likely. All contestants see the same candidates. Guessing is right once in as many as there are
candidates, and that chance is stated. Compared are the mean log-likelihood of a token, which has no preference for
short lines, and the summed one, which has. A tie is wrong: a model that can't tell did not identify anybody.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.candidates import CandidateScorer, Continued, scorers
from roletune.evaluation.likelihood import without_prompt
from roletune.evaluation.style import words
from roletune.records import (
    CONTESTANTS,
    Contestant,
    Example,
    IdentificationItem,
    IdentificationReport,
    LineLikelihood,
    Message,
    Rate,
)

if TYPE_CHECKING:
    from roletune.engine.progress import Progress
    from roletune.rendering.template import Renderer

OTHERS = 3
LEAST_WORDS = 3  # "Yes." is anybody's line


@dataclass(frozen=True)
class Choice:
    """A place in a conversation; `candidates` are the real line, then others'. `line` counts the character's
    lines from 0."""

    example: str
    line: int
    context: tuple[Message, ...]
    candidates: tuple[str, ...]

    def examples(self, example: Example) -> list[Example]:
        """One example a candidate, with loss on it alone."""
        return [
            example.model_copy(
                update={"messages": (*self.context, Message(role="assistant", content=text, loss=True)), "id": str(k)}
            )
            for k, text in enumerate(self.candidates)
        ]


def choices(examples: Sequence[Example], *, others: int = OTHERS, most: int = 0, seed: int = 0) -> list[Choice]:
    """A choice for every line of the character in `examples`, or for `most` of them, drawn with the seed.

    A line of fewer than LEAST_WORDS words is left out, and so is one that has fewer than `others` others' lines to
    stand among.
    """
    everybody = [text for example in examples for text in _others(example.messages)]
    found: list[Choice] = []
    for example in examples:
        generator = random.Random(f"{seed}:{example.id}")
        lines = [place for place, message in enumerate(example.messages) if message.loss]
        for number, place in enumerate(lines):
            real = example.messages[place].content
            said = {_folded(message.content) for message in example.messages[: place + 1]}
            drawn = _draw(said, _others(example.messages[place:]), everybody, others, generator)
            if len(words(real)) >= LEAST_WORDS and len(drawn) == others:
                context = tuple(message.model_copy(update={"loss": False}) for message in example.messages[:place])
                found.append(Choice(example.id, number, context, (real, *drawn)))
    if most and len(found) > most:
        kept = sorted(random.Random(seed).sample(range(len(found)), most))
        found = [found[k] for k in kept]
    return found


def identified(scores: Sequence[float]) -> bool:
    """Whether the first is above all others."""
    return all(scores[0] > score for score in scores[1:])


def identification_report(items: Sequence[IdentificationItem]) -> IdentificationReport:
    """How often each contestant identified the line. Raises EvaluationError for no items."""
    if not items:
        raise EvaluationError("No held-out line has others to stand among. Add scenes, or widen the test share.")
    per_token = {
        name: [identified([s / t for s, t in zip(item.scores[name], item.tokens, strict=True)]) for item in items]
        for name in CONTESTANTS
    }
    per_line = {name: [identified(item.scores[name]) for item in items] for name in CONTESTANTS}
    return IdentificationReport(
        chance=sum(1 / len(item.tokens) for item in items) / len(items),
        per_token=_rates(per_token),
        per_line=_rates(per_line),
        gain=bootstrap_share(list(zip(per_token["adapter"], per_token["base_prompt"], strict=True))),
        items=tuple(items),
    )


def measure_identification(
    examples: Sequence[Example],
    renderer: Renderer,
    model: Any,
    *,
    progress: Progress,
    device: str = "cpu",
    most: int = 0,
    seed: int = 0,
) -> IdentificationReport:
    """The three contestants on held-out `examples`; `model` is a PEFT model, see `likelihood.measure_likelihood`."""
    of = {example.id: example for example in examples}
    asked = choices(examples, most=most, seed=seed)
    scored: dict[Contestant, list[list[LineLikelihood]]] = {name: [] for name in CONTESTANTS}
    with progress.task("which line is the character's", total=3 * len(asked), unit="lines") as task:
        for name, scorer in scorers(model, {name: name == "adapter" for name in CONTESTANTS}, device):
            for choice in asked:  # lines of one scene share what was said before
                told = choice.examples(of[choice.example])
                told = [without_prompt(one) for one in told] if name == "base" else told
                scored[name].append(_scored(scorer, told, renderer))
                task.advance(1, note=name)
    return identification_report([_item(choice, k, scored) for k, choice in enumerate(asked)])


def _scored(scorer: CandidateScorer, told: Sequence[Example], renderer: Renderer) -> list[LineLikelihood]:
    """The line with loss of each of the examples, which are alike up to it."""
    rendered = [renderer.render(example.messages) for example in told]
    start = rendered[0].spans[0][0]
    if any(one.ids[:start] != rendered[0].ids[:start] for one in rendered):
        raise EvaluationError("The candidates do not stand in the same conversation. Measure all of them again.")
    lines = [one.ids[start : one.spans[0][1]] for one in rendered]
    found = scorer.log_likelihoods(Continued(rendered[0].ids[:start], lines))
    return [
        LineLikelihood(dialogue=example.dialogue, line=0, nll=-total, tokens=len(line))
        for example, total, line in zip(told, found, lines, strict=True)
    ]


def _item(
    choice: Choice, k: int, scored: Mapping[Contestant, Sequence[Sequence[LineLikelihood]]]
) -> IdentificationItem:
    lines = scored["base"][k]
    if any([one.tokens for one in scored[name][k]] != [one.tokens for one in lines] for name in CONTESTANTS):
        raise EvaluationError("The contestants were not measured on the same tokens. Measure all of them again.")
    return IdentificationItem(
        example=choice.example,
        line=choice.line,
        tokens=tuple(one.tokens for one in lines),
        scores={name: tuple(-one.nll for one in scored[name][k]) for name in CONTESTANTS},
    )


def _others(messages: Sequence[Message]) -> list[str]:
    """What other speakers say, long enough to be told from anybody's."""
    return [m.content for m in messages if m.role == "user" and len(words(m.content)) >= LEAST_WORDS]


def _folded(text: str) -> str:
    return " ".join(words(text))


def _draw(
    said: Collection[str], near: Sequence[str], everybody: Sequence[str], count: int, generator: random.Random
) -> tuple[str, ...]:
    """Lines of the scene in random order, then those of all scenes; none twice, none of those said already."""
    found: dict[str, str] = {}
    for texts in (near, everybody):
        for text in generator.sample(list(texts), len(texts)):
            if _folded(text) not in said and len(found) < count:
                found.setdefault(_folded(text), text)
    return tuple(found.values())


def _rates(outcomes: Mapping[Contestant, Sequence[bool]]) -> dict[Contestant, Rate]:
    return {name: wilson(sum(right), len(right)) for name, right in outcomes.items()}
