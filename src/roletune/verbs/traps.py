"""Method `traps`: questions with a false fact in them, the answers that put it right, and preference pairs."""

from __future__ import annotations

from roletune.engine.store import write_records
from roletune.records import Dialogue
from roletune.synthesis.settings import plan_calls
from roletune.synthesis.traps import write_trap
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, part_good, writing_settings
from roletune.workbench import Workbench

PAIRS = "traps.pairs.jsonl"


async def make_traps(bench: Workbench) -> str:
    """Ask for false facts passage by passage; each gives two rows and a pair, or a rejection."""
    settings, persona = bench.project.character.traps, bench.persona
    writer, prompt, answer_prompt = bench.ask("writer", "traps"), bench.prompt("traps"), bench.prompt("traps_answer")
    made, failed = await ask_each(
        bench,
        "traps",
        plan_calls(persona.profile.passages, settings.count),
        lambda call: write_trap(
            call,
            writer,
            persona=persona,
            prompt=prompt,
            answer_prompt=answer_prompt,
            settings=settings,
            again=again(bench, settings.retries),
        ),
    )
    good, bad = part_good("traps", [row for trap in made for row in trap.rows], persona.profile, settings.quality)
    kept = bench.keep("traps", good, [*failed, *bad], Dialogue)
    rows = {row.id for row in kept}
    pairs = [trap.pair for trap in made if trap.rows[0].id in rows]  # what was rejected is no preference
    write_records(bench.project.build / PAIRS, pairs)
    return f"{len(kept)} rows and {len(pairs)} preference pairs of {settings.count} false facts asked for"


STAGE = Stage(
    "traps",
    "write questions that take a false fact for granted, and answers that put it right (ERABAL)",
    make_traps,
    reads=("profile.jsonl",),
    writes=("traps.jsonl", PAIRS, "traps.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.traps,
        bench.prompt("traps_answer").hash,
        bench.prompt("persona").hash,
        writing_settings(bench, "traps"),
    ),
)
