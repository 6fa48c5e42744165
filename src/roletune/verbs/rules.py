"""Method `rules`: what was said to the character, with a role and rules, and a reply that keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from roletune.errors import EvaluationError
from roletune.evaluation.rules import CountType, TextType, follows, parse_rules
from roletune.records import Dialogue
from roletune.synthesis.rules import plan_rules, write_ruled
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, part_good, train_dialogues, writing_settings
from roletune.workbench import Workbench

TYPES = (*get_args(CountType), *get_args(TextType), "format", "language")
_NAMES = ("rules_system", "rules_answer")


async def make_rules(bench: Workbench) -> str:
    """Ask for rules and a reply to each instruction; keep the replies that break none."""
    settings, profile = bench.project.character.rules, bench.profile
    writer = bench.ask("writer", "rules")
    prompts = (bench.prompt("rules"), bench.prompt("rules_system"), bench.prompt("rules_answer"))
    made, failed = await ask_each(
        bench,
        "rules",
        plan_rules(train_dialogues(bench), profile, settings.count),
        lambda told: write_ruled(
            told,
            writer,
            profile=profile,
            prompts=prompts,
            checker=checker,
            types=TYPES,
            settings=settings,
            again=again(bench, settings.retries),
        ),
    )
    good, bad = part_good("rules", made, profile, settings.quality)
    kept = bench.keep("rules", good, [*failed, *bad], Dialogue)
    if not made and not failed and settings.count:
        return f"0 rows: nobody asks {profile.name} anything in the train split that stands by itself"
    return f"{len(kept)} rows with rules kept of {len(made) + len(failed)} asked for"


def checker(kind: str, value: str) -> Callable[[str], bool] | None:
    """Whether a reply breaks a rule of this type and value, by the same code as the evaluation; None for others."""
    told: object = value
    if kind in get_args(CountType):
        told = int(value) if value.isdecimal() else None
    elif kind in get_args(TextType):
        told = tuple(filter(None, (part.strip(" \"'“”") for part in value.split("|"))))
    elif kind in ("format", "language"):
        told = value.casefold()
    try:
        (rule,) = parse_rules([{"id": kind, "type": kind, "value": told}] if kind in TYPES else [])
    except (EvaluationError, ValueError):  # not of a known type, or not with a value that it can have
        return None
    return lambda reply: not follows(rule, reply)


STAGE = Stage(
    "rules",
    "write replies under a role and rules, checked by code where they can be (RNR)",
    make_rules,
    reads=("profile.jsonl", "dialogues.jsonl"),
    writes=("rules.jsonl", "rules.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.rules,
        [bench.prompt(name).hash for name in _NAMES],
        writing_settings(bench, "rules"),
    ),
)
