"""A model that is opened when it is first asked, and again when what was opened has ended."""

import asyncio

from roletune.llm.on_demand import OnDemandModel
from roletune.llm.request import ChatRequest
from roletune.llm.scripted import ScriptedModel


def test_what_has_died_is_opened_again_and_what_runs_is_not():
    opened, alive = [], []

    async def open_model():
        opened.append(ScriptedModel(lambda _: f"server {len(opened)}"))
        alive[:] = [True]
        return opened[-1]

    async def session():
        model = OnDemandModel("identity", "name", open_model, lambda: bool(alive))
        said = []
        for dies in (False, True, False):
            said.append((await model.complete(ChatRequest(({"role": "user", "content": "Hello?"},)))).text)
            alive[:] = [] if dies else [True]
        return said

    assert asyncio.run(session()) == ["server 1", "server 1", "server 2"]
