"""How likely a model finds each of several continuations of one prompt, what they share computed once.

The keys and values of the last prompt are kept: a prompt that begins alike (the same persona, the same scene up to an
earlier line) costs only what is new, and its continuations are read beside each other, as one batch. The likelihoods
are those of the plain computation up to rounding; a model whose layers are not all attention is computed plainly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from roletune.evaluation.likelihood import ROUND, cross_entropy, require_adapter, spans
from roletune.records import Message

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch

    from roletune.rendering.template import Renderer

N = TypeVar("N", bound=str)

GRAIN = 16  # tokens that a short prompt is rounded up to, and long continuations
FINE = 4  # tokens that short continuations are rounded up to: a few words are answers, too


class Continued(NamedTuple):
    """A prompt and its continuations, as tokens."""

    prompt: Sequence[int]
    candidates: Sequence[Sequence[int]]


class CandidateScorer:
    """Scores continuations under `model` as it stands: make another one when an adapter is switched on or off.

    `model` is a causal language model of transformers, plain or under PEFT, in evaluation mode.
    """

    def __init__(self, model: Any, device: str = "cpu") -> None:
        self._model = model
        self._device = device
        self._ids: list[int] = []
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []  # keys and values of `_ids`
        self._plain = any("attention" not in kind or "linear" in kind for kind in _layer_types(model))

    def log_likelihoods(self, asked: Continued) -> list[float]:
        """Summed log-likelihood in nats of each continuation. Prompt and continuations need a token at least."""
        import torch

        with torch.inference_mode():
            if self._plain:
                return [self._plainly(asked.prompt, one) for one in asked.candidates]
            first = self._read(asked.prompt)
            return self._continue(first, asked.candidates)

    def _plainly(self, prompt: Sequence[int], candidate: Sequence[int]) -> float:
        place = (len(prompt), len(prompt) + len(candidate))
        ((nll, _),) = spans(self._model, [*prompt, *candidate], [place], self._device)
        return -nll

    def _read(self, prompt: Sequence[int]) -> torch.Tensor:
        """Read what is new of the prompt; returns the logits [vocabulary] after its last token."""
        import torch

        known = _common(self._ids, prompt[:-1])  # the last one is read anew: its logits are wanted
        new = torch.tensor(prompt[known:], device=self._device)
        last = torch.tensor([len(new) - 1], device=self._device)
        # Shapes that recur: CPUs compile a kernel for each new one. What is behind the last token is forgotten again.
        padded = torch.cat([new, new[-1:].expand(-len(new) % (GRAIN if len(new) < ROUND else ROUND))])
        cache = self._cache(known, 1)
        logits = self._model(input_ids=padded[None], past_key_values=cache, logits_to_keep=last, use_cache=True).logits
        self._ids = list(prompt)
        self._layers = [(one.keys[:, :, : len(prompt)], one.values[:, :, : len(prompt)]) for one in cache.layers]
        return logits[0, 0]

    def _continue(self, first: torch.Tensor, candidates: Sequence[Sequence[int]]) -> list[float]:
        """Every continuation in a row of a batch; the first token of each is predicted by `first`."""
        import torch

        width = max(map(len, candidates)) - 1
        totals = -cross_entropy(first.expand(len(candidates), -1), self._column([one[0] for one in candidates]))
        if width == 0:
            return [float(total) for total in totals]
        width += -width % (FINE if width < GRAIN else GRAIN)
        rows = torch.tensor([[*one[:-1], *[one[-1]] * (width + 1 - len(one))] for one in candidates])
        cache = self._cache(len(self._ids), len(candidates))
        logits = self._model(input_ids=rows.to(self._device), past_key_values=cache, use_cache=True).logits
        return [
            float(totals[k] - cross_entropy(logits[k, : len(one) - 1], self._column(one[1:])).sum())
            for k, one in enumerate(candidates)
        ]

    def _cache(self, length: int, rows: int) -> Any:
        """The first `length` tokens that were read, for a batch of `rows`."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for number, (keys, values) in enumerate(self._layers if length else []):
            cache.update(*(part[:, :, :length].expand(rows, -1, -1, -1) for part in (keys, values)), number)
        return cache

    def _column(self, ids: Sequence[int]) -> torch.Tensor:
        import torch

        return torch.tensor(list(ids), dtype=torch.long, device=self._device)


def continued(messages: Sequence[Message], options: Sequence[str], renderer: Renderer) -> Continued:
    """Each option as the beginning of a reply to `messages`: without the end token, since a reply may go on behind it.

    Every option needs a token at least.
    """
    said = [Message(role="assistant", content=option, loss=True) for option in options]
    rendered = [renderer.render([*messages, one]) for one in said]
    start = rendered[0].spans[0][0]
    return Continued(rendered[0].ids[:start], [one.ids[start : one.spans[0][1] - 1] for one in rendered])


def scorers(model: Any, adapted: Mapping[N, bool], device: str = "cpu") -> Iterator[tuple[N, CandidateScorer]]:
    """By name a scorer of the PEFT `model`, with its adapter switched on where `adapted` says so: until the next one.

    Raises EvaluationError for a model that has no adapter to switch off.
    """
    require_adapter(model)
    for name, on in adapted.items():
        switch: AbstractContextManager[Any] = nullcontext() if on else model.disable_adapter()
        with switch:
            yield name, CandidateScorer(model.eval(), device)


def _layer_types(model: Any) -> Sequence[str]:
    """The kinds of layers that the model names; none: all are attention."""
    return getattr(model.config.get_text_config(), "layer_types", None) or ()


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common beginning."""
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
