import pytest
from pydantic import ValidationError

from roletune.inference.settings import ChatSettings
from roletune.records import Message

MESSAGES = [Message(role="user", content="Hello.")]


def test_sampling_goes_into_the_request_and_only_what_is_set_goes_beside_it():
    request = ChatSettings(temperature=0.2, max_tokens=7).request(MESSAGES, ["Tony"], sample=2)
    assert (request.temperature, request.top_p, request.max_tokens, request.sample) == (0.2, 0.95, 7, 2)
    assert request.extra == {}
    assert request.stop == ("\nTony:",)
    penalised = ChatSettings(min_p=0.05, repeat_penalty=1.1).request(MESSAGES, ["Tony"])
    assert penalised.extra == {"min_p": 0.05, "repeat_penalty": 1.1}


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(ValidationError) as caught:
        ChatSettings.model_validate({"temprature": 1, "top_p": 0, "partner": "Tony: x"})
    assert {error["loc"][0] for error in caught.value.errors()} == {"temprature", "top_p", "partner"}
