"""Replies, scenes and dialogues for the tests of this folder."""

from roletune.llm.request import ChatReply
from roletune.prompts import load_prompt
from roletune.records import Dialogue, Passage, Profile, Provenance, Scene, Turn

PROFILE = Profile(name="JARVIS", aliases=("J.A.R.V.I.S.",), description="You keep the house.")
PASSAGE = Passage(id="p1", text="He runs the house.", source="profile.md")
PROVENANCE = Provenance(source="passage:p1", passage="p1")
SCENE = Scene(id="a1", title="Late", location="workshop", background="Tony is late again.", provenance=PROVENANCE)
SCENES_PROMPT, EXPERIENCES_PROMPT, PROTECTIVE_PROMPT = map(load_prompt, ("scenes", "experiences", "protective"))


def reply(text, finish_reason="stop"):
    return ChatReply(text, finish_reason, 1, 1, 0.0, "call-1")


def turns(*lines):
    """'Tony: Hello.' is a turn; '*bows*' an action."""
    made = []
    for line in lines:
        speaker, _, text = line.partition(": ")
        action = line.startswith("*")
        made.append(
            Turn(speaker="", text=line.strip("*"), kind="action") if action else Turn(speaker=speaker, text=text)
        )
    return tuple(made)


def dialogue(*lines):
    return Dialogue(id="d", scene=SCENE, turns=turns(*lines), origin="generated", split="train", provenance=PROVENANCE)


GOOD = (
    "Tony: JARVIS, are you up?",
    "JARVIS: For you, sir, always.",
    "Tony: What is the time in Malibu?",
    "JARVIS: Seven in the morning, and seventy-two degrees.",
)
