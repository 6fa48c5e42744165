"""Small tokenizers made in the test, with chat templates of the usual families and of some that can't be kept."""

from functools import cache

from roletune.rendering.template import Renderer

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# Refuses what Llama 2 refuses: anything but user and assistant in turns, with at most one system message before.
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set told = messages[0].content %}{% set turns = messages[1:] %}"
    "{% else %}{% set told = '' %}{% set turns = messages %}{% endif %}"
    "{% for m in turns %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}<s>[INST] {% if loop.first and told %}<<SYS>>\n{{ told }}\n<</SYS>>\n\n{% endif %}"
    "{{ m.content }} [/INST]{% else %} {{ m.content }} </s>{% endif %}{% endfor %}"
)
GEMMA = (
    "<bos>{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
ENDLESS = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
# Only the last reply keeps what its reasoning is put into, as in Qwen 3.
FORGETFUL = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if loop.last and m.role == 'assistant' %}reasoning {% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\nreasoning {% endif %}"
)
COUNTING = "{{ messages | length }} messages\n" + CHATML

SPECIAL = (
    "<|im_start|>",
    "<|im_end|>",
    "<s>",
    "</s>",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[BREAK]",
    "<tool>",
)
ACCEPTED = {"chatml": CHATML, "llama2": LLAMA2, "gemma": GEMMA}


@cache
def byte_level(template):
    """Byte-level BPE trained on a few lines."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    lines = ["Good morning, sir. The kettle is on.", "user\nassistant\nsystem\nmodel\n[INST] [/INST] : : reasoning"] * 5
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=list(SPECIAL), initial_alphabet=alphabet)
    tokenizer.train_from_iterator(lines, trainer)
    return _fast(tokenizer, template)


@cache
def word_level(template):
    """One token a word, a space or another sign; what was not trained on is [UNK]."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|\W"), "isolated")
    trainer = trainers.WordLevelTrainer(special_tokens=["[UNK]", *SPECIAL])
    tokenizer.train_from_iterator(["Good morning, sir.\nassistant user model system : [INST] /"], trainer)
    return _fast(tokenizer, template)


def _fast(tokenizer, template):
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)
    fast.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    fast.chat_template = template
    return fast


@cache
def renderer(template, make=byte_level):
    return Renderer(make(template))
