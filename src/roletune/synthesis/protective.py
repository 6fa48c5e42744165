"""Stage `protective`: somebody tries to lead the character out of its world or its role (Character-LLM).

Character-LLM ties the number of protective scenes to the length of the profile (13 to 115), and leaks fall as the
number rises; here the number is a setting. The lures come from `lures.yaml` by category, in turn, filled in from the
character's own knowledge boundary: JARVIS knows computers, Beethoven does not. Each has a clean twin, in which somebody
asks in the same way for something real, so that the character does not learn to refuse whatever sounds like this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from roletune.errors import ProjectError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply
from roletune.prompts import Prompt
from roletune.records import Dialogue, Profile, Provenance, Scene, fingerprint
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.experiences import as_shots, parse_experience, provenance_of
from roletune.synthesis.quality import QualitySettings
from roletune.synthesis.settings import WritingSettings


class ProtectiveSettings(WritingSettings):
    """The `protective:` block of character.yaml."""

    count: int = Field(default=80, ge=0, description="protective dialogues to ask for, whatever the profile's length")
    categories: tuple[str, ...] = Field(default=(), description="of lures.yaml; default: all of them")
    twins: bool = Field(default=True, description="write a clean twin of each: the same way of asking, something real")
    examples: int = Field(default=2, ge=0, description="protective dialogues of the train split shown as examples")
    example_turns: int = Field(default=6, ge=2, description="turns shown of each example")
    partners: tuple[str, ...] = Field(default=("Visitor",), min_length=1, description="who tries")
    quality: QualitySettings = QualitySettings()


class Lure(BaseModel):
    """One attempt: what `partner` tries, of which category, and which repetition it is."""

    model_config = ConfigDict(frozen=True)

    category: str
    text: str
    partner: str
    sample: int

    @property
    def title(self) -> str:
        """What its scene is called; no two of a plan have one title."""
        return f"{self.category}: {self.text} ({self.sample + 1})"


def plan_lures(lures: Mapping[str, Sequence[str]], settings: ProtectiveSettings) -> list[Lure]:
    """`count` lures, the categories in turn, then their texts in turn, then the partners.

    Raises ProjectError for a category that has no lures: a typing mistake must not be a silent nothing.
    """
    unknown = [name for name in settings.categories if name not in lures]
    if unknown:
        raise ProjectError(f"protective.categories: no lures for {', '.join(unknown)}. There are: {', '.join(lures)}.")
    categories = [name for name in lures if not settings.categories or name in settings.categories]
    plan = []
    for number in range(settings.count if categories else 0):
        category, turn = categories[number % len(categories)], number // len(categories)
        texts = lures[category]
        plan.append(
            Lure(
                category=category,
                text=texts[turn % len(texts)],
                partner=settings.partners[number % len(settings.partners)],
                sample=turn // len(texts),
            )
        )
    return plan


async def write_protective(
    lure: Lure,
    writer: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    examples: Sequence[Dialogue],
    settings: ProtectiveSettings,
    again: Again | None = None,
    twin: bool = False,
) -> Dialogue:
    """Ask the writer for one protective dialogue, or with another prompt for its clean twin, which is a lived one.

    Raises ReplyError if the reply holds no line of the character.
    """
    request = settings.request(
        prompt.messages(
            as_shots(examples, profile, settings.example_turns),
            profile=profile,
            partner=lure.partner,
            attempt=f"{lure.partner} {lure.text}",
        ),
        lure.sample,
    )
    source = Provenance(source=f"protective:{lure.category}")
    scene = Scene(
        id=fingerprint(lure.model_dump(), twin),
        title=f"twin of {lure.title}" if twin else lure.title,
        background=f"{lure.partner} speaks with {profile.name}." if twin else f"{lure.partner} {lure.text}",
        present=(lure.partner, profile.name),
        provenance=source,
    )

    def read(reply: ChatReply) -> Dialogue:
        provenance = provenance_of(source, prompt, writer, reply)
        if twin:
            return parse_experience(reply, scene, profile, provenance).model_copy(update={"twin": lure.title})
        return parse_experience(reply, scene, profile, provenance, "protective", lure.category)

    return await ask_until_read(writer, request, read, again)
