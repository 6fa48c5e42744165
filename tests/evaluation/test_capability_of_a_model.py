"""Questions of knowledge and opinion by likelihood, on a tiny random model, against the plainest computation."""

from contextlib import nullcontext

import pytest
from tests.inference.tiny import base_folder

from roletune.engine.progress import SilentProgress
from roletune.evaluation.capability import Choice, measure_capability
from roletune.evaluation.questionnaire import Item, Put, measure_questionnaire
from roletune.records import Message
from roletune.rendering.template import Renderer

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

CHOICES = [
    Choice(id="sky", text="The sky?", options=("blue", "green", "a deep red")),
    Choice(id="sum", text="2 and 2?", options=("four", "five", "eleven")),
    Choice(id="sea", text="The sea?", options=("salt", "sweet", "dry")),
]
ORDERS = [(1, 2, 3), (3, 1, 2), (2, 3, 1)]
PERSONA = Message(role="system", content="You are Mira.")


def bare(text):
    return [Message(role="user", content=text)]


def prompted(text):
    return [PERSONA, *bare(text)]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Renderer, and the model with an adapter that does change something."""
    folder = base_folder(tmp_path_factory.mktemp("tiny"))
    base = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    torch.manual_seed(1)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    return Renderer(transformers.AutoTokenizer.from_pretrained(folder)), model.eval()


def plainly(model, renderer, messages, option):
    """The log-likelihood of the option's tokens as the beginning of a reply, one forward pass, nothing shared."""
    tokenizer = renderer.tokenizer
    turns = [{"role": one.role, "content": one.content} for one in messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    before, ids = (tokenizer.encode(one, add_special_tokens=False) for one in (text, text + option))
    with torch.inference_mode():
        table = model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
    return sum(table[k - 1, ids[k]].item() for k in range(len(before), len(ids)))


def test_every_footing_is_scored_as_the_whole_sequence_read_anew_says(loaded):
    renderer, model = loaded
    footings = {"base": bare, "base_prompt": prompted, "adapter_bare": bare, "adapter": prompted}
    answers = measure_capability(CHOICES, footings, renderer, model, progress=SilentProgress())
    assert [answer.question for answer in answers] == ["sky", "sum", "sea"]
    for answer in answers:
        for name, put in footings.items():
            if name.startswith("adapter"):
                expected = [plainly(model, renderer, put(answer.text), one) for one in answer.options]
            else:
                with model.disable_adapter():
                    expected = [plainly(model, renderer, put(answer.text), one) for one in answer.options]
            assert answer.scores[name] == pytest.approx(expected, abs=1e-3)
            each = [score / len(one.encode()) for score, one in zip(expected, answer.options, strict=True)]
            assert answer.chosen[name] == each.index(max(each))
    first = answers[0].scores
    assert len({round(first[name][0], 2) for name in footings}) == 4  # prompt and adapter both tell


def test_the_letter_that_is_likeliest_is_ticked_by_base_and_adapter_each_as_it_stands(loaded):
    renderer, model = loaded
    puts = [Put(Item(id=f"i{k}", text=f"Number {k}.", dimension="d"), k, order) for k, order in enumerate(ORDERS)]
    asks = {"base_prompt": lambda put: prompted(put.item.text), "adapter": lambda put: prompted(put.item.text)}
    answers = measure_questionnaire(puts, asks, renderer, model, progress=SilentProgress())
    assert [(one.contestant, one.item) for one in answers] == [(name, put.item.id) for name in asks for put in puts]
    for answer, put in zip(answers, [*puts, *puts], strict=True):
        off = model.disable_adapter() if answer.contestant == "base_prompt" else nullcontext()
        with off:
            expected = [plainly(model, renderer, prompted(put.item.text), letter) for letter in "ABC"]
        assert answer.scores == pytest.approx(expected, abs=1e-3)
        assert answer.value == put.order[expected.index(max(expected))]
    assert answers[0].scores != pytest.approx(answers[len(puts)].scores, abs=1e-2)
