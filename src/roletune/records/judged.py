"""What judges say: interviews, pairs, calibration, ratings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Contestant, RatingTier, Record
from roletune.records.lived import Provenance
from roletune.records.measured import Estimate, Rate, SuiteReport

Dimension = Literal["memorisation", "values", "personality", "hallucination", "stability"]
InterviewForm = Literal["single", "multi"]
Trust = Literal["calibrated", "uncalibrated", "refused"]


class InterviewTurn(Record):
    """A question and its answer."""

    question: str
    reply: str


class JudgeScore(Record):
    """One judge's score of one dimension, 1 to 7; None is unscored, with the reason. `raw` holds every answer."""

    judge: str
    dimension: Dimension
    score: int | None
    reason: str = ""
    steps: tuple[str, ...] = Field(default=(), description="what the judge said before the score")
    raw: tuple[str, ...] = ()
    evidence: tuple[str, ...] = Field(default=(), description="ids of the passages that the judge was given")


class Flaw(Record):
    """What a judge holds against a reply; it counts if `found`: its quotation stands in the reply."""

    judge: str
    kind: str
    quote: str
    why: str
    found: bool
    reason: str = Field(default="", description="why it does not count")


class InterviewItem(Record):
    """One interview of one contestant. `id` does not tell who it is, so that people can score it blindly."""

    id: str
    form: InterviewForm
    question: str = Field(description="id of the question it began with")
    topic: str
    contestant: Contestant
    turns: tuple[InterviewTurn, ...]
    failed: str = Field(default="", description="the error, where the interview could not be held or finished")
    scores: tuple[JudgeScore, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    unread: tuple[str, ...] = Field(default=(), description="answers about flaws that could not be read, raw")


class PairVerdict(Record):
    """Two replies compared by one judge in both orders; different verdicts are a tie and `flipped`.

    `ab` is what it said with `a` first, `ba` with `b` first; None where its answer could not be read: the pair is then
    unscored.
    """

    question: str
    judge: str
    a: str
    b: str
    ab: Literal["first", "second", "tie"] | None
    ba: Literal["first", "second", "tie"] | None
    winner: Literal["a", "b", "tie"] | None
    flipped: bool = False
    longer: Literal["a", "b", ""] = Field(default="", description="whose reply has more words")
    raw: tuple[str, ...] = ()


class InterviewScore(Record):
    """The mean of one dimension for one contestant, with a bootstrap interval over the questions."""

    form: InterviewForm
    dimension: Dimension
    contestant: Contestant
    mean: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int


class InterviewDifference(Record):
    """Adapter minus base_prompt in one dimension, paired by question, with bootstrap intervals.

    `clear`: the interval that is corrected for all the comparisons of the table leaves out zero. `trust`: whether human
    scores say that the judge may be believed here.
    """

    form: InterviewForm
    dimension: Dimension
    difference: float
    ci_low: float
    ci_high: float
    n: int
    clear: bool
    trust: Trust


class Standing(Record):
    """One contestant among the others: Bradley-Terry strength in natural log units, their mean being 0."""

    name: str
    strength: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int


class Duel(Record):
    """One pair of contestants: how often `a` won of the comparisons that somebody won, and the ties."""

    a: str
    b: str
    win_rate: Rate | None
    wins_a: int
    wins_b: int
    ties: int


class PairwiseReport(Record):
    """Pairwise comparisons together. `ranked` is False where the judges follow the order more than the replies; `trust`
    is what human scores say of them in all dimensions together, and nobody is ranked where it is refused.
    """

    judges: tuple[str, ...]
    standings: tuple[Standing, ...]
    duels: tuple[Duel, ...]
    flipped: Rate | None = Field(default=None, description="pairs on which the order decided")
    first: Rate | None = Field(default=None, description="decided presentations that the reply shown first won")
    longer: Rate | None = Field(default=None, description="pairs with a winner that the longer reply won")
    unscored: int = 0
    ranked: bool = True
    trust: Trust = "uncalibrated"


class Agreement(Record):
    """One judge against human scores in one dimension ("all": every dimension together).

    `constant_error` is what always giving the humans' median would err; `gain` what the judge errs less than that after
    its bias is taken off, with a bootstrap interval. `usable` only if the whole interval is above zero.
    """

    judge: str
    dimension: str
    n: int
    unscored: int
    pearson: float | None
    spearman: float | None
    kappa: float | None
    bias: float
    bias_low: float
    bias_high: float
    error: float
    constant_error: float
    gain: float
    gain_low: float
    gain_high: float
    usable: bool
    why: str


class JudgeBias(Record):
    """A bias of a judge, with its 95 % interval; `found` if the interval leaves out `neutral`."""

    judge: str
    kind: Literal["position", "length", "self_preference"]
    value: float
    low: float
    high: float
    neutral: float
    n: int
    found: bool


class CalibrationReport(Record):
    """Judges against human scores; `unmatched` human scores belong to no judged item."""

    schema_version: Literal[1] = 1
    agreement: tuple[Agreement, ...]
    biases: tuple[JudgeBias, ...]
    unmatched: int = 0


class FlawRate(Record):
    """Replies of one contestant in which a quoted flaw was found, and the flaws whose quotation was not there."""

    contestant: Contestant
    flawed: Rate | None
    unfounded: int
    unread: int


class ShownScore(Record):
    """A judge's score with what it said before it; `score` None: unscored, for this `reason`."""

    judge: str
    dimension: Dimension
    score: int | None
    steps: tuple[str, ...] = ()
    reason: str = ""


class ShownPassage(Record):
    """A passage that the judges were given, as far as it is shown."""

    heading: str
    text: str


class ShownInterview(Record):
    """An interview for readers, chosen by the mean of its scores, with all that the judges had and said."""

    place: Literal["best", "worst"]
    contestant: Contestant
    form: InterviewForm
    topic: str
    mean: float = Field(description="of the dimensions, each being the mean of its judges")
    turns: tuple[InterviewTurn, ...]
    scores: tuple[ShownScore, ...]
    flaws: tuple[Flaw, ...] = ()
    passages: tuple[ShownPassage, ...] = ()


class InterviewReport(SuiteReport):
    """What the suite `interview` found, with the best and the worst interview; for all of them see `Interviews`."""

    judges: tuple[str, ...] = Field(description="empty: the interviews are not judged yet")
    questions: int
    talks: int = Field(description="interviews of several rounds, each with every contestant")
    failed: dict[Contestant, int]
    unread: dict[str, Rate] = Field(default={}, description="by judge, the share of its scores that can't be read")
    scores: tuple[InterviewScore, ...] = ()
    differences: tuple[InterviewDifference, ...] = ()
    overall: Estimate | None = Field(
        default=None, description="adapter minus base_prompt of a question's mean over its dimensions, single, paired"
    )
    flaws: tuple[FlawRate, ...] = ()
    pairs: PairwiseReport | None = None
    calibration: CalibrationReport | None = None
    shown: tuple[ShownInterview, ...] = ()


class Interviews(Record):
    """`build/suites/interview.json`: every interview with the judges' raw answers, and the report on them."""

    schema_version: Literal[1] = 1
    report: InterviewReport
    models: dict[Contestant, str] = Field(description="what the contestants' models are called")
    prompts: dict[str, str] = Field(description="hash of each prompt that was used")
    items: tuple[InterviewItem, ...]
    pairs: tuple[PairVerdict, ...] = ()


class DialogueRating(Record):
    """A judge's rating of a generated dialogue, 1 to 5; None is unrated, and `reason` says why."""

    schema_version: Literal[1] = 1
    id: str
    dialogue: str = Field(description="id of the dialogue")
    stage: str = Field(description="the stage or method that made it")
    score: int | None
    tier: RatingTier
    reason: str = ""
    raw: tuple[str, ...] = Field(default=(), description="every answer of the judge")
    provenance: Provenance = Field(description="of the rating")
