"""Stage `dataset`: deduplicate, compile from the character's viewpoint, render, check the mask, one file a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from rich.text import Text

from roletune.dataset.build import SPLITS, Built, build_examples, check_rendered, supervised_share
from roletune.dataset.mixture import mix
from roletune.dataset.preview import mask_preview
from roletune.dataset.select import draw_share, select_dialogues
from roletune.dataset.statistics import describe
from roletune.engine.store import file_hash, read_records, write_json, write_records
from roletune.models.dequantise import trainable_folder
from roletune.models.load import load_tokenizer
from roletune.records import DataStatistics, Dialogue, Example, MethodYield, Rejection, Split
from roletune.rendering.template import Rendered, Renderer
from roletune.synthesis.methods import dialogue_methods
from roletune.verbs.rating import without_rejected
from roletune.verbs.stage import Stage
from roletune.verbs.writing import read_dialogues_of
from roletune.workbench import Workbench

DIALOGUE_STAGES = ("dialogues", "experiences", "protective")


async def make_dataset(bench: Workbench) -> str:
    """Raises DatasetError if no token, or every token, would carry loss."""
    project, settings = bench.project, bench.project.character.dataset
    sources = (*DIALOGUE_STAGES, *dialogue_methods(project.character.methods))
    every = [dialogue for stage in sources for dialogue in read_dialogues_of(bench, stage)]
    rated, refused = without_rejected(bench, every)
    chosen, repeated = select_dialogues(rated, settings)
    mixed, beyond = mix(chosen, settings.mixture)
    selected, not_drawn = draw_share(mixed, settings)
    renderer = open_renderer(bench)
    built = build_examples(
        selected,
        bench.persona,
        renderer,
        max_tokens=project.recipe.max_tokens,
        thoughts=settings.thoughts,
        everybody=settings.loss == "all",
    )
    kept = {split: _keep(bench, split, built) for split in SPLITS}
    rejected = [*refused, *repeated, *beyond, *not_drawn, *built.rejections]
    write_records(project.rejected("dataset"), rejected)
    check_rendered(built)
    train = [renderer.render(example.messages) for example in kept["train"]]
    share = supervised_share(train)
    statistics = _statistics(bench, selected, kept, train, rejected)
    write_json(project.build / "dataset" / "statistics.json", statistics)
    bench.show(coloured_mask(train[0], renderer))
    counts = f"{statistics.train_dialogues} / {statistics.validation_dialogues} / {statistics.test_dialogues}"
    return f"{counts} dialogues (train / validation / test), {statistics.train_tokens:,} tokens, {share:.0%} with loss"


def _statistics(
    bench: Workbench,
    selected: Sequence[Dialogue],
    kept: Mapping[Split, Sequence[Example]],
    train: Sequence[Rendered],
    rejected: Sequence[Rejection],
) -> DataStatistics:
    """The figures of the dataset, and what the stages and methods before it kept and did not."""
    project = bench.project
    stages = ("scenes", *DIALOGUE_STAGES, *project.character.methods)
    earlier = {stage: read_records(project.rejected(stage), Rejection) for stage in stages}
    lived = {example.dialogue for examples in kept.values() for example in examples}
    return describe(
        [dialogue for dialogue in selected if dialogue.id in lived],
        sum(map(len, kept.values())),
        [(example.origin, rendered) for example, rendered in zip(kept["train"], train, strict=True)],
        [*chain.from_iterable(earlier.values()), *rejected],
        bench.profile,
        {
            stage: MethodYield(kept=_lines(project.records(stage)), rejected=len(earlier[stage]))
            for stage in stages
            if stage != "dialogues"  # what is read was not asked for
        },
    )


def _lines(path: Path) -> int:
    return sum(bool(line.strip()) for line in path.read_bytes().splitlines())


def _of_methods(bench: Workbench) -> list[tuple[str, str]]:
    """What the methods of the settings made, by its hash: they are no files of every character."""
    methods = bench.project.character.methods
    return [(method, file_hash(bench.project.records(method))) for method in methods]


def open_renderer(bench: Workbench) -> Renderer:
    """The renderer of the base model."""
    return Renderer(load_tokenizer(trainable_folder(bench.base, bench.progress)))


def coloured_mask(rendered: Rendered, renderer: Renderer) -> Text:
    """One example as the model sees it, what it learns in green."""
    text = Text()
    for piece in mask_preview(rendered, renderer):
        text.append(piece.text, "bold green" if piece.learnt else "dim")
    return text


def _keep(bench: Workbench, split: Split, built: Built) -> list[Example]:
    """Write the examples of a split, with the user's edits."""
    examples = [example for example in built.examples if example.split == split]
    return bench.keep(f"dataset/{split}", examples, (), Example)


STAGE = Stage(
    "dataset",
    "make the training examples: deduplicate, split, render, check the loss mask",
    make_dataset,
    reads=("profile.jsonl", *(f"{stage}.jsonl" for stage in DIALOGUE_STAGES)),
    writes=(*(f"dataset/{split}.jsonl" for split in SPLITS), "dataset/statistics.json", "dataset.rejected.jsonl"),
    settings=lambda bench: (
        bench.project.character.dataset,
        _of_methods(bench),
        bench.project.recipe.max_tokens,
        bench.base.identity(),
        bench.prompt("persona").hash,
    ),
)
