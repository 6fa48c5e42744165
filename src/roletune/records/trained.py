"""What is trained on, and what that leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from roletune.records.base import Origin, PairOrigin, Purpose, Record, Role, Split
from roletune.records.lived import Provenance
from roletune.records.measured import Estimate, Rate, ShareDifference
from roletune.records.suites import VoiceClassifier


class Message(Record):
    """One message of a conversation; `loss` marks what the model learns to say."""

    role: Role
    content: str
    loss: bool = False


class Example(Record):
    """One conversation as the character perceives it (see `rendering.viewpoint`)."""

    schema_version: Literal[1] = 1
    id: str
    messages: tuple[Message, ...]
    dialogue: str = Field(description="id of the dialogue it was compiled from")
    window: int = Field(default=0, description="number of the window, where a long dialogue gave several")
    split: Split
    origin: Origin
    purpose: Purpose
    provenance: Provenance


class PreferencePair(Record):
    """Two replies of the character to one prompt, of which the first is preferred: a row for DPO, KTO and their like.

    `prompt` is in the grammar of an `Example`: the persona prompt, then turns that end with a `user` message; nothing
    in it carries loss. The replies are contents of the `assistant` message that would follow.
    """

    schema_version: Literal[1] = 1
    id: str
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    origin: PairOrigin = Field(description="who preferred it to what")
    dialogue: str = Field(default="", description="id of the dialogue that holds the chosen reply, where there is one")
    notes: dict[str, str] = Field(default={}, description="what the method that made it noted, by name")
    split: Split
    provenance: Provenance = Field(description="of the chosen reply")
    rejected_by: Provenance | None = Field(default=None, description="of the rejected reply, where a model gave it")


class LossPoint(Record):
    """One point of a learning curve."""

    step: int
    epoch: float
    tokens: int = Field(description="real tokens processed so far")
    seconds: float
    train_loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None


def lowest_loss(curve: Sequence[LossPoint]) -> int:
    """The step with the lowest validation loss; 0 where nothing was validated after a step."""
    losses = [
        (point.validation_loss, point.step) for point in curve if point.step and point.validation_loss is not None
    ]
    return min(losses)[1] if losses else 0


class StepScore(Record):
    """One kept state of a training, and its replies to what chooses."""

    step: int
    validation_loss: float
    faults: Rate = Field(description="replies that leak or refuse a twin; by voice those that are nobody's or others'")
    leaked: Rate | None = Field(description="of the questions; none where no call for one came back, and by voice")
    refused: Rate | None = Field(description="of the twins; a reply without a word counts as a refusal")


class StepChoice(Record):
    """How the state that is kept was chosen among the validated ones, by something else than the validation loss."""

    by: Literal["leaks", "voice"]
    step: int = Field(description="that was chosen")
    best_by_loss: int = Field(description="step that the validation loss would have chosen")
    steps: tuple[StepScore, ...]
    difference: ShareDifference | None = Field(
        default=None, description="faults of the chosen step minus those of the best by loss; none where it is the same"
    )
    questions: tuple[str, ...] = Field(description="ids of the questions and twins that chose, which measure nothing")
    unanswered: int = Field(default=0, description="questions and twins left out: not every step had a reply")
    classifier: VoiceClassifier | None = Field(default=None, description="by voice: how well it tells left-out scenes")
    sampling: dict[str, Any] = Field(default={}, description="how replies were drawn, the seed among it")


class Adapter(Record):
    """What a training leaves beside the weights: `runs/ID/adapter.json`."""

    schema_version: Literal[1] = 1
    run: str
    character: str
    base: str = Field(description="hub id or name of the base model, never a local path")
    base_identity: str = Field(description="hash of the base weights")
    data: str = Field(description="hash of the training and validation examples")
    recipe: dict[str, Any]
    curve: tuple[LossPoint, ...]
    best_step: int
    best_validation_loss: float
    stopped_early: bool
    tokens: int
    seconds: float
    tokens_per_second: float
    trainable_parameters: int
    device: str
    dtype: str
    choice: StepChoice | None = Field(default=None, description="of the state; none where the validation loss chose it")

    @property
    def loss(self) -> str:
        """The best loss in words; where nothing was held out, as in many preference trainings, that of training."""
        validated = any(point.validation_loss is not None for point in self.curve)
        return f"{'validation' if validated else 'training'} loss {self.best_validation_loss:.3f}"


class PreferenceFigures(Record):
    """What preference training changed on pairs that it did not see; every difference is paired."""

    margin: Estimate = Field(
        description="beta times how much further apart the two replies are, in nats (DPO's reward)"
    )
    widened: Rate = Field(description="pairs in which the margin grew in favour of the chosen reply")
    preferred_before: Rate = Field(description="pairs whose chosen reply is likelier per token, before")
    preferred: Rate = Field(description="the same, after")
    preferred_difference: ShareDifference
    chosen_gain: Estimate = Field(description="change of the chosen replies' log-likelihood, nats per token")


class PreferenceReport(Record):
    """One preference training: `runs/ID/preference.json`."""

    schema_version: Literal[1] = 1
    run: str
    starts_from: str = Field(description="the run whose adapter it was trained on from, which is the reference too")
    method: Literal["dpo", "kto"]
    train_pairs: int
    train_thumbs: int = Field(default=0, description="replies liked or disliked in chats, for kto")
    measured_pairs: int
    measured_on: str = Field(description="which pairs: a split, or sources held out of the training pairs")
    figures: PreferenceFigures | None = Field(default=None, description="none where no pair was held out")
