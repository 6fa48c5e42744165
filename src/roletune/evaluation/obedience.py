"""Whether a character keeps rules that it is told, beside playing its part (after RNR, arXiv 2409.13733).

A set of rules is told above each question, below whatever the contestant is told already. Code checks every reply
(`evaluation.rules`): a rule at a time, and all rules of the set together, which is the figure of the paper. The same
rules on replies to the same questions, to which nobody told them, say how often they are kept by chance: a character of
few words keeps "no more than twenty words" in any case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from roletune.errors import EvaluationError, ProjectError
from roletune.evaluation.bootstrap import bootstrap_share
from roletune.evaluation.questions import read_yaml
from roletune.evaluation.rule_conflicts import find_conflicts
from roletune.evaluation.rules import Rule, Ruled, follows, parse_rules, rate_rules
from roletune.records import Contestant, ObedienceReport, Question, Record, RuledAnswer, RuleRates, ShareDifference

PACKAGED = files("roletune.evaluation") / "rule_sets"
SHAPE = "It needs `rules:`, a list of `{id, type, value, told}`, and `sets:`, lists of their ids."


class RuleSets(NamedTuple):
    """Rules, what is told of each by id, and the sets that are put above questions."""

    told: Mapping[str, str]
    sets: tuple[tuple[Rule, ...], ...]


class Demand(NamedTuple):
    """A question and the rules for the reply."""

    question: Question
    rules: tuple[Rule, ...]


class _Written(Record):
    rules: tuple[dict[str, Any], ...]
    sets: tuple[tuple[str, ...], ...]


def read_rule_sets(language: str, own: Path | None = None) -> RuleSets:
    """The character's own, else the packaged ones. Raises ProjectError for mistakes, or a language without any."""
    path = own or Path(str(PACKAGED / f"{language.split('-')[0]}.yaml"))
    if own is None and (not re.fullmatch(r"[A-Za-z-]+", language) or not path.is_file()):
        raise ProjectError(f"There are no rules in {language!r}. Write some and name the file in probes.rules. {SHAPE}")
    try:
        written = _Written.model_validate(read_yaml(path, SHAPE))
        told = {str(rule.get("id")): str(rule.get("told") or "") for rule in written.rules}
        rules = parse_rules([{key: rule[key] for key in rule if key != "told"} for rule in written.rules])
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ProjectError(f"{path.name} needs correcting. {SHAPE}", mistakes) from error
    except EvaluationError as error:
        raise ProjectError(f"{path.name} needs correcting. {error}") from error
    known = {rule.id: rule for rule in rules}
    unknown = sorted({name for names in written.sets for name in names} - known.keys())
    untold = sorted(name for name, words in told.items() if not words)
    if unknown or untold or len(known) < len(rules) or not written.sets or not all(written.sets):
        what = [f"no rule {name!r}" for name in unknown] + [f"{name}: `told` is missing" for name in untold]
        raise ProjectError(f"{path.name} needs correcting. Ids differ, and no set is empty. {SHAPE}", what)
    found = RuleSets(told, tuple(tuple(known[name] for name in names) for names in written.sets))
    if clashes := sorted({conflict for one in found.sets for conflict in find_conflicts(one)}):
        what = [f"no reply keeps both {one.first!r} and {one.second!r}" for one in clashes]
        raise ProjectError(f"{path.name} needs correcting. Take one of each pair out of its set.", what)
    return found


def demands(questions: Sequence[Question], sets: RuleSets) -> list[Demand]:
    """Every set above one question, the questions in turn."""
    asked = [questions[k % len(questions)] for k in range(len(sets.sets))]
    return [
        Demand(Question(id=f"{k}", text=question.text, topic=question.topic), rules)
        for k, (question, rules) in enumerate(zip(asked, sets.sets, strict=True))
    ]


def obedience_report(
    asked: Sequence[Demand],
    replies: Mapping[Contestant, Sequence[str | None]],
    untold: Mapping[Contestant, Sequence[str | None]],
    told: Mapping[str, str],
    *,
    adapter: str,
    resamples: int = 10_000,
) -> ObedienceReport:
    """Replies are in the order of `asked`, None where none came: counted, and in no rate."""
    return ObedienceReport(
        adapter=adapter,
        told=dict(told),
        rates=_rates(asked, replies),
        untold=_rates(asked, untold),
        difference=_difference(asked, replies, resamples),
        answers=tuple(
            RuledAnswer(
                question=one.question.text,
                rules=tuple(rule.id for rule in one.rules),
                replies={name: given[k] or "" for name, given in replies.items()},
                broken={name: _broken(one, given[k]) for name, given in replies.items()},
            )
            for k, one in enumerate(asked)
        ),
    )


def _broken(asked: Demand, reply: str | None) -> tuple[str, ...] | None:
    return None if reply is None else tuple(rule.id for rule in asked.rules if not follows(rule, reply))


def _rates(asked: Sequence[Demand], replies: Mapping[Contestant, Sequence[str | None]]) -> dict[Contestant, RuleRates]:
    """Of those who answered anything."""
    return {
        name: rate_rules([Ruled(reply, one.rules) for reply, one in zip(given, asked, strict=True)])
        for name, given in replies.items()
        if any(reply is not None for reply in given)
    }


def _difference(
    asked: Sequence[Demand], replies: Mapping[Contestant, Sequence[str | None]], resamples: int
) -> ShareDifference | None:
    """Over what both answered."""
    kept = {
        name: [_broken(one, reply) for one, reply in zip(asked, replies[name], strict=True)]
        for name in ("adapter", "base_prompt")
        if name in replies
    }
    pairs = [
        (not own, not other)
        for own, other in zip(kept.get("adapter", ()), kept.get("base_prompt", ()), strict=False)
        if own is not None and other is not None
    ]
    return bootstrap_share(pairs, resamples=resamples) if pairs else None
