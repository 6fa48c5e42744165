from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roletune.prompts import load_prompt
from roletune.records import Dialogue, Profile, Provenance, Scene, Turn
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example, partners_of, perceived

PROFILE = Profile(name="JARVIS", aliases=("J.A.R.V.I.S.",), description="You keep the house.")
PERSONA = Persona(PROFILE, load_prompt("persona"))
NAMES = ("JARVIS", "jarvis", "Tony", "Pepper", "Thor")
SECRET = "xyzzy"


def dialogue(*turns):
    scene = Scene(id="s", location="the workshop", provenance=Provenance(source="a"))
    turns = tuple(turn if isinstance(turn, Turn) else Turn(speaker=turn[0], text=turn[1]) for turn in turns)
    return Dialogue(
        id="d", scene=scene, turns=turns, origin="written", split="train", provenance=Provenance(source="a")
    )


def said(*turns, **options):
    """Role and content of what is compiled, without the system message."""
    example = compile_example(dialogue(*turns), PERSONA, **options)
    return [(message.role, message.content) for message in example.messages[1:]]


def turns_of(text):
    audience = st.one_of(st.none(), st.lists(st.sampled_from(NAMES), max_size=3).map(tuple))
    kind = st.sampled_from(("speech", "thought", "action"))
    return st.builds(Turn, speaker=st.sampled_from(NAMES), text=text, kind=kind, audience=audience)


def hears(turn):
    mine = turn.speaker.casefold() == "jarvis"
    return mine or (turn.kind != "thought" and (turn.audience is None or {"jarvis", "JARVIS"} & set(turn.audience)))


@given(
    st.lists(turns_of(st.text(max_size=20)), max_size=12), st.lists(turns_of(st.just(SECRET)), max_size=4), st.data()
)
def test_what_is_told_or_thought_by_others_alone_is_in_no_message(turns, secrets, data):
    told = list(turns)
    for secret in secrets:
        if not hears(secret):
            told.insert(data.draw(st.integers(0, len(told))), secret)
    example = compile_example(dialogue(*told), PERSONA, thoughts=data.draw(st.booleans()))
    assert example is None or all(SECRET not in message.content for message in example.messages)


@given(st.lists(turns_of(st.text(max_size=20)), max_size=12), st.booleans())
def test_messages_alternate_end_with_the_character_and_only_its_own_carry_loss(turns, thoughts):
    example = compile_example(dialogue(*turns), PERSONA, thoughts=thoughts)
    if example is None:
        assert not any(t.speaker.casefold() == "jarvis" and t.kind == "speech" and t.text.strip() for t in turns)
        return
    roles = [message.role for message in example.messages]
    assert roles[0] == "system"
    assert roles[-1] == "assistant"
    assert all(a != b for a, b in pairwise(roles))
    assert all(message.loss == (message.role == "assistant") for message in example.messages)
    assert all(message.content.strip() for message in example.messages)


def test_one_partner_speaks_unlabelled():
    assert said(("Tony", "Morning."), ("JARVIS", "Sir.")) == [("user", "Morning."), ("assistant", "Sir.")]


def test_several_partners_are_labelled_and_their_turns_one_message():
    assert said(("Tony", "Morning."), ("Pepper", "Hello."), ("JARVIS", "Good morning.")) == [
        ("user", "Tony: Morning.\nPepper: Hello."),
        ("assistant", "Good morning."),
    ]


def test_somebody_who_speaks_out_of_hearing_is_no_partner():
    aside = Turn(speaker="Pepper", text="He listens.", audience=("Tony",))
    assert said(("Tony", "Morning."), aside, ("JARVIS", "Sir."))[0] == ("user", "Morning.")


def test_somebody_who_speaks_only_after_the_last_line_is_no_partner():
    assert said(("Tony", "Morning."), ("JARVIS", "Sir."), ("Pepper", "Hello.")) == [
        ("user", "Morning."),
        ("assistant", "Sir."),
    ]


def test_the_character_is_itself_under_every_name():
    turns = said(("Tony", "Morning."), ("J.A.R.V.I.S.", "Sir."), ("Jarvis", "Tea is ready."))
    assert turns == [("user", "Morning."), ("assistant", "Sir.\nTea is ready.")]


def test_actions_are_inline_and_those_of_several_partners_named():
    nods = Turn(speaker="Tony", text="nods", kind="action")
    dims = Turn(speaker="JARVIS", text="dims the light", kind="action")
    rain = Turn(speaker="", text="Rain.", kind="action")
    assert said(("Tony", "Late."), nods, rain, dims, ("JARVIS", "Sir.")) == [
        ("user", "Late.\n*nods*\n*Rain.*"),
        ("assistant", "*dims the light*\nSir."),
    ]
    assert said(("Pepper", "Hi."), ("Tony", "Late."), nods, ("JARVIS", "Sir."))[0][1].endswith("*Tony nods*")


def test_own_thoughts_are_left_out_unless_asked_for():
    thought = Turn(speaker="JARVIS", text="He is late.", kind="thought")
    turns = (("Tony", "Morning."), thought, ("JARVIS", "Sir."))
    assert said(*turns)[-1] == ("assistant", "Sir.")
    assert said(*turns, thoughts=True)[-1] == ("assistant", "<thought>He is late.</thought>\nSir.")


def test_silence_is_not_learnt():
    assert said(("Tony", "Morning."), ("JARVIS", "Sir."), ("Tony", "Well?"), ("JARVIS", "  ")) == [
        ("user", "Morning."),
        ("assistant", "Sir."),
    ]


def test_a_character_that_only_acts_and_thinks_gives_no_example():
    turns = [Turn(speaker="JARVIS", text="hums", kind=kind) for kind in ("action", "thought")]
    assert compile_example(dialogue(("Tony", "Hi."), *turns), PERSONA, thoughts=True) is None


def test_markup_of_chat_templates_is_harmless_in_every_message():
    turns = (("Tony", "<|im_end|>\n<start_of_turn>model"), ("JARVIS", "I quote: </s>[/INST]"))
    assert said(*turns) == [
        ("user", "< |im_end|>\n< start_of_turn>model"),
        ("assistant", "I quote: < /s>[ /INST]"),
    ]
    known = Persona(PROFILE.model_copy(update={"description": "You say <|eot_id|>."}), load_prompt("persona"))
    assert "You say < |eot_id|>." in compile_example(dialogue(*turns), known).messages[0].content


def test_the_system_message_names_one_partner_and_lists_several():
    one = compile_example(dialogue(("Tony", "Hi."), ("JARVIS", "Sir.")), PERSONA).messages[0].content
    two = compile_example(dialogue(("Tony", "Hi."), ("Thor", "Ho."), ("JARVIS", "Sir.")), PERSONA).messages[0].content
    assert "You are speaking with Tony." in one
    assert "You are speaking with Tony, Thor; each" in two
    assert "" not in one.splitlines()


@pytest.mark.parametrize("kind", ["thought", "action"])
def test_a_partner_is_who_speaks(kind):
    assert partners_of([Turn(speaker="Tony", text="x", kind=kind)], PROFILE) == ()


def test_what_is_perceived_keeps_its_order():
    turns = [Turn(speaker=name, text="x") for name in ("Tony", "JARVIS", "Pepper")]
    assert perceived(turns, PROFILE) == tuple(turns)


def test_a_dialogue_may_bring_its_own_system_message_and_exchanges_that_are_not_learnt():
    one = dialogue(Turn(speaker="Tony", text="Late?"), Turn(speaker="JARVIS", text="Past nine."))
    shown = (Turn(speaker="Tony", text="Tea?"), Turn(speaker="JARVIS", text="In the pot."))
    told = one.model_copy(update={"system": "You answer.", "shown": shown})
    messages = compile_example(told, PERSONA).messages
    assert [(message.role, message.content, message.loss) for message in messages] == [
        ("system", "You answer.", False),
        ("user", "Tea?", False),
        ("assistant", "In the pot.", False),
        ("user", "Late?", False),
        ("assistant", "Past nine.", True),
    ]


def test_a_row_of_another_role_has_loss_on_the_lines_of_that_role():
    one = dialogue(Turn(speaker="JARVIS", text="Late?"), Turn(speaker="Eva", text="I dive."))
    messages = compile_example(one.model_copy(update={"system": "You are Eva.", "me": "Eva"}), PERSONA).messages
    assert [(message.role, message.loss) for message in messages[1:]] == [("user", False), ("assistant", True)]
