"""The endpoint against its own description: whatever is sent, it is answered on purpose."""

import pytest

from roletune.inference.serve.app import Limits, Stage, make_app
from roletune.inference.serve.openapi import openapi
from roletune.inference.serve.scripted import ScriptedEngine

from .conftest import cast

schemathesis = pytest.importorskip("schemathesis")

ENGINE = ScriptedEngine(lambda body: "Yes, sir.")
APP = make_app(Stage(cast(), ENGINE, Limits(per_minute=0)))
SCHEMA = schemathesis.openapi.from_dict(openapi())
SCHEMA.config.generation.update(max_examples=25)
ALLOWED = {200, 400, 401, 403, 404, 405, 413, 429}


@SCHEMA.parametrize()
def test_nothing_that_is_sent_breaks_the_server(case):
    from starlette.testclient import TestClient

    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str) and len(case.body["model"]) % 2:
        case.body["model"] = "jarvis:0.5"  # or nearly every request would end at an unknown name
    client = TestClient(APP, base_url="http://localhost", raise_server_exceptions=False)
    sent = case.as_transport_kwargs(base_url="http://localhost")
    response = client.request(
        sent["method"], sent["url"], headers=dict(sent["headers"]), json=sent.get("json"), content=sent.get("data")
    )
    assert response.status_code in ALLOWED
    if response.status_code != 200:
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
