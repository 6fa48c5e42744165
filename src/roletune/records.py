"""The nouns: every value that roletune writes to disk.

Records are frozen pydantic models. Two records with the same content are equal; identity (`id`) is a hash of what makes
a record this record, so the same input gives the same ids on every machine. The evaluation's nouns are in this file's
second half; `report.json` is the `Report` at its end.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

Split = Literal["train", "validation", "test"]
Origin = Literal["authentic", "written", "generated"]
Purpose = Literal["lived", "protective", "boundary", "instruction"]
SceneKind = Literal["chat", "debate", "discussion", "speech"]
TurnKind = Literal["speech", "thought", "action"]
Role = Literal["system", "user", "assistant"]
Subject = Literal["fictional", "historical", "living"]


def fingerprint(*parts: Any, length: int = 16) -> str:
    """The first `length` hex digits of the SHA-256 of `parts` as canonical JSON."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


class Record(BaseModel):
    """A frozen value; unknown keys are refused, so that a file of another version is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------------------------------------------------------------
# What is known


class Passage(Record):
    """A piece of source text about the character, with where it comes from."""

    id: str
    text: str
    heading: str = ""
    source: str = Field(description="file or URL it was read from, with its place in it")
    attribution: str = Field(default="", description="what the text itself names as its source")
    licence: str = Field(default="", description="as settings or the source itself state it")
    url: str = Field(default="", description="where the source is on the web")
    revision: str = Field(default="", description="the version of the page or file, as the source names it")
    date: str = Field(default="", description="ISO 8601, of the revision")
    start: int | None = Field(default=None, description="offset of its first character in the source's text")
    end: int | None = Field(default=None, description="offset after its last character")


class Fact(Record):
    """A field of an infobox or a character card."""

    name: str
    value: str
    source: str = Field(description="file or URL it was read from")


class KnowledgeBoundary(Record):
    """What the character can know: the basis of protective scenes and of leak checks."""

    knows: tuple[str, ...] = ()
    must_not_know: tuple[str, ...] = ()
    until: str = Field(default="", description="the end of the character's knowledge, in words: 'winter 1601'")


class Profile(Record):
    """Who the character is; `name` is how it is called in scenes, `aliases` are other spellings of it."""

    schema_version: Literal[1] = 1
    name: str
    aliases: tuple[str, ...] = ()
    language: str = "en"
    subject: Subject = "fictional"
    description: str = ""
    style: str = Field(default="", description="how the character speaks, in one or two sentences")
    catchphrases: tuple[str, ...] = ()
    boundary: KnowledgeBoundary = KnowledgeBoundary()
    passages: tuple[Passage, ...] = ()
    facts: tuple[Fact, ...] = Field(default=(), description="fields of infoboxes and cards")
    licence: str = Field(default="", description="the most restrictive one of all sources")
    commercial_use: bool = Field(default=True, description="whether no source is known to forbid it")

    def is_me(self, speaker: str) -> bool:
        """Whether `speaker` is this character, under any of its names, whatever the case and dots (J.A.R.V.I.S.)."""
        plain = _plain(speaker)  # '' is nobody, who acts in stage directions
        return plain != "" and plain in {_plain(name) for name in (self.name, *self.aliases)}


def _plain(name: str) -> str:
    return " ".join(name.replace(".", "").casefold().split())


# ---------------------------------------------------------------------------------------------------------------------
# What was lived


class Provenance(Record):
    """Where a record comes from. `source` decides its split: everything with one source is in one split."""

    source: str
    url: str = Field(default="", description="where the source is on the web")
    revision: str = Field(default="", description="the version of the page or file, as the source names it")
    date: str = Field(default="", description="ISO 8601, of the revision")
    licence: str = Field(default="", description="as settings or the source itself state it")
    start: int | None = Field(default=None, description="offset of its first character in the source's text")
    end: int | None = Field(default=None, description="offset after its last character")
    passage: str | None = None
    prompt: str | None = Field(default=None, description="hash of the prompt template")
    model: str | None = None
    request: str | None = Field(default=None, description="key of the call in the ledger")


class Scene(Record):
    """Where and when something happens and who is there; no turns."""

    schema_version: Literal[1] = 1
    id: str
    kind: SceneKind = "chat"
    title: str = ""
    location: str = ""
    time: str = ""
    mood: str = ""
    background: str = ""
    present: tuple[str, ...] = ()
    provenance: Provenance


class Turn(Record):
    """One utterance; `audience` are those who perceive it, None meaning everybody present."""

    speaker: str
    text: str
    kind: TurnKind = "speech"
    audience: tuple[str, ...] | None = None


class Dialogue(Record):
    """A scene played out."""

    schema_version: Literal[1] = 1
    id: str
    scene: Scene
    turns: tuple[Turn, ...]
    origin: Origin
    purpose: Purpose = "lived"
    category: str = Field(default="", description="of a protective dialogue: identity, canon, memory, ...")
    twin: str = Field(default="", description="of a clean twin: title of the protective scene it mirrors")
    system: str = Field(default="", description="what the model is told, where that is not the persona prompt")
    me: str = Field(default="", description="with `system`: whose lines are learnt, where that is not the character")
    shown: tuple[Turn, ...] = Field(default=(), description="told before the turns, without loss; first to go if long")
    notes: dict[str, str] = Field(default={}, description="what the method that made it noted, by name")
    split: Split
    provenance: Provenance


class PreferencePair(Record):
    """A reply of the character that somebody kept, and one to the same turns that was passed over."""

    schema_version: Literal[1] = 1
    id: str
    context: tuple[Turn, ...] = Field(description="what was said before, oldest first")
    chosen: str
    rejected: str
    notes: dict[str, str] = Field(default={}, description="what the method that made it noted, by name")
    origin: Origin
    split: Split
    provenance: Provenance


class RoleCard(Record):
    """Another role, as `ditto` pairs the character with it."""

    name: str = Field(min_length=1)
    description: str = Field(
        min_length=1, description="who it is, in a few words: all that training keeps beside the name"
    )
    aliases: tuple[str, ...] = ()
    facts: tuple[str, ...] = Field(default=(), description="claims in words: 'date of birth: 1564'")
    article: str = ""
    title: str = Field(default="", description="of its article on Wikipedia")
    source: str = ""


class Speaker(Record):
    """Somebody who speaks in the sources, under one printed name."""

    name: str
    speeches: int
    words: int
    scenes: int
    character: bool = Field(description="whether it is the character, under its name or an alias")
    hint: str = Field(default="", description="why it may be the character although it is not listed as an alias")


class Speakers(Record):
    """`build/speakers.json`: who speaks in the sources, those with most speeches first."""

    schema_version: Literal[1] = 1
    speakers: tuple[Speaker, ...] = ()


class Rejection(Record):
    """A record or reply that was not kept, whole, with the stage and the reason."""

    schema_version: Literal[1] = 1
    stage: str
    reason: str
    detail: str = ""
    record: dict[str, Any]


class Edit(Record):
    """A decision of the user about one record of a stage, kept in `journal/edits.jsonl` and applied after the stage."""

    schema_version: Literal[1] = 1
    stage: str
    id: str
    action: Literal["accept", "reject", "edit"]
    record: dict[str, Any] | None = Field(default=None, description="the record as edited")


# ---------------------------------------------------------------------------------------------------------------------
# What is trained on, and what that leaves


class Message(Record):
    """One message of a conversation; `loss` marks what the model learns to say."""

    role: Role
    content: str
    loss: bool = False


class Example(Record):
    """One conversation as the character perceives it (see `rendering.viewpoint`)."""

    schema_version: Literal[1] = 1
    id: str
    messages: tuple[Message, ...]
    dialogue: str = Field(description="id of the dialogue it was compiled from")
    window: int = Field(default=0, description="number of the window, where a long dialogue gave several")
    split: Split
    origin: Origin
    purpose: Purpose
    provenance: Provenance


class LossPoint(Record):
    """One point of a learning curve."""

    step: int
    epoch: float
    tokens: int = Field(description="real tokens processed so far")
    seconds: float
    train_loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None


class Adapter(Record):
    """What a training leaves beside the weights: `runs/ID/adapter.json`."""

    schema_version: Literal[1] = 1
    run: str
    character: str
    base: str = Field(description="hub id or name of the base model, never a local path")
    base_identity: str = Field(description="hash of the base weights")
    data: str = Field(description="hash of the training and validation examples")
    recipe: dict[str, Any]
    curve: tuple[LossPoint, ...]
    best_step: int
    best_validation_loss: float
    stopped_early: bool
    tokens: int
    seconds: float
    tokens_per_second: float
    trainable_parameters: int
    device: str
    dtype: str


# ---------------------------------------------------------------------------------------------------------------------
# Evaluation

Contestant = Literal["base", "base_prompt", "adapter"]


class Question(Record):
    """One question put to every contestant; `topic` groups the replies in the report."""

    id: str
    text: str
    topic: str = ""


class Finding(Record):
    """Something a check noticed: a linter about a profile, a style check about a reply."""

    check: str
    message: str
    where: str = ""
    severity: Literal["note", "warning"] = "warning"


class LineLikelihood(Record):
    """One held-out line of the character under one contestant: summed negative log-likelihood in nats."""

    dialogue: str
    line: int
    nll: float
    tokens: int


class Likelihood(Record):
    """Likelihood of the character's real next lines under one contestant; per token, over all lines."""

    nll_per_token: float
    perplexity: float
    n_lines: int
    n_tokens: int
    system: str = Field(default="", description="what the model was told first; for `base` what its template inserts")


class Difference(Record):
    """A paired difference of nats per token with a bootstrap interval, resampled by scene."""

    difference: float
    ci_low: float
    ci_high: float
    perplexity_ratio: float
    ratio_low: float
    ratio_high: float
    n_lines: int
    n_scenes: int
    resamples: int


class PairedLine(Record):
    """One held-out line under every contestant: summed negative log-likelihoods in nats over `tokens` tokens."""

    dialogue: str
    line: int
    tokens: int
    base: float
    base_prompt: float
    adapter: float


class LikelihoodReport(Record):
    """The likelihoods side by side."""

    base: Likelihood
    base_prompt: Likelihood
    adapter: Likelihood
    adapter_vs_base_prompt: Difference
    adapter_vs_base: Difference
    lines: tuple[PairedLine, ...] = ()


class Reply(Record):
    """What the contestants answered to one question, and what the style checks found in each answer."""

    question: str
    topic: str = ""
    base: str
    base_prompt: str
    adapter: str
    findings: dict[str, tuple[Finding, ...]] = {}


class Rate(Record):
    """A share with its Wilson 95 % interval."""

    value: float
    low: float
    high: float
    count: int
    n: int


class Estimate(Record):
    """A figure with its 95 % interval, over `n` items."""

    value: float
    low: float
    high: float
    n: int


class StyleReport(Record):
    """Per contestant and check, the share of replies that pass."""

    rates: dict[str, dict[str, Rate]]


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


class ShareDifference(Record):
    """A paired difference of shares, with a bootstrap interval over the `n` questions."""

    difference: float
    ci_low: float
    ci_high: float
    n: int


class BoundaryAnswer(Record):
    """One boundary question or clean twin: replies by contestant, and verdicts where there was a reply."""

    question: str
    category: str
    text: str
    replies: dict[Contestant, str]
    verdicts: dict[Contestant, BoundaryVerdict]


class BoundaryReport(Record):
    """What the suite `boundary` found; the differences are adapter minus base_prompt, paired by question."""

    schema_version: Literal[1] = 1
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    rates: dict[Contestant, BoundaryRates]
    unanswered: dict[Contestant, int]
    leaks: ShareDifference | None = None
    refusals: ShareDifference | None = None
    answers: tuple[BoundaryAnswer, ...]


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
    """Pairwise comparisons together. `ranked` is False where the judges follow the order more than the replies."""

    judges: tuple[str, ...]
    standings: tuple[Standing, ...]
    duels: tuple[Duel, ...]
    flipped: Rate | None = Field(default=None, description="pairs on which the order decided")
    first: Rate | None = Field(default=None, description="decided presentations that the reply shown first won")
    longer: Rate | None = Field(default=None, description="pairs with a winner that the longer reply won")
    unscored: int = 0
    ranked: bool = True


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


class InterviewReport(Record):
    """What the suite `interview` found, without the interviews themselves; see `Interviews`."""

    schema_version: Literal[1] = 1
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    judges: tuple[str, ...] = Field(description="empty: the interviews are not judged yet")
    questions: int
    talks: int = Field(description="interviews of several rounds, each with every contestant")
    failed: dict[Contestant, int]
    scores: tuple[InterviewScore, ...] = ()
    differences: tuple[InterviewDifference, ...] = ()
    flaws: tuple[FlawRate, ...] = ()
    pairs: PairwiseReport | None = None
    calibration: CalibrationReport | None = None


class Interviews(Record):
    """`build/suites/interview.json`: every interview with the judges' raw answers, and the report on them."""

    schema_version: Literal[1] = 1
    report: InterviewReport
    models: dict[Contestant, str] = Field(description="what the contestants' models are called")
    prompts: dict[str, str] = Field(description="hash of each prompt that was used")
    items: tuple[InterviewItem, ...]
    pairs: tuple[PairVerdict, ...] = ()


class Vote(Record):
    """One blind choice of a person between two replies: a line of `journal/votes.jsonl`."""

    schema_version: Literal[1] = 1
    question: str
    text: str
    left: Contestant
    right: Contestant
    replies: tuple[str, str] = Field(description="as shown, left and right")
    choice: Literal["left", "right", "tie"]
    voter: str
    seed: int
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    created: str = Field(description="UTC, ISO 8601")


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


class VoiceReport(Record):
    """What the suite `voice` found."""

    schema_version: Literal[1] = 1
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    classifier: VoiceClassifier | None = Field(default=None, description="None: too few lines to tell voices apart")
    taken: dict[Contestant, Rate] = Field(description="replies that the classifier takes for the character's")
    phrases: tuple[str, ...] = ()
    phrase_use: dict[str, Rate] = Field(description="with a catchphrase: replies by contestant, `authentic` lines")
    copying: dict[Contestant, CopyReport]
    identification: IdentificationReport | None = None


class Evaluation(Record):
    """Everything the stage `evaluate` measures."""

    schema_version: Literal[1] = 1
    likelihood: LikelihoodReport
    replies: tuple[Reply, ...]
    style: StyleReport
    sampling: dict[str, Any]


class DataStatistics(Record):
    """The seed's table: scenes, words, turns per scene, words per turn; and where the data comes from."""

    train_dialogues: int
    validation_dialogues: int
    test_dialogues: int
    examples: int
    origins: dict[str, int]
    purposes: dict[str, int]
    partners: dict[str, int]
    words: int
    turns_per_dialogue: float
    words_per_turn: float
    train_tokens: int
    supervised_share: float
    rejected: dict[str, int] = Field(description="reason -> number of records that were not kept")


class TrainingReport(Record):
    """The training in figures."""

    run: str
    base_identity: str = Field(default="", description="hash of the base weights")
    data: str = Field(default="", description="hash of the training and validation examples")
    recipe: dict[str, Any]
    curve: tuple[LossPoint, ...]
    best_step: int
    best_validation_loss: float
    stopped_early: bool
    tokens: int
    tokens_per_second: float
    seconds: float
    trainable_parameters: int
    device: str
    dtype: str


class Timings(Record):
    """Seconds each stage took when it was last made."""

    stages: dict[str, float]
    total_seconds: float


class Report(Record):
    """`build/report/report.json`: a stable interface, see docs/report.md. Units: nats, seconds, bytes."""

    schema_version: Literal[1] = 1
    character: str
    created: str = Field(description="UTC, ISO 8601")
    verdict: str
    base_model: str
    data: DataStatistics
    lint: tuple[Finding, ...]
    training: TrainingReport
    evaluation: Evaluation
    boundary: BoundaryReport | None = Field(default=None, description="of this adapter, where the suite was run")
    interview: InterviewReport | None = Field(default=None, description="of this adapter, where the suite was run")
    voice: VoiceReport | None = Field(default=None, description="of this adapter, where the suite was run")
    timings: Timings
    versions: dict[str, str]
    peak_memory_bytes: int
    notices: tuple[str, ...]
