"""Method `augmentation`: the writer extends scenes that people wrote."""

from __future__ import annotations

from roletune.records import Dialogue
from roletune.synthesis.augmentation import choose_dialogues, join, write_extension
from roletune.verbs.stage import Stage
from roletune.verbs.writing import again, ask_each, part_good, read_dialogues_of, writing_settings
from roletune.workbench import Workbench

NAME = "augmentation"


async def make_augmentation(bench: Workbench) -> str:
    """Ask for what comes after, or before, each dialogue; the quality filters judge what was added alone."""
    settings, profile = bench.project.character.augmentation, bench.profile
    writer, prompt = bench.ask("writer", NAME), bench.prompt(NAME)
    dialogues = choose_dialogues(read_dialogues_of(bench, "dialogues"), settings)
    made, failed = await ask_each(
        bench,
        NAME,
        dialogues,
        lambda dialogue: write_extension(
            dialogue,
            writer,
            profile=profile,
            prompt=prompt,
            settings=settings,
            again=again(bench, settings.retries),
        ),
    )
    good, bad = part_good(NAME, made, profile, settings.quality)
    originals = {dialogue.id: dialogue for dialogue in dialogues}
    rows = [row for part in good for row in join(part, originals[part.extends], profile, settings)]
    bench.keep(NAME, rows, [*failed, *bad], Dialogue)
    told = f"{len(good)} dialogues extended of {len(dialogues)} asked for"
    return told if dialogues else f"{told}: the train split has no {' or '.join(settings.origins)} dialogue"


STAGE = Stage(
    NAME,
    "extend authentic dialogues: what comes after them, or before",
    make_augmentation,
    reads=("profile.jsonl", "dialogues.jsonl"),
    writes=("augmentation.jsonl", "augmentation.rejected.jsonl"),
    settings=lambda bench: (bench.project.character.augmentation, writing_settings(bench, NAME)),
)
