"""How likely a model finds the character's real next lines: the number that can't be flattered.

Three contestants see the same held-out lines: the base model with what its own chat template says first (`base`), the
base model with the persona prompt (`base_prompt`), the adapter with the same prompt (`adapter`). A line is one message
of the character with its end token; its context is the real conversation up to it. Differences are paired by line.

`line_likelihoods` and `measure_likelihood` need torch and run one conversation at a time, logits only for the rows
that predict a token of a line; everything else is arithmetic.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_per_token
from roletune.records import (
    Contestant,
    Difference,
    Example,
    Likelihood,
    LikelihoodReport,
    LineLikelihood,
    Message,
    PairedLine,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch

    from roletune.engine.progress import Progress
    from roletune.rendering.template import Renderer

ROUND = 64  # tokens and rows that a forward is rounded up to
ROWS_AT_ONCE = 128  # rows of logits turned to fp32 together: 25 MB for a vocabulary of 49k

# ---------------------------------------------------------------------------------------------------------------------
# Pure


def summarise(
    lines: Sequence[LineLikelihood], system: str = "", *, resamples: int = 2_000, seed: int = 0
) -> Likelihood:
    """All lines of one contestant together, per token (so a long line counts for more than a short one)."""
    tokens = sum(line.tokens for line in lines)
    if not tokens:
        raise EvaluationError("There are no held-out lines of the character. Add scenes, or widen the test share.")
    nll = sum(line.nll for line in lines) / tokens
    if not math.isfinite(nll):
        raise EvaluationError("The model gives no finite likelihood to the held-out lines: its weights are damaged.")
    scenes: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in lines:
        scenes[line.dialogue].append((line.nll, line.tokens))
    found = bootstrap_per_token(scenes, resamples=resamples, seed=seed)
    return Likelihood(
        nll_per_token=nll,
        low=found.low,
        high=found.high,
        perplexity=math.exp(nll),
        n_lines=len(lines),
        n_tokens=tokens,
        system=system,
    )


def compare(
    lines: Mapping[Contestant, Sequence[LineLikelihood]],
    systems: Mapping[Contestant, str] | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> LikelihoodReport:
    """The three contestants side by side, with paired intervals.

    `systems` is what each was told first. Raises EvaluationError if there are no lines, or if the contestants were not
    measured on the same tokens of the same lines.
    """
    paired = pair(lines["base"], lines["base_prompt"], lines["adapter"])
    systems = systems or {}

    def summary(contestant: Contestant) -> Likelihood:
        return summarise(lines[contestant], systems.get(contestant, ""), resamples=resamples, seed=seed)

    return LikelihoodReport(
        base=summary("base"),
        base_prompt=summary("base_prompt"),
        adapter=summary("adapter"),
        adapter_vs_base_prompt=difference(paired, "base_prompt", resamples=resamples, seed=seed),
        adapter_vs_base=difference(paired, "base", resamples=resamples, seed=seed),
        lines=paired,
    )


def pair(
    base: Sequence[LineLikelihood], base_prompt: Sequence[LineLikelihood], adapter: Sequence[LineLikelihood]
) -> tuple[PairedLine, ...]:
    """The same line under the three contestants, in one record; refused if they did not see the same tokens."""
    if [_place(line) for line in base] != [_place(line) for line in base_prompt] or [_place(line) for line in base] != [
        _place(line) for line in adapter
    ]:
        raise EvaluationError("The contestants were not measured on the same lines. Measure all of them again.")
    return tuple(
        PairedLine(dialogue=a.dialogue, line=a.line, tokens=a.tokens, base=a.nll, base_prompt=b.nll, adapter=c.nll)
        for a, b, c in zip(base, base_prompt, adapter, strict=True)
    )


def difference(
    paired: Sequence[PairedLine], against: Contestant, *, resamples: int = 10_000, seed: int = 0
) -> Difference:
    """Adapter minus `against` in nats per token, resampled by scene; negative: the adapter finds the lines likelier."""
    scenes: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for line in paired:
        scenes[line.dialogue].append((line.adapter - getattr(line, against), line.tokens))
    found = bootstrap_per_token(scenes, resamples=resamples, seed=seed)
    return Difference(
        difference=found.value,
        ci_low=found.low,
        ci_high=found.high,
        perplexity_ratio=math.exp(found.value),
        ratio_low=math.exp(found.low),
        ratio_high=math.exp(found.high),
        n_lines=len(paired),
        n_scenes=len(scenes),
        resamples=resamples,
    )


def without_prompt(example: Example) -> Example:
    """The example with nothing said before the conversation: what the contestant `base` sees."""
    return example.model_copy(update={"messages": tuple(m for m in example.messages if m.role != "system")})


def _place(line: LineLikelihood) -> tuple[str, int, int]:
    return line.dialogue, line.line, line.tokens


def _system(messages: Sequence[Message]) -> str:
    return "\n\n".join(message.content for message in messages if message.role == "system")


# ---------------------------------------------------------------------------------------------------------------------
# With a model


def measure_likelihood(
    examples: Sequence[Example],
    renderer: Renderer,
    model: Any,
    *,
    progress: Progress,
    device: str = "cpu",
    resamples: int = 10_000,
    seed: int = 0,
) -> LikelihoodReport:
    """The three contestants on held-out `examples`, whose messages with loss are the lines.

    `model` is a PEFT model; its adapter is switched off for the two base contestants, so one copy of the weights serves
    all three. Raises EvaluationError if there is nothing to measure or the model has no adapter to switch off.
    """
    if not examples:
        raise EvaluationError("There are no held-out examples. Add scenes, or widen the test share.")
    require_adapter(model)
    bare = [without_prompt(example) for example in examples]
    with progress.task("likelihood of the real next lines", total=3 * len(examples), unit="scenes") as task:

        def score(which: Sequence[Example], note: str, adapter_off: bool) -> list[LineLikelihood]:
            switch: AbstractContextManager[Any] = model.disable_adapter() if adapter_off else nullcontext()
            with switch:
                return line_likelihoods(
                    which, renderer, model, device=device, on_done=lambda: task.advance(1, note=note)
                )

        lines: dict[Contestant, list[LineLikelihood]] = {
            "base": score(bare, "base", True),
            "base_prompt": score(examples, "base + prompt", True),
            "adapter": score(examples, "adapter", False),
        }
    told = _system(examples[0].messages)
    systems: dict[Contestant, str] = {"base": renderer.opening, "base_prompt": told, "adapter": told}
    return compare(lines, systems, resamples=resamples, seed=seed)


def require_adapter(model: Any) -> None:
    """Raise EvaluationError for a model without an adapter to switch off."""
    if not hasattr(model, "disable_adapter"):
        raise EvaluationError("This model has no adapter, so there is nothing to compare. Run `roletune train` first.")


def line_likelihoods(
    examples: Sequence[Example],
    renderer: Renderer,
    model: Any,
    *,
    device: str = "cpu",
    on_done: Callable[[], object] | None = None,
) -> list[LineLikelihood]:
    """Every line of the character in `examples` under `model` as it stands; lines are numbered within their dialogue.

    `model` is a causal language model of transformers, plain or under PEFT, in any floating type; sums are in fp32.
    `on_done()` is called after each example.
    """
    import torch

    found: list[LineLikelihood] = []
    numbers: Counter[str] = Counter()
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for example in examples:
                rendered = renderer.render(example.messages)
                for nll, tokens in spans(model, rendered.ids, rendered.spans, device):
                    number = numbers[example.dialogue]
                    numbers[example.dialogue] += 1
                    found.append(LineLikelihood(dialogue=example.dialogue, line=number, nll=nll, tokens=tokens))
                if on_done:
                    on_done()
    finally:
        model.train(was_training)
    return found


def spans(model: Any, ids: Sequence[int], places: Sequence[tuple[int, int]], device: str) -> list[tuple[float, int]]:
    """For each span [start, end) of tokens its summed negative log-likelihood in nats and its number of tokens."""
    import torch

    targets = [place for start, end in places for place in range(start, end)]
    if not targets:
        return []
    last = targets[-1]  # nothing after the last line is needed
    tokens = torch.tensor(ids[: last + 1], device=device)
    rows = torch.tensor(targets, device=device) - 1  # the row before a token predicts it
    # Shapes that recur: CPUs compile a kernel for each new one. No token sees those behind it, so nothing changes.
    padded, asked = _padded(tokens), _padded(rows)
    logits = model(input_ids=padded[None], logits_to_keep=asked, use_cache=False).logits[0, : len(rows)]
    losses = cross_entropy(logits, tokens[rows + 1])
    lengths = [end - start for start, end in places]
    return [(float(part.sum()), length) for part, length in zip(losses.split(lengths), lengths, strict=True)]


def _padded(values: torch.Tensor) -> torch.Tensor:
    """The values with their last one repeated, up to a multiple of `ROUND`."""
    import torch

    return torch.cat([values, values[-1:].expand(-len(values) % ROUND)])


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Per row in fp32, a few rows at a time: an fp32 copy of all logits would be the largest thing in memory."""
    import torch

    parts = zip(logits.split(ROWS_AT_ONCE), targets.split(ROWS_AT_ONCE), strict=True)
    return torch.cat([torch.nn.functional.cross_entropy(a.float(), b, reduction="none") for a, b in parts])
