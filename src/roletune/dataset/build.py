"""Stage `dataset`: dialogues -> examples as the character lived them, in windows that fit, one file a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from roletune.errors import DatasetError, RenderError
from roletune.records import Dialogue, Example, Rejection, Split
from roletune.rendering.persona import Persona
from roletune.rendering.template import Rendered, Renderer
from roletune.rendering.viewpoint import compile_example
from roletune.rendering.windows import split_windows

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Built(NamedTuple):
    """Examples in the order of their dialogues, and the dialogues that could not be rendered."""

    examples: list[Example]
    rejections: list[Rejection]


def build_examples(
    dialogues: Iterable[Dialogue],
    persona: Persona,
    renderer: Renderer,
    *,
    max_tokens: int,
    thoughts: bool = False,
    everybody: bool = False,
) -> Built:
    """Compile, cut and check. Every dialogue gives examples or a rejection with its reason.

    With `everybody` what the others say carries loss in the train split; what is held out measures the character.
    """
    built = Built([], [])
    for dialogue in dialogues:
        try:
            how = {"thoughts": thoughts, "everybody": everybody and dialogue.split == "train"}
            example = _compiled(dialogue, persona, renderer, max_tokens, **how)
            windows = split_windows(example, renderer, max_tokens)
            for window in windows:
                renderer.render(window.messages)  # checks what a renderer guarantees
            built.examples.extend(windows)
        except RenderError as error:
            record = dialogue.model_dump(mode="json")
            built.rejections.append(Rejection(stage="dataset", reason="not rendered", detail=str(error), record=record))
    return built


def _compiled(
    dialogue: Dialogue, persona: Persona, renderer: Renderer, max_tokens: int, *, thoughts: bool, everybody: bool
) -> Example:
    """The dialogue as an example; of what is only shown before it, exchanges go from the first until it fits."""
    example = compile_example(dialogue, persona, thoughts=thoughts, everybody=everybody)
    if example is None:
        raise RenderError(f"{dialogue.me or persona.profile.name} does not speak in it")
    if dialogue.shown and renderer.count(example.messages) > max_tokens:
        shorter = dialogue.model_copy(update={"shown": dialogue.shown[2:]})
        return _compiled(shorter, persona, renderer, max_tokens, thoughts=thoughts, everybody=everybody)
    return example


def check_rendered(built: Built) -> None:
    """Raise DatasetError, with the reason met most, if the train split is empty since nothing could be rendered.

    A chat template that takes no system message, or is broken, refuses every dialogue alike.
    """
    refused = Counter(one.detail for one in built.rejections if one.record.get("split") == "train")
    if refused and not any(example.split == "train" for example in built.examples):
        ((reason, often),) = refused.most_common(1)
        raise DatasetError(
            f"No dialogue of the train split could be rendered; {often} of {refused.total()}: {reason} All are in "
            "build/dataset.rejected.jsonl."
        )


def supervised_share(rendered: Sequence[Rendered]) -> float:
    """Share of the tokens that carry loss. Raises DatasetError if that is none or all of them."""
    tokens = sum(len(item.ids) for item in rendered)
    supervised = sum(sum(item.mask) for item in rendered)
    if supervised == 0:
        raise DatasetError(
            "No token carries loss: the character speaks in no dialogue of the train split. Add dialogues, or see that "
            "its name in them is `name` or one of `aliases` in character.yaml."
        )
    if supervised == tokens:
        raise DatasetError(
            "Every token carries loss, the persona prompt and the partners' lines too: the loss mask is lost. "
            "That is a bug in the renderer or the chat template; another base model may do."
        )
    return supervised / tokens
