"""Who is measured: the base model, the base model with the persona prompt, the adapter with the same prompt."""

from __future__ import annotations

from roletune.engine.store import file_hash
from roletune.evaluation.replies import Contender, Sampling
from roletune.records import Contestant, Message, Question
from roletune.rendering.markup import harmless
from roletune.workbench import Workbench


def contenders(bench: Workbench, stage: str) -> dict[Contestant, Contender]:
    """The three, every reply remembered under `stage`."""
    settings = bench.project.character.evaluate
    scene = bench.scene(settings.location, settings.background, settings.partner)
    system = bench.persona.message(scene, [settings.partner])

    def bare(question: Question) -> list[Message]:
        return [Message(role="user", content=harmless(question.text))]

    def prompted(question: Question) -> list[Message]:
        return [system, *bare(question)]

    base, adapted = bench.contestants(stage)
    return {
        "base": Contender(base, bare),
        "base_prompt": Contender(base, prompted),
        "adapter": Contender(adapted, prompted),
    }


def sampling(bench: Workbench) -> Sampling:
    """How their replies are drawn."""
    settings = bench.project.character.evaluate
    return Sampling(settings.temperature, settings.top_p, settings.max_tokens, settings.seed)


def adapter_hash(bench: Workbench) -> str:
    """Which weights were measured: what a suite found is no longer true of retrained ones."""
    return file_hash(bench.project.build / "adapter" / "adapter_model.safetensors")
