"""Dialogues, and a renderer whose tokenizer has one token a character: shared by the tests of this folder."""

import string
from functools import cache

from roletune.prompts import load_prompt
from roletune.records import Dialogue, Profile, Provenance, Scene, Turn
from roletune.rendering.persona import Persona
from roletune.rendering.template import Renderer

PROFILE = Profile(name="Mira", description="You keep the light.")
PERSONA = Persona(PROFILE, load_prompt("persona"))
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@cache
def renderer():
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = ["[UNK]", "<|im_start|>", "<|im_end|>", *string.printable]
    tokenizer = Tokenizer(models.WordLevel({token: k for k, token in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", additional_special_tokens=["<|im_start|>", "<|im_end|>"]
    )
    fast.chat_template = CHATML
    return Renderer(fast)


def dialogue(name, *lines, split="train", origin="written", purpose="lived"):
    """Lines as 'Olaf: Hello.'; without lines, two turns of words that no other dialogue has."""
    lines = lines or (f"Olaf: {name} asks {name}1 {name}2", f"Mira: {name}3 tells {name}4 {name}5")
    provenance = Provenance(source=f"scenes.md#{name}")
    turns = tuple(Turn(speaker=line.partition(": ")[0], text=line.partition(": ")[2]) for line in lines)
    return Dialogue(
        id=name,
        scene=Scene(id=f"s-{name}", provenance=provenance),
        turns=turns,
        origin=origin,
        purpose=purpose,
        split=split,
        provenance=provenance,
    )
