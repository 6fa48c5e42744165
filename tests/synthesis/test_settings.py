from roletune.records import Message, Passage
from roletune.synthesis.settings import WritingSettings, plan_calls

FIRST, SECOND = (Passage(id=name, text=name, source="profile.md") for name in ("p1", "p2"))


def test_passages_take_turns():
    calls = plan_calls([FIRST, SECOND], 3)
    assert [(call.passage.id, call.sample) for call in calls] == [("p1", 0), ("p2", 0), ("p1", 1)]
    assert plan_calls([], 3) == []


def test_a_request_is_drawn_as_the_settings_say():
    settings = WritingSettings(temperature=0.2, top_p=0.5, max_tokens=70)
    request = settings.request([Message(role="user", content="Who?", loss=True)], 4)
    assert request.messages == ({"role": "user", "content": "Who?"},)
    assert (request.temperature, request.top_p, request.max_tokens, request.sample) == (0.2, 0.5, 70, 4)
