"""Questions of knowledge by likelihood, on a tiny random model, against the plainest possible computation."""

import pytest
from tests.inference.tiny import base_folder

from roletune.engine.progress import SilentProgress
from roletune.evaluation.capability import Choice, measure_capability
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
