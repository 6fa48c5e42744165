"""An endpoint as `character.yaml` names it: where it is, how fast it may be asked, and what it costs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_IN_BATCHES = 10_000  # what waits for a batch costs a task each, and nothing else


class Price(BaseModel):
    """What a provider asks, in its currency, per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, description="per million tokens of prompt")
    output: float = Field(ge=0, description="per million tokens of reply")
    currency: str = Field(default="USD", description="as it is to be printed")
    batch: float = Field(default=0.5, ge=0, le=1, description="share of it that calls in batches cost")

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The price of so many tokens."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1_000_000


class Endpoint(BaseModel):
    """A model behind an OpenAI-compatible URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="base URL up to /v1: https://api.openai.com/v1, http://127.0.0.1:11434/v1, ...")
    model: str = Field(description="the model's name there")
    key: str = Field(default="OPENAI_API_KEY", description="name of the environment variable that holds the key")
    concurrency: int = Field(default=8, ge=1, description="calls at a time, at most; fewer while it answers 429")
    requests_per_minute: int = Field(default=0, ge=0, description="calls begun a minute, at most; 0: no limit")
    tokens_per_minute: int = Field(default=0, ge=0, description="tokens asked and answered a minute; 0: no limit")
    timeout: float = Field(default=600.0, gt=0, description="seconds that one attempt may take")
    price: Price | None = Field(default=None, description="what it costs; without it no price is told")
    batch: bool = Field(default=False, description="ask through its batch interface: cheaper, and up to a day late")

    @property
    def at_a_time(self) -> int:
        """Calls that may wait for it together."""
        return _IN_BATCHES if self.batch else self.concurrency

    @property
    def charged(self) -> Price | None:
        """The price of a call as it is asked: directly, or in a batch."""
        if self.price is None or not self.batch:
            return self.price
        share = self.price.batch
        return self.price.model_copy(update={"input": self.price.input * share, "output": self.price.output * share})
