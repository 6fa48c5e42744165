"""What was measured of one contestant of a run, as scores by item: what two runs can be paired on."""

from __future__ import annotations

from roletune.evaluation.comparing import Kind, Said, Score
from roletune.evaluation.identification import identified
from roletune.evaluation.judge_free import Figures, figures_of
from roletune.evaluation.judging.shown import score_of
from roletune.evaluation.memorisation import TrainingText
from roletune.evaluation.reply_files import item_key
from roletune.evaluation.style import NO_WARNING
from roletune.records import CONTESTANTS, BoundaryReport, Contestant, Evaluation, Interviews, VoiceReport

HELD_OUT = "nats per token of held-out lines"
LIKELIHOOD = Kind("likelihood", "nats", "low")
IDENTIFIED = Kind("likelihood", "share", "high")
JUDGED = Kind("interview", "mean", "high")
BOUNDARY = Kind("boundary", "share", "low")


def replies_of(evaluation: Evaluation, contestant: Contestant, character: str) -> dict[str, Said]:
    """What one contestant said, by item."""
    return {
        item_key(character, reply.question): Said(
            character=character,
            question=reply.question,
            topic=reply.topic,
            text=reply.said(contestant),
            found=tuple(finding.check for finding in reply.findings.get(contestant, ())),
        )
        for reply in evaluation.replies
    }


def evaluation_scores(
    evaluation: Evaluation, contestant: Contestant, said: dict[str, Said], training: TrainingText | None = None
) -> Figures:
    """Likelihoods of the held-out lines, by line, and the figures of the replies."""
    checks = tuple(check for check in evaluation.style.rates[contestant] if check != NO_WARNING)
    found = figures_of(said, checks, training=training)
    if contestant in CONTESTANTS:
        lines = {
            f"{line.dialogue} {line.line}": Score(getattr(line, contestant), line.tokens, line.dialogue)
            for line in evaluation.likelihood.lines
        }
        found = {(HELD_OUT, LIKELIHOOD): lines, **found}
    return found


def boundary_scores(report: BoundaryReport, contestant: Contestant) -> Figures:
    """Leaks and needless refusals, by question; unanswered ones have no score."""
    leaks: dict[str, Score | None] = {}
    refusals: dict[str, Score | None] = {}
    for answer in report.answers:
        if contestant not in answer.replies:
            continue
        verdict = answer.verdicts.get(contestant)
        twin = verdict.outcome in ("refused", "answered") if verdict else answer.category == "clean twin"
        score = Score(float(verdict.outcome in ("leaked", "refused"))) if verdict else None
        (refusals if twin else leaks)[f"{answer.question} {answer.text}"] = score
    figures: Figures = {("leaks at the boundary", BOUNDARY): leaks, ("twins refused", BOUNDARY): refusals}
    return {key: scores for key, scores in figures.items() if scores}


def voice_scores(report: VoiceReport, contestant: Contestant) -> Figures:
    """Real lines told from others' by likelihood, by line."""
    items = report.identification.items if report.identification else ()
    scores: dict[str, Score | None] = {
        f"{item.example} {item.line}": Score(
            float(identified([s / t for s, t in zip(item.scores[contestant], item.tokens, strict=True)])),
            group=item.example,
        )
        for item in items
        if contestant in item.scores
    }
    return {("real line preferred", IDENTIFIED): scores} if scores else {}


def interview_scores(interviews: Interviews, contestant: Contestant) -> Figures:
    """Judges' scores from 1 to 7, by dimension and question; what no judge scored is None."""
    if not interviews.report.judges:
        return {}
    found: dict[tuple[str, Kind], dict[str, Score | None]] = {}
    for item in interviews.items:
        for dimension in dict.fromkeys(score.dimension for score in item.scores):
            value = score_of(item, dimension)
            if item.contestant == contestant:
                key = (f"{dimension}, {item.form}", JUDGED)
                found.setdefault(key, {})[item.question] = Score(value) if value is not None else None
    return dict(found)
