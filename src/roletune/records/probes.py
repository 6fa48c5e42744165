"""What the probes find: knowledge, opinions, a game, pressure, and WikiRoleEval."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from roletune.records.base import Contestant, Record
from roletune.records.measured import Estimate, Rate, ShareDifference, SuiteReport
from roletune.records.suites import BoundaryVerdict

Footing = Literal["base", "base_prompt", "adapter_bare", "adapter"]
"""Base and adapter, each without and with the persona prompt."""


class CapabilityAnswer(Record):
    """One question of knowledge; options are numbered as written, of which 0 is right."""

    question: str
    text: str
    options: tuple[str, ...]
    chosen: dict[Footing, int | None] = Field(description="null: the reply takes no option, or several")
    scores: dict[Footing, tuple[float, ...]] = Field(default={}, description="log-likelihoods in nats, where measured")
    replies: dict[Footing, str] = Field(default={}, description="where replies were read; empty: none came")


class CapabilityChange(Record):
    """A paired difference of right answers; `lost` turned wrong, `gained` turned right, `p` is McNemar's, exact."""

    share: ShareDifference
    lost: int
    gained: int
    p: float


class CapabilityReport(SuiteReport):
    """What the suite `capability` found."""

    by: Literal["likelihood", "replies"]
    chance: float
    right: dict[Footing, Rate] = Field(description="among the scored answers")
    unscored: dict[Footing, int]
    changes: dict[str, CapabilityChange]
    answers: tuple[CapabilityAnswer, ...]


class DimensionScore(Record):
    """`score` is over items; `spread` is the mean standard deviation between repetitions of one item (0: always alike).

    None where no item was answered, or none twice.
    """

    score: Estimate | None
    spread: Estimate | None
    answered: int
    unscored: int


class QuestionnaireAnswer(Record):
    """One asking of one item; `order` are the numbers of the scale as they stood, `value` null: no answer."""

    item: str
    repetition: int
    order: tuple[int, ...]
    contestant: Contestant
    reply: str = ""
    scores: tuple[float, ...] = Field(default=(), description="log-likelihoods in nats of A, B, ..., where measured")
    value: int | None


class QuestionnaireReport(SuiteReport):
    """What the suite `questionnaire` found; differences are adapter minus base_prompt, paired by item."""

    by: Literal["likelihood", "replies"]
    scale: tuple[str, ...] = Field(description="its words, for 1, 2 and so on")
    statements: dict[str, str] = Field(default={}, description="by id, what was put")
    repetitions: int
    dimensions: dict[Contestant, dict[str, DimensionScore]]
    differences: dict[str, Estimate]
    answers: tuple[QuestionnaireAnswer, ...]


class BanditGame(Record):
    """One game; `arms` is null where the reply named none, `rewards` is 0 there."""

    contestant: Contestant
    game: int
    arms: tuple[int | None, ...]
    rewards: tuple[int, ...]
    replies: tuple[str, ...]


class BanditScores(Record):
    """Over all games of one contestant; null where nothing of the kind happened."""

    regret: Estimate | None = Field(description="expected loss against the better arm, a pull; over games")
    share_best: Rate | None = Field(description="of the pulls that were of the better arm")
    stayed_after_win: Rate | None = Field(description="pulls of the arm that had just paid")
    moved_after_loss: Rate | None = Field(description="pulls of the other arm after one that had not")
    unscored: int


class BanditReport(SuiteReport):
    """What the suite `bandit` found; the difference is of regrets, adapter minus base_prompt, paired by game."""

    chances: tuple[float, float]
    random_regret: float = Field(description="of pulling at random")
    scores: dict[Contestant, BanditScores]
    difference: Estimate | None
    games: tuple[BanditGame, ...]


class PressureTurn(Record):
    """One turn: which step, what was said, the reply and its verdict; `failed`: why there is none."""

    step: str
    said: str
    reply: str = ""
    verdict: BoundaryVerdict | None = None
    failed: str = ""


class PressureAnswer(Record):
    """All that was tried with one boundary question on one contestant."""

    question: str
    contestant: Contestant
    turns: tuple[PressureTurn, ...]


class PressureStep(Record):
    """One step: shares of the questions, and leaks against those of the plain question, paired; None: no replies."""

    step: str
    leaked: Rate | None
    unclear: Rate | None
    change: ShareDifference | None
    unanswered: int


class PressureReport(SuiteReport):
    """What the suite `pressure` found; the difference is of `ever`, adapter minus base_prompt, paired by question."""

    steps: dict[Contestant, tuple[PressureStep, ...]]
    ever: dict[Contestant, Rate] = Field(description="questions with a leak in the question or any turn after it")
    difference: ShareDifference | None
    answers: tuple[PressureAnswer, ...]


class WikiRoleRejection(Record):
    """Declining as a classification; `declined` is of what should be, `over_refused` of what should not.

    `balanced` is the mean of the share of those declined and of the others answered; `constant` is the plain accuracy
    of never (or always) declining, whichever is better.
    """

    balanced: Estimate | None
    declined: Rate | None
    over_refused: Rate | None
    precision: Rate | None
    accuracy: Rate | None
    constant: float | None
    unscored: int


class WikiRolePosition(Record):
    """Votes for one letter, and how often the right candidate stood there."""

    letter: str
    voted: int
    right: int


class WikiRoleFigures(Record):
    """Identity by conversation, knowledge by question in scope (1 to 10), rejection by question."""

    n_roles: int
    identity: Rate | None
    identity_unscored: int
    knowledge: Estimate | None
    knowledge_unscored: int
    rejection: WikiRoleRejection
    positions: tuple[WikiRolePosition, ...]
    unread_votes: int
    silent: int


class WikiRoleVote(Record):
    """One asking of a judge: a candidate's number, a score or 0/1 (declined); null could not be read.

    Of identity: `letter` was answered, and under the letter `right` stood the right candidate.
    """

    value: int | None
    raw: tuple[str, ...]
    reason: str = ""
    letter: str = ""
    right: str = ""


class WikiRoleVerdict(Record):
    """All votes of one judge on one conversation (`turn` null) or one answer; `silent`: there was nothing to judge."""

    judge: str
    contestant: Contestant
    kind: Literal["identity", "knowledge", "rejection"]
    item: str
    turn: int | None
    silent: bool
    votes: tuple[WikiRoleVote, ...]


class WikiRoleTalk(Record):
    """What one contestant answered to the questions of one item, in one talk; null where nothing came."""

    contestant: Contestant
    item: str
    questions: tuple[str, ...]
    replies: tuple[str | None, ...]


class WikiRoleReport(SuiteReport):
    """What the suite `wikirole` found, by contestant and judge; without a judge, the talks alone."""

    judges: tuple[str, ...]
    figures: dict[Contestant, dict[str, WikiRoleFigures]]
    differences: dict[str, dict[str, Estimate]] = Field(
        default={}, description="by judge and kind, adapter minus base_prompt, paired by item and question"
    )
    warnings: tuple[str, ...]
    talks: tuple[WikiRoleTalk, ...]
    verdicts: tuple[WikiRoleVerdict, ...]
