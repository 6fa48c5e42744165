import asyncio
import dataclasses
import shutil

import pytest

from roletune.errors import EndpointError, ModelError
from roletune.inference.loaded_model import load_model, served_identity
from roletune.inference.transformers_model import TransformersModel
from roletune.llm.request import ChatRequest
from roletune.models.weights import resolve
from roletune.records import Message

from . import tiny

pytestmark = pytest.mark.model
ASKED = ChatRequest(({"role": "user", "content": "Are you up?"},), max_tokens=12, temperature=1.0, seed=3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("tiny")
    base = tiny.base_folder(place / "base")
    return base, tiny.adapter_folder(base, place / "adapter")


@pytest.fixture(scope="module")
def loaded(folders):
    return load_model(*folders)


@pytest.fixture
def base(loaded):
    return TransformersModel(loaded, "tiny", "tiny")


@pytest.fixture
def adapted(loaded):
    return TransformersModel(loaded, "tiny+adapter", "tiny+adapter", adapted=True)


def ask(model, **changes):
    return asyncio.run(model.complete(dataclasses.replace(ASKED, **changes)))


def streamed(model, **changes):
    async def collect():
        ends = []
        pieces = [piece async for piece in model.stream(dataclasses.replace(ASKED, **changes), ends.append)]
        return pieces, ends

    return asyncio.run(collect())


def greedy(model, count):
    """The likeliest tokens one after the other, from the model's own logits, and not from its `generate`."""
    import torch

    ids = torch.tensor([model.loaded.renderer.prompt_ids([tiny_message()])])
    start = ids.shape[1]
    with torch.no_grad(), model.loaded.model.disable_adapter():
        for _ in range(count):
            ids = torch.cat([ids, model.loaded.model(ids).logits[:, -1:].argmax(-1)], dim=1)
    return ids[0, start:].tolist()


def tiny_message():
    return Message(role="user", content=ASKED.messages[0]["content"])


def test_at_temperature_0_each_token_is_the_likeliest_whatever_the_folder_says_of_sampling(base):
    expected = greedy(base, 6)
    assert not set(expected) & base.loaded.ends
    reply = ask(base, temperature=0, max_tokens=6)
    assert reply.text == base.loaded.renderer.tokenizer.decode(expected)
    assert (reply.finish_reason, reply.completion_tokens) == ("length", 6)
    assert reply.prompt_tokens == len(base.loaded.renderer.prompt_ids([tiny_message()]))
    assert reply.key == dataclasses.replace(ASKED, temperature=0, max_tokens=6).key("tiny")


def test_a_seed_decides_the_reply_and_each_sample_is_another(base):
    first = ask(base)
    assert ask(base).text == first.text
    assert ask(base, seed=4).text != first.text
    assert ask(base, sample=1).text != first.text
    assert ask(base, seed=None).text != ask(base, seed=None).text


def test_a_small_top_p_leaves_only_the_likeliest_token(base):
    assert ask(base, top_p=1e-6).text == ask(base, temperature=0).text != ask(base).text


def test_min_p_and_repeat_penalty_are_honoured_under_llama_cpps_names(base):
    assert ask(base, extra={"min_p": 1.0}).text == ask(base, temperature=0).text
    plain = ask(base, temperature=0, max_tokens=40)
    assert ask(base, temperature=0, max_tokens=40, extra={"repeat_penalty": 9.0}).text != plain.text


def test_the_adapter_answers_otherwise_and_leaves_the_base_as_it_is(base, adapted, folders):
    before = ask(base, temperature=0).text
    assert ask(adapted, temperature=0).text != before
    assert ask(base, temperature=0).text == before
    alone = TransformersModel(load_model(folders[0]), "alone", "alone")
    assert ask(alone, temperature=0).text == before


def test_a_stream_brings_the_same_text_in_pieces(base):
    pieces, ends = streamed(base, max_tokens=24)
    whole = ask(base, max_tokens=24)
    assert len(pieces) > 3
    assert "".join(pieces) == whole.text == ends[0].text
    assert ends[0].completion_tokens == whole.completion_tokens


def test_a_stop_string_cuts_the_reply_and_ends_the_writing(base):
    text = ask(base, max_tokens=40).text
    stop = text[5:8]
    reply = ask(base, max_tokens=40, stop=(stop,))
    assert reply.text == text[: text.index(stop)]
    assert reply.finish_reason == "stop"
    assert reply.completion_tokens < 40


def test_the_end_token_of_the_template_ends_a_reply_and_is_not_in_it(base):
    assert base.loaded.renderer.tokenizer.convert_tokens_to_ids("<|im_end|>") in base.loaded.ends
    written = greedy(base, 8)
    # A token that is likely here takes the end token's place, as if the model had learnt to stop.
    end = next(token for token in written if token != written[0])
    ending = TransformersModel(dataclasses.replace(base.loaded, ends=frozenset({end})), "ending", "ending")
    kept = written[: written.index(end)]
    reply = ask(ending, temperature=0, max_tokens=20)
    assert reply.text == base.loaded.renderer.tokenizer.decode(kept)
    assert (reply.finish_reason, reply.completion_tokens) == ("stop", len(kept) + 1)


def test_a_prompt_that_does_not_fit_is_refused_with_a_cure(base):
    long = ({"role": "user", "content": "x" * tiny.CONTEXT},)
    with pytest.raises(EndpointError, match=r"takes 256 with the reply.*context_tokens"):
        ask(base, messages=long)


def test_a_reply_ends_where_the_context_does(base):
    nearly = ({"role": "user", "content": "x" * 200},)
    reply = ask(base, messages=nearly, max_tokens=500, temperature=0, stop=())
    assert reply.prompt_tokens + reply.completion_tokens <= tiny.CONTEXT


@pytest.mark.parametrize("wish", [{"schema": {"type": "object"}}, {"extra": {"grammar": "x"}}])
def test_what_can_not_be_honoured_is_refused(base, wish):
    with pytest.raises(EndpointError, match=r"can't do: (schema|grammar)"):
        ask(base, **wish)


def test_who_leaves_a_stream_early_does_not_keep_the_next_one_waiting(base):
    async def leave():
        stream = base.stream(dataclasses.replace(ASKED, max_tokens=200))
        async for _ in stream:
            break
        await stream.aclose()
        return await base.complete(dataclasses.replace(ASKED, temperature=0, max_tokens=3))

    assert asyncio.run(leave()).completion_tokens == 3


def test_two_at_once_get_what_each_alone_gets(base, adapted):
    async def both():
        return await asyncio.gather(base.complete(ASKED), adapted.complete(ASKED))

    together = [reply.text for reply in asyncio.run(both())]
    assert together == [ask(base).text, ask(adapted).text]


def test_an_adapter_of_another_base_is_refused(tmp_path, folders):
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(folders[1] / "adapter_model.safetensors")
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "adapter_config.json").write_text((folders[1] / "adapter_config.json").read_text())
    save_file({name: torch.zeros(7, 9) for name in tensors}, wrong / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="can't be loaded"):
        load_model(folders[0], wrong)
    with pytest.raises(ModelError, match="no adapter_model"):
        load_model(folders[0], folders[0])


def test_the_identity_holds_weights_template_and_adapter(tmp_path, folders):
    copy = shutil.copytree(folders[0], tmp_path / "base")
    plain = served_identity(resolve(str(copy)), None)
    assert plain == served_identity(resolve(str(folders[0])), None)
    assert served_identity(resolve(str(copy)), folders[1]) != plain
    (copy / "chat_template.jinja").write_text(tiny.CHATML + " ")
    assert served_identity(resolve(str(copy)), None) != plain
