"""What preference training changed, on pairs that it did not see: the margin between two replies, before and after.

A reply's likelihood is that of its tokens with the end token, given the prompt. The margin is DPO's implicit reward
(https://arxiv.org/abs/2305.18290, section 5): beta times what the log-likelihood of the chosen reply gained over what
that of the rejected one gained. At the start it is 0 by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.estimates import estimate_mean
from roletune.records import LineLikelihood, PreferenceFigures


class PairLikelihood(NamedTuple):
    """The two replies of a pair under one model."""

    chosen: LineLikelihood
    rejected: LineLikelihood

    @property
    def prefers(self) -> bool:
        """Whether the model finds the chosen reply likelier, token by token: a short reply is no better for it."""
        return self.chosen.nll / self.chosen.tokens < self.rejected.nll / self.rejected.tokens


def compare_preferences(
    before: Sequence[PairLikelihood], after: Sequence[PairLikelihood], *, beta: float, resamples: int = 10_000
) -> PreferenceFigures:
    """Both models on the same pairs. Raises EvaluationError for no pairs, or if they are not the same ones."""
    if not before or len(before) != len(after):
        raise EvaluationError("There are no held-out pairs to compare on. Hold some out: prefer.held_out.")
    both = list(zip(before, after, strict=True))
    margins = [beta * ((old.chosen.nll - new.chosen.nll) - (old.rejected.nll - new.rejected.nll)) for old, new in both]
    gained = [(old.chosen.nll - new.chosen.nll) / old.chosen.tokens for old, new in both]
    n = len(both)
    return PreferenceFigures(
        margin=estimate_mean(margins, resamples=resamples),
        widened=wilson(sum(margin > 0 for margin in margins), n),
        preferred_before=wilson(sum(old.prefers for old in before), n),
        preferred=wilson(sum(new.prefers for new in after), n),
        preferred_difference=bootstrap_share([(new.prefers, old.prefers) for old, new in both], resamples=resamples),
        chosen_gain=estimate_mean(gained, resamples=resamples),
    )
