import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roletune.errors import SourceError
from roletune.sources.datasets.chat_log import CONTEXT_TURNS, read_chat_log

HEADER = {"user_name": "Ann", "character_name": "Ben", "create_date": "2026-1-1", "chat_metadata": {}}


def message(name, text, **more):
    return {"name": name, "is_user": name == "Ann", "mes": text, **more}


def log(*rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def turns(*rows):
    return [(t.speaker, t.kind, t.text) for t in read_chat_log(log(*rows), "a.jsonl").scenes[0].turns]


CHAT = (
    HEADER,
    message("Ben", "*waves* Hello, {{user}}.", swipes=["Go away.", "*waves* Hello, {{user}}."], swipe_id=1),
    message("Ann", "Is it late?"),
    message("Ben", "Not yet.", swipes=["Yes.", "Not yet.", "", "Not  yet.", "Yes."], swipe_id=1),
)


def test_messages_are_turns_with_actions_between_stars_and_names_for_macros():
    assert turns(*CHAT) == [
        ("Ben", "action", "waves"),
        ("Ben", "speech", "Hello, Ann."),
        ("Ann", "speech", "Is it late?"),
        ("Ben", "speech", "Not yet."),
    ]
    reading = read_chat_log(log(*CHAT), "a.jsonl")
    assert (reading.title, reading.scenes[0].headers["present"], reading.unread) == ("Ben", "Ann, Ben", ())


def test_a_reply_that_was_kept_is_chosen_over_each_that_was_passed_over():
    (pair,) = read_chat_log(log(*CHAT), "a.jsonl").pairs
    assert (pair.speaker, pair.chosen, pair.rejected, pair.line) == ("Ben", "Not yet.", "Yes.", 4)
    assert [turn.text for turn in pair.context] == ["waves", "Hello, Ann.", "Is it late?"]


def test_a_reply_that_was_edited_is_chosen_over_all_swipes():
    rows = (HEADER, message("Ann", "Late?"), message("Ben", "No, my dear.", swipes=["Yes.", "No."], swipe_id=1))
    assert [(p.chosen, p.rejected) for p in read_chat_log(log(*rows), "a").pairs] == [
        ("No, my dear.", "Yes."),
        ("No, my dear.", "No."),
    ]


def test_greetings_and_users_own_swipes_are_no_preferences():
    rows = (HEADER, CHAT[1], message("Ann", "Late?", swipes=["Late?", "Early?"]))
    assert read_chat_log(log(*rows), "a").pairs == ()


def test_the_context_of_a_pair_is_bounded():
    rows = [HEADER, *(message("Ann", f"Line {k}") for k in range(CONTEXT_TURNS + 50)), CHAT[3]]
    (pair,) = read_chat_log(log(*rows), "a").pairs
    assert (len(pair.context), pair.context[-1].text) == (CONTEXT_TURNS, f"Line {CONTEXT_TURNS + 49}")


def test_narrators_act_as_nobody_and_hidden_messages_and_reasoning_are_unread():
    rows = (
        HEADER,
        message("Narrator", "It rains.", is_system=True, extra={"type": "narrator"}),
        message("System", "Connected.", is_system=True),
        message("Ben", "...", extra={"reasoning": "Say nothing."}),
        message("Ben", " "),
        {"odd": 1},
    )
    assert turns(*rows) == [("", "action", "It rains."), ("Ben", "speech", "...")]
    assert [(line.number, line.reason) for line in read_chat_log(log(*rows), "a").unread] == [
        (3, "a message of the system, or hidden"),
        (4, "the model's reasoning"),
        (5, "a message without words"),
        (6, "no message"),
    ]


def test_names_come_from_the_messages_where_the_header_has_none():
    rows = ({"user_name": "unused", "character_name": "unused", "chat_metadata": {}}, *CHAT[1:])
    assert turns(*rows)[1] == ("Ben", "speech", "Hello, Ann.")
    assert turns(*CHAT[1:])[1] == ("Ben", "speech", "Hello, Ann.")


def test_a_log_that_breaks_off_keeps_what_is_whole():
    reading = read_chat_log(log(*CHAT)[:-30], "a.jsonl")
    assert [turn.text for turn in reading.scenes[0].turns][-1] == "Is it late?"
    assert [line.number for line in reading.unread] == [4]


@pytest.mark.parametrize("data", [b"", b"Hello", b"[]", b'{"user_name": "A"}', b'{"mes": 3}'])
def test_a_file_without_messages_is_refused(data):
    with pytest.raises(SourceError):
        read_chat_log(data, "a.jsonl")


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.text(max_size=6), max_size=3)
ROWS = st.dictionaries(
    st.sampled_from(["name", "mes", "is_user", "is_system", "swipes", "extra", "chat_metadata"]), VALUES, max_size=6
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROWS, max_size=5))
def test_any_rows_are_read_or_refused_and_none_is_lost(rows):
    with contextlib.suppress(SourceError):
        reading = read_chat_log(log(*rows), "a")
        kept = "".join(turn.text for turn in reading.scenes[0].turns) + "".join(line.text for line in reading.unread)
        for row in rows:
            if isinstance(row.get("mes"), str) and row["mes"].isalnum():
                assert row["mes"] in kept
