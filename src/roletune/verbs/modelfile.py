"""The Modelfile that makes the character a model of Ollama."""

from __future__ import annotations

from collections.abc import Sequence

from roletune.errors import RenderError
from roletune.models.hub import BASE_LINK
from roletune.records import Message
from roletune.rendering.modelfile import Markup, markup_of, write_modelfile
from roletune.verbs.dataset import open_renderer
from roletune.verbs.load import ai_notice
from roletune.verbs.notices import notices
from roletune.workbench import Workbench


def modelfile(bench: Workbench, base: str = f"./{BASE_LINK}", adapter: str = "./adapter.gguf") -> str:
    """The file, with persona prompt, sampling and stops as in chat; `base` is a merged model where `adapter` is ""."""
    character = bench.project.character
    chat = character.chat
    begun = chat.begin(bench.persona)
    markup = _markup(bench)
    parameters: list[tuple[str, str | float]] = [
        ("temperature", chat.temperature),
        ("top_p", chat.top_p),
        *chat.extra.items(),
        ("num_ctx", chat.context_tokens + chat.max_tokens),
        ("num_predict", chat.max_tokens),
        ("stop", f"\n{chat.partner}:"),
    ]
    if markup and (end := markup.frames["assistant"].after.strip()):
        parameters.append(("stop", end))
    told = [ai_notice(character.name), *notices(bench.project)]
    if adapter:
        told.append(f"The base model, {bench.base.label}, as a GGUF file: {base}")
    if markup is None:
        told.append("The model's chat template has no regular form: Ollama takes that of the GGUF file.")
    return write_modelfile(
        base=base, adapter=adapter, system=begun.system.content, markup=markup, parameters=parameters, remarks=told
    )


def _markup(bench: Workbench) -> Markup | None:
    renderer = open_renderer(bench)

    def text(messages: Sequence[Message], cued: bool) -> str:
        return renderer.prompt_text(messages) if cued else renderer.text(messages)

    try:
        return markup_of(text, renderer.added_start)
    except RenderError:  # of a conversation that the template refuses
        return None
