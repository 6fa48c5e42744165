"""What every evaluation measures: likelihoods, replies, style, rates with their intervals."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from roletune.records.base import Record


class Question(Record):
    """One question put to every contestant; `topic` groups the replies in the report."""

    id: str
    text: str
    topic: str = ""


class Finding(Record):
    """Something a check noticed: a linter about a profile, a style check about a reply."""

    check: str
    message: str
    where: str = ""
    severity: Literal["note", "warning"] = "warning"


class LineLikelihood(Record):
    """One held-out line of the character under one contestant: summed negative log-likelihood in nats."""

    dialogue: str
    line: int
    nll: float
    tokens: int


class Likelihood(Record):
    """Likelihood of the character's real next lines under one contestant; per token, over all lines.

    The interval is of `nll_per_token`, by a bootstrap of whole scenes; None in files of before there was one.
    """

    nll_per_token: float
    low: float | None = None
    high: float | None = None
    perplexity: float
    n_lines: int
    n_tokens: int
    system: str = Field(default="", description="what the model was told first; for `base` what its template inserts")


class Difference(Record):
    """A paired difference of nats per token with a bootstrap interval, resampled by scene."""

    difference: float
    ci_low: float
    ci_high: float
    perplexity_ratio: float
    ratio_low: float
    ratio_high: float
    n_lines: int
    n_scenes: int
    resamples: int


class PairedLine(Record):
    """One held-out line under every contestant: summed negative log-likelihoods in nats over `tokens` tokens."""

    dialogue: str
    line: int
    tokens: int
    base: float
    base_prompt: float
    adapter: float
    text: str = Field(default="", description="what was said, in the report")


class LikelihoodReport(Record):
    """The likelihoods side by side."""

    base: Likelihood
    base_prompt: Likelihood
    adapter: Likelihood
    adapter_vs_base_prompt: Difference
    adapter_vs_base: Difference
    lines: tuple[PairedLine, ...] = ()


class Reply(Record):
    """What the contestants answered to one question, and what the style checks found in each answer."""

    question: str
    topic: str = ""
    base: str
    base_prompt: str
    adapter: str
    others: dict[str, str] = Field(default={}, description="replies of the contestants that the settings add, by name")
    findings: dict[str, tuple[Finding, ...]] = Field(default={})

    def said(self, contestant: str) -> str:
        """The reply of one contestant, by its name; empty if none came."""
        return self.others[contestant] if contestant in self.others else str(getattr(self, contestant))


class Rate(Record):
    """A share with its Wilson 95 % interval."""

    value: float
    low: float
    high: float
    count: int
    n: int


class Estimate(Record):
    """A figure with its 95 % interval, over `n` items."""

    value: float
    low: float
    high: float
    n: int


class StyleReport(Record):
    """Per contestant and check, the share of replies that pass."""

    rates: dict[str, dict[str, Rate]]
    unanswered: dict[str, int] = Field(default={}, description="replies that never came, and are in no rate")


class ShareDifference(Record):
    """A paired difference of shares, with a bootstrap interval over the `n` questions."""

    difference: float
    ci_low: float
    ci_high: float
    n: int


class SuiteReport(Record):
    """What every suite tells beside its figures: whose weights were asked, how replies were drawn, and by what."""

    schema_version: Literal[1] = 1
    adapter: str = Field(description="SHA-256 of the adapter's weights")
    sampling: dict[str, Any] = Field(default={}, description="how replies were drawn, the seed among it")
    versions: dict[str, str] = Field(default={}, description="of roletune and the packages that decide the result")
