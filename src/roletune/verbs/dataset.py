"""Stage `dataset`: deduplicate, compile from the character's viewpoint, render, check the mask, one file a split."""

from __future__ import annotations

from rich.text import Text

from roletune.dataset.build import SPLITS, Built, build_examples, supervised_share
from roletune.dataset.preview import mask_preview
from roletune.dataset.select import select_dialogues
from roletune.dataset.statistics import describe
from roletune.engine.store import file_hash, read_records, write_json, write_records
from roletune.models.dequantise import trainable_folder
from roletune.models.load import load_tokenizer
from roletune.records import Example, Rejection, Split
from roletune.rendering.template import Rendered, Renderer
from roletune.verbs.stage import Stage
from roletune.verbs.writing import read_dialogues_of
from roletune.workbench import Workbench

DIALOGUE_STAGES = ("dialogues", "experiences", "protective")


async def make_dataset(bench: Workbench) -> str:
    """Raises DatasetError if no token, or every token, would carry loss."""
    project, settings = bench.project, bench.project.character.dataset
    sources = (*DIALOGUE_STAGES, *project.character.dialogue_methods)
    every = [dialogue for stage in sources for dialogue in read_dialogues_of(bench, stage)]
    selected, repeated = select_dialogues(every, settings)
    renderer = open_renderer(bench)
    built = build_examples(
        selected, bench.persona, renderer, max_tokens=project.recipe.max_tokens, thoughts=settings.thoughts
    )
    kept = {split: _keep(bench, split, built) for split in SPLITS}
    train = [renderer.render(example.messages) for example in kept["train"]]
    share = supervised_share(train)
    rejected = [*repeated, *built.rejections]
    write_records(project.rejected("dataset"), rejected)
    stages = ("scenes", *DIALOGUE_STAGES, *project.character.methods)
    earlier = [row for stage in stages for row in read_records(project.rejected(stage), Rejection)]
    lived = {example.dialogue for examples in kept.values() for example in examples}
    used = [dialogue for dialogue in selected if dialogue.id in lived]
    statistics = describe(used, sum(map(len, kept.values())), train, [*earlier, *rejected], bench.profile)
    write_json(project.build / "dataset" / "statistics.json", statistics)
    bench.show(coloured_mask(train[0], renderer))
    counts = f"{statistics.train_dialogues} / {statistics.validation_dialogues} / {statistics.test_dialogues}"
    return f"{counts} dialogues (train / validation / test), {statistics.train_tokens:,} tokens, {share:.0%} with loss"


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
