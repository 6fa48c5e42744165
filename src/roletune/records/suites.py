"""What the suites without a judge find: at the boundary, and in the voice."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Contestant, Record
from roletune.records.measured import Estimate, Rate, ShareDifference, SuiteReport

BoundaryOutcome = Literal["leaked", "held", "unclear", "refused", "answered"]


class BoundaryVerdict(Record):
    """What became of one question; `matched` is the passage that decided, word for word (empty: nothing did)."""

    question: str
    outcome: BoundaryOutcome
    matched: str = ""


class BoundaryRates(Record):
    """Shares with Wilson intervals; None where nothing of the kind was asked.

    `leaked`, `held` and `unclear` are of the boundary questions, `refused` (over-refusal) of the twins.
    """

    leaked: Rate | None = None
    held: Rate | None = None
    unclear: Rate | None = None
    refused: Rate | None = None


class BoundaryAnswer(Record):
    """One boundary question or clean twin: replies by contestant, and verdicts where there was a reply."""

    question: str
    category: str
    text: str
    replies: dict[Contestant, str]
    verdicts: dict[Contestant, BoundaryVerdict]


class BoundaryReport(SuiteReport):
    """What the suite `boundary` found; the differences are adapter minus base_prompt, paired by question."""

    rates: dict[Contestant, BoundaryRates]
    unanswered: dict[Contestant, int]
    leaks: ShareDifference | None = None
    refusals: ShareDifference | None = None
    left_out: int = Field(default=0, description="questions and twins not asked: they chose the adapter's state")
    answers: tuple[BoundaryAnswer, ...]


class RuleRates(Record):
    """Shares with Wilson intervals; `all_rules` is of the replies that follow every rule they were given."""

    per_rule: dict[str, Rate]
    all_rules: Rate
    unanswered: int


class RuledAnswer(Record):
    """One question under a set of rules; `broken` are the ids of those that a reply breaks, null: none came."""

    question: str
    rules: tuple[str, ...]
    replies: dict[Contestant, str]
    broken: dict[Contestant, tuple[str, ...] | None]


class ObedienceReport(SuiteReport):
    """What the suite `obedience` found; the difference is of all rules, adapter minus base_prompt, paired."""

    told: dict[str, str] = Field(description="the rules in words, by id")
    rates: dict[Contestant, RuleRates] = Field(description="under the rules; who answered nothing is left out")
    untold: dict[Contestant, RuleRates] = Field(description="the same rules on replies to which nobody told them")
    difference: ShareDifference | None
    answers: tuple[RuledAnswer, ...]


class CopyReport(Record):
    """What one contestant's replies have in common with training rows and with one another; None: too short to tell."""

    copied: Estimate | None = Field(description="share of a reply's runs of eight words that training rows hold")
    longest: Estimate = Field(description="words of a reply's longest run that a training row holds")
    passage: str = Field(description="the longest such run of all")
    passage_words: int
    distinct: Estimate | None = Field(description="distinct pairs of words over all replies together")
    repeated: Estimate | None = Field(description="share of a reply's runs of four words that another reply holds too")


class VoiceClassifier(Record):
    """How well the character's lines can be told from others', by scenes that the classifier had not seen."""

    auc: Estimate = Field(description="0.5 is chance; bootstrap over scenes, `n` of them")
    own: Rate = Field(description="the character's own lines that were taken for the character's: the ceiling")
    others: Rate = Field(description="other speakers' lines that were taken for the character's: the floor")


class IdentificationItem(Record):
    """One real line among others'; log-likelihoods in nats by contestant, the real line's first."""

    example: str = Field(description="id of the held-out example")
    line: int
    tokens: tuple[int, ...]
    scores: dict[Contestant, tuple[float, ...]]


class IdentificationReport(Record):
    """How often the real next line is preferred to other speakers' lines; ties count as wrong."""

    chance: float = Field(description="of guessing")
    per_token: dict[Contestant, Rate] = Field(description="by the mean log-likelihood of a token")
    per_line: dict[Contestant, Rate] = Field(description="by the summed log-likelihood, which favours short lines")
    gain: ShareDifference = Field(description="adapter minus base_prompt, per token, paired by line")
    items: tuple[IdentificationItem, ...] = ()


class HeardReply(Record):
    """One reply as the classifiers hear it: log-odds that it is the character's; above 0 it is taken for it."""

    question: str
    contestant: Contestant
    reply: str
    score: float
    by_embedding: float | None = None


class VoiceReport(SuiteReport):
    """What the suite `voice` found."""

    classifier: VoiceClassifier | None = Field(default=None, description="None: too few lines to tell voices apart")
    taken: dict[Contestant, Rate] = Field(description="replies that the classifier takes for the character's")
    embedding: VoiceClassifier | None = Field(default=None, description="the same on embeddings, where there are any")
    taken_by_embedding: dict[Contestant, Rate] = Field(default={}, description="as `taken`, by that classifier")
    gain: ShareDifference | None = Field(
        default=None, description="taken, adapter minus base_prompt, paired by question"
    )
    unheard: dict[Contestant, int] = Field(default={}, description="replies that never came or have no word in them")
    heard: tuple[HeardReply, ...] = Field(default=(), description="every reply that was classified")
    phrases: tuple[str, ...] = ()
    phrase_use: dict[str, Rate] = Field(description="with a catchphrase: replies by contestant, `authentic` lines")
    phrase_excess: dict[Contestant, Estimate] = Field(
        default={}, description="that share minus the authentic one (Newcombe's interval); `n` replies"
    )
    copying: dict[Contestant, CopyReport]
    identification: IdentificationReport | None = None
