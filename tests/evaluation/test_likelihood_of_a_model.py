"""The scorer against the plainest possible computation, on tiny random models: no packaged weights needed."""

import pytest

from roletune.engine.progress import SilentProgress
from roletune.errors import EvaluationError
from roletune.evaluation.likelihood import ROUND, line_likelihoods, measure_likelihood, without_prompt
from roletune.records import Message
from roletune.rendering.template import Renderer

from .invented import EXAMPLE

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are nobody<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SIZE = {
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
CONFIGS = {"llama": transformers.LlamaConfig(**SIZE), "qwen2": transformers.Qwen2Config(**SIZE)}


@pytest.fixture(scope="module")
def renderer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    fast.chat_template = CHATML
    return Renderer(fast)


def tiny(name):
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(CONFIGS[name]).float()


def adapted(name):
    config = peft.LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", init_lora_weights=False)
    return peft.get_peft_model(tiny(name), config)


def plainly(model, renderer, example):
    """Every logit of the conversation, then the ones that are wanted."""
    rendered = renderer.render(example.messages)
    ids = torch.tensor(rendered.ids)
    with torch.no_grad():
        logs = torch.log_softmax(model.eval()(ids[None]).logits[0].float(), -1)
    return [-sum(float(logs[i - 1, ids[i]]) for i in range(start, end)) for start, end in rendered.spans]


@pytest.mark.parametrize("name", CONFIGS)
def test_each_line_has_the_likelihood_of_the_plain_computation(name, renderer):
    model = tiny(name)
    found = line_likelihoods([EXAMPLE], renderer, model)
    assert [line.nll for line in found] == pytest.approx(plainly(model, renderer, EXAMPLE), rel=1e-5)
    spans = renderer.render(EXAMPLE.messages).spans
    assert [line.tokens for line in found] == [end - start for start, end in spans]


def test_logits_are_computed_for_the_lines_alone(renderer):
    model = tiny("llama")
    rows = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: rows.append(output.shape[-2]))
    said = [m if m.loss else m.model_copy(update={"content": " ".join([m.content] * 60)}) for m in EXAMPLE.messages]
    example = EXAMPLE.model_copy(update={"messages": tuple(said)})
    lines = sum(line.tokens for line in line_likelihoods([example], renderer, model))
    assert rows == [-(-lines // ROUND) * ROUND]
    assert rows[0] < len(renderer.render(example.messages).ids) / 2


def test_bf16_is_close_to_fp32(renderer):
    exact = line_likelihoods([EXAMPLE], renderer, tiny("llama"))
    rough = line_likelihoods([EXAMPLE], renderer, tiny("llama").bfloat16())
    assert [line.nll for line in rough] == pytest.approx([line.nll for line in exact], rel=5e-3)


def test_windows_of_a_dialogue_go_on_counting_its_lines(renderer):
    later = EXAMPLE.model_copy(update={"window": 1})
    found = line_likelihoods([EXAMPLE, later], renderer, tiny("llama"))
    assert [line.line for line in found] == [0, 1, 2, 3]


def test_a_model_in_training_is_measured_without_dropout_and_goes_on_training(renderer):
    model = adapted("llama")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.9
    model.train()
    first = line_likelihoods([EXAMPLE], renderer, model)
    assert line_likelihoods([EXAMPLE], renderer, model) == first
    assert model.training


def test_one_copy_of_the_weights_serves_all_three_contestants(renderer):
    model = adapted("llama")
    report = measure_likelihood([EXAMPLE], renderer, model, progress=SilentProgress(), resamples=10)
    base = tiny("llama")
    assert [x.base for x in report.lines] == pytest.approx(plainly(base, renderer, without_prompt(EXAMPLE)), rel=1e-5)
    assert [x.base_prompt for x in report.lines] == pytest.approx(plainly(base, renderer, EXAMPLE), rel=1e-5)
    assert [x.adapter for x in report.lines] == pytest.approx(plainly(model, renderer, EXAMPLE), rel=1e-5)
    assert report.adapter.nll_per_token != pytest.approx(report.base_prompt.nll_per_token, rel=1e-3)


def test_the_report_says_what_each_contestant_was_told_first(renderer):
    report = measure_likelihood([EXAMPLE], renderer, adapted("llama"), progress=SilentProgress(), resamples=10)
    assert "You are nobody" in report.base.system
    assert report.base_prompt.system == report.adapter.system == EXAMPLE.messages[0].content


def test_a_model_without_adapter_and_an_empty_test_set_are_refused_with_a_cure(renderer):
    with pytest.raises(EvaluationError, match="roletune train"):
        measure_likelihood([EXAMPLE], renderer, tiny("llama"), progress=SilentProgress())
    with pytest.raises(EvaluationError, match="test share"):
        measure_likelihood([], renderer, adapted("llama"), progress=SilentProgress())


def test_an_example_without_a_line_of_the_character_adds_nothing(renderer):
    silent = EXAMPLE.model_copy(update={"messages": (Message(role="user", content="Hello?"),)})
    assert line_likelihoods([silent], renderer, tiny("llama")) == []
