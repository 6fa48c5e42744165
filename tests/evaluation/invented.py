"""Invented records for these tests: nothing here was measured."""

from roletune.records import Example, Message, Provenance

EXAMPLE = Example(
    id="e1",
    messages=(
        Message(role="system", content="You are JARVIS. The workshop, late."),
        Message(role="user", content="Are you up? I can't sleep and the suit is in pieces all over the floor again."),
        Message(role="assistant", content="Always, sir.", loss=True),
        Message(role="user", content="Then tell me what is left of the left gauntlet, and don't be kind about it."),
        Message(role="assistant", content="Very little.", loss=True),
    ),
    dialogue="d1",
    split="test",
    origin="written",
    purpose="lived",
    provenance=Provenance(source="dialogues/workshop.md"),
)
