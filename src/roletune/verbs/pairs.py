"""Method `pairs`: replies that are preferred to others, from all that knows of some, in one file to train on."""

from __future__ import annotations

from collections import Counter

from roletune.engine.store import file_hash, read_records
from roletune.evaluation.questions import read_questions
from roletune.evaluation.style import inspect
from roletune.records import Message, PreferencePair, Provenance, Rejection, Vote, fingerprint
from roletune.rendering.markup import harmless
from roletune.synthesis.pairs import STAGE as NAME
from roletune.synthesis.pairs import choose_lines, write_pair
from roletune.verbs import arena, traps
from roletune.verbs.contestants import manner
from roletune.verbs.stage import Stage, hash_of
from roletune.verbs.writing import ask_each, read_dialogues_of
from roletune.workbench import Workbench


async def make_pairs(bench: Workbench) -> str:
    """Ask the base model for its own replies, and take in swipes, traps and votes; of the train split only."""
    origins = bench.project.character.pairs.origins
    made, rejected, asked = await _against_base(bench) if "character_vs_base" in origins else ([], [], 0)
    known = [*_stored(bench, traps.PAIRS), *_stored(bench, "preferences.jsonl")]
    voted, refused = _of_votes(bench)
    others = [pair for pair in (*known, *voted) if pair.origin in origins]
    train = [pair for pair in others if pair.split == "train"]
    held_out = [_rejected(pair, "held out") for pair in others if pair.split != "train"]
    rejected += held_out + (refused if "votes" in origins else [])
    kept = bench.keep(NAME, [*made, *train], rejected, PreferencePair)
    counts = Counter(pair.origin for pair in kept)
    told = "".join(f", {counts[origin]} {origin}" for origin in sorted(counts))
    return f"{len(kept)} pairs kept{told}; {len(rejected)} not; the base model was asked for {asked} replies"


async def _against_base(bench: Workbench) -> tuple[list[PreferencePair], list[Rejection], int]:
    """Lines of the character against the base model's; what came to nothing; and how many were asked for."""
    settings, persona, how = bench.project.character.pairs, bench.persona, manner(bench)
    base = bench.plain(NAME)

    def faults(reply: str) -> list[str]:
        return [finding.check for finding in inspect(reply, how) if finding.severity == "warning"]

    lines, refused = choose_lines(read_dialogues_of(bench, "dialogues"), persona, settings, faults)
    made, failed = await ask_each(
        bench,
        NAME,
        lines,
        lambda line: write_pair(line, base, settings=settings, persona_hash=persona.prompt.hash, inspect=faults),
        role="base",
    )
    return made, [*refused, *failed], len(lines)


def _stored(bench: Workbench, file: str) -> list[PreferencePair]:
    path = bench.project.build / file
    return read_records(path, PreferencePair) if path.is_file() else []


def _of_votes(bench: Workbench) -> tuple[list[PreferencePair], list[Rejection]]:
    """What people preferred in the arena; not on questions of the evaluation, which would then measure its own data."""
    settings = bench.project.character.evaluate
    scene = bench.scene(settings.location, settings.background, settings.partner)
    system = bench.persona.message(scene, [settings.partner])
    measured = {question.text for question in read_questions(bench.project.questions)}
    pairs = [_of_vote(vote, system) for vote in arena.votes(bench) if vote.choice != "tie"]
    pairs = list({pair.id: pair for pair in pairs}.values())
    refused = [pair for pair in pairs if pair.notes["question"] in measured]
    return (
        [pair for pair in pairs if pair.notes["question"] not in measured],
        [_rejected(pair, "a question of the evaluation") for pair in refused],
    )


def _of_vote(vote: Vote, system: Message) -> PreferencePair:
    left, right = vote.replies
    chosen, rejected = (left, right) if vote.choice == "left" else (right, left)
    return PreferencePair(
        id=fingerprint(vote.text, chosen, rejected, vote.voter),
        prompt=(system, Message(role="user", content=harmless(vote.text))),
        chosen=harmless(chosen),
        rejected=harmless(rejected),
        origin="votes",
        notes={"question": vote.text, "voter": vote.voter},
        split="train",
        provenance=Provenance(source=f"votes#{vote.question}", date=vote.created),
    )


def _rejected(pair: PreferencePair, reason: str) -> Rejection:
    return Rejection(stage=NAME, reason=reason, record=pair.model_dump(mode="json"))


STAGE = Stage(
    NAME,
    "gather replies that are preferred to others: lines against the base model's, swipes, traps, votes",
    make_pairs,
    reads=("profile.jsonl", "dialogues.jsonl", "preferences.jsonl"),
    writes=("pairs.jsonl", "pairs.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.pairs,
        bench.project.character.evaluate,  # what the style checks know, and which questions are no training data
        hash_of(bench.project.build / traps.PAIRS),
        hash_of(bench.project.journal / arena.FILE),
        file_hash(bench.project.questions),
        bench.prompt("persona").hash,
        bench.plain(NAME).identity,
    ),
)
