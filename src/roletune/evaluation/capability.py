"""What playing the character costs: questions of general knowledge with and without the persona, base and adapter.

Four footings answer the same questions: `base`, `base_prompt` (the same with the persona), `adapter_bare` (the adapter
without it) and `adapter` (with it). base_prompt minus base is the tax of the persona; adapter_bare minus base is what
the training forgot. Differences are paired by question, with McNemar's exact test beside the interval.

Scored by likelihood, the option whose text is likeliest as the answer is taken, per byte, so that long options are not
at a disadvantage (as the `acc_norm` of lm-evaluation-harness); no option is shown, and nothing is unscored. Scored by
replies, the options are shown with letters in a drawn order, and a reply that names none, or several, is unscored.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from pydantic import Field, TypeAdapter, ValidationError

from roletune.errors import ProjectError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.candidates import continued, scorers
from roletune.evaluation.choices import LETTERS, read_letter
from roletune.evaluation.questions import read_yaml
from roletune.records import CapabilityAnswer, CapabilityChange, CapabilityReport, Footing, Message, Record

if TYPE_CHECKING:
    from roletune.engine.progress import Progress
    from roletune.rendering.template import Renderer

KNOWLEDGE = files("roletune.evaluation") / "knowledge"
SHAPE = "It is a list of `{id: ..., text: ..., options: [...]}`; the first option is the right one."
FOOTINGS: tuple[Footing, ...] = get_args(Footing)
CHANGES: dict[str, tuple[Footing, Footing]] = {
    "persona": ("base_prompt", "base"),
    "training": ("adapter_bare", "base"),
    "persona_after_training": ("adapter", "adapter_bare"),
    "training_with_persona": ("adapter", "base_prompt"),
}
"""What is compared: the first minus the second."""


class Choice(Record):
    """A question with options, of which the first is right."""

    id: str
    text: str
    options: tuple[str, ...] = Field(min_length=2, max_length=len(LETTERS))


class Asked(NamedTuple):
    """A choice as it is put: options in a random order, and the letter of the right one."""

    choice: Choice
    options: tuple[str, ...]
    right: str


def read_choices(language: str = "en", own: Path | None = None) -> tuple[Choice, ...]:
    """The character's own questions, else the packaged ones. Raises ProjectError for mistakes, or if there are none."""
    path = own or Path(str(KNOWLEDGE / f"{language.split('-')[0]}.yaml"))
    if own is None and (not re.fullmatch(r"[A-Za-z-]+", language) or not path.is_file()):
        raise ProjectError(
            f"There are no questions of knowledge in {language!r}. Write some and name the file in probes.knowledge. "
            f"{SHAPE}"
        )
    try:
        read = TypeAdapter(tuple[Choice, ...]).validate_python(read_yaml(path, SHAPE))
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ProjectError(f"{path.name} needs correcting. {SHAPE}", mistakes) from error
    if not read or len({choice.id for choice in read}) < len(read):
        raise ProjectError(f"{path.name} needs correcting: no question, or two of one id. {SHAPE}")
    return read


def shuffled(choice: Choice, seed: int = 0) -> Asked:
    """The options in an order that depends on the seed and the question only."""
    options = random.Random(f"{seed}:{choice.id}").sample(choice.options, len(choice.options))
    return Asked(choice, tuple(options), LETTERS[options.index(choice.options[0])])


def measure_capability(
    choices: Sequence[Choice],
    put: Mapping[Footing, Callable[[str], Sequence[Message]]],
    renderer: Renderer,
    model: Any,
    *,
    progress: Progress,
    device: str = "cpu",
) -> list[CapabilityAnswer]:
    """Every question on every footing by likelihood; `put` makes messages of a question, `model` is a PEFT model."""
    scores: dict[Footing, list[tuple[float, ...]]] = {}
    with progress.task("questions of knowledge", len(put) * len(choices), "questions") as task:
        for name, scorer in scorers(model, {name: name.startswith("adapter") for name in put}, device):
            for choice in choices:
                asked = continued(put[name](choice.text), choice.options, renderer)
                scores.setdefault(name, []).append(tuple(scorer.log_likelihoods(asked)))
                task.advance(1, note=name)
    return [
        CapabilityAnswer(
            question=choice.id,
            text=choice.text,
            options=choice.options,
            chosen={name: likeliest(found[k], choice.options) for name, found in scores.items()},
            scores={name: found[k] for name, found in scores.items()},
        )
        for k, choice in enumerate(choices)
    ]


def likeliest(log_likelihoods: Sequence[float], options: Sequence[str]) -> int:
    """The option with the highest log-likelihood per byte; the first of those that are alike."""
    scores = [score / len(option.encode()) for score, option in zip(log_likelihoods, options, strict=True)]
    return scores.index(max(scores))


def taken(reply: str, asked: Asked) -> int | None:
    """The number of the option that a reply takes, as the question numbers them (0 is right)."""
    letter = read_letter(reply, asked.options)
    return asked.choice.options.index(asked.options[LETTERS.index(letter)]) if letter else None


def capability_report(
    answers: Sequence[CapabilityAnswer],
    *,
    adapter: str,
    by: Literal["likelihood", "replies"],
    resamples: int = 10_000,
) -> CapabilityReport:
    """Shares of right answers among those scored, and what changes."""
    right = {name: _outcomes(answers, name) for name in FOOTINGS}
    return CapabilityReport(
        adapter=adapter,
        by=by,
        chance=sum(1 / len(answer.options) for answer in answers) / len(answers),
        right={name: wilson(sum(found.values()), len(found)) for name, found in right.items() if found},
        unscored={name: len(answers) - len(found) for name, found in right.items()},
        changes={
            name: change
            for name, (first, second) in CHANGES.items()
            if (change := _change(right[first], right[second], resamples))
        },
        answers=tuple(answers),
    )


def mcnemar(lost: int, gained: int) -> float:
    """Two-sided exact p of so many answers turning wrong and so many turning right, were both as likely."""
    n = lost + gained
    tail = sum(math.comb(n, k) for k in range(min(lost, gained) + 1)) / 2**n
    return min(1.0, 2 * tail)


def _outcomes(answers: Sequence[CapabilityAnswer], footing: Footing) -> dict[str, bool]:
    """By question whether the answer is right; the unscored are left out."""
    chosen = {answer.question: answer.chosen.get(footing) for answer in answers}
    return {question: option == 0 for question, option in chosen.items() if option is not None}


def _change(first: Mapping[str, bool], second: Mapping[str, bool], resamples: int) -> CapabilityChange | None:
    """Over the questions that both answered; None if there are none."""
    pairs = [(first[question], second[question]) for question in first if question in second]
    if not pairs:
        return None
    lost, gained = sum(b and not a for a, b in pairs), sum(a and not b for a, b in pairs)
    return CapabilityChange(
        share=bootstrap_share(pairs, resamples=resamples), lost=lost, gained=gained, p=mcnemar(lost, gained)
    )
