"""A Modelfile for Ollama: base, adapter, chat template, persona prompt and sampling in one text.

Format: Ollama's docs/modelfile.md; TEMPLATE is a Go template. The template is derived from what the model's own chat
template writes around each kind of message, and given only if putting conversations together from these pieces renders
them exactly as the model's own does: otherwise it is left out, and Ollama takes the one of the GGUF file. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

from roletune.records import Message, Role

Text = Callable[[Sequence[Message], bool], str]  # messages, and whether the cue for a reply follows
_QUOTES = '"""'
_SYSTEM, _USER, _REPLY = "what1is2told", "what3is4asked", "what5is6answered"


class Frame(NamedTuple):
    """What stands before and after a message."""

    before: str
    after: str


class Markup(NamedTuple):
    """What a chat template writes: around each role's messages, and to cue a reply."""

    frames: dict[Role, Frame]
    cue: str

    def render(self, messages: Sequence[Message]) -> str:
        """A conversation with the cue for the next reply."""
        parts = [self.frames[each.role].before + each.content + self.frames[each.role].after for each in messages]
        return "".join(parts) + self.cue

    def go_template(self) -> str:
        """The same as Ollama has it. The Go template engine has no way to escape its own braces: see `markup_of`."""
        branches = [
            f'{{{{ {word} eq .Role "{role}" }}}}{frame.before}{{{{ .Content }}}}{frame.after}'
            for word, (role, frame) in zip(("if", "else if", "else if"), self.frames.items(), strict=True)
        ]
        return f"{{{{ range .Messages }}}}{''.join(branches)}{{{{ end }}}}{{{{ end }}}}{self.cue}"


def markup_of(text: Text, bos: str = "") -> Markup | None:
    """The markup of a chat template; None if it is not as regular as Ollama's form needs.

    `bos` is what the runtime itself puts before a text, which the template must not repeat.
    """
    system, user, reply = (_probe(*each) for each in (("system", _SYSTEM), ("user", _USER), ("assistant", _REPLY)))
    opened, asked = text([system], False), text([system, user], False)
    answered, again = text([system, user, reply], False), text([system, user, reply, user], False)
    bos = bos if bos and opened.startswith(bos) else ""
    start, _, after_system = opened.removeprefix(bos).partition(_SYSTEM)
    found = {
        "system": Frame(start, after_system),
        "user": _frame(opened, asked, _USER),
        "assistant": _frame(asked, answered, _REPLY),
    }
    cue = text([system, user], True).removeprefix(asked)
    if found["user"] is None or found["assistant"] is None or found["user"] != _frame(answered, again, _USER):
        return None
    markup = Markup({role: frame for role, frame in found.items() if frame}, cue)  # type: ignore[misc]
    pieces = [cue, *(piece for frame in markup.frames.values() for piece in frame)]
    if any("{{" in piece or "}}" in piece or _QUOTES in piece for piece in pieces):
        return None
    return markup if _holds(markup, text, bos) else None


def write_modelfile(
    *,
    base: str,
    adapter: str,
    system: str,
    markup: Markup | None,
    parameters: Sequence[tuple[str, str | float]],
    remarks: Sequence[str] = (),
) -> str:
    """The file. `base` and `adapter` are paths beside it, `adapter` "" for a merged model.

    Three quotes in a row end a text for Ollama, so they become two.
    """
    lines = [f"# {' '.join(remark.split())}" for remark in remarks]
    lines += [f"FROM {base}"]
    lines += [f"ADAPTER {adapter}"] if adapter else []
    lines += [f"PARAMETER {name} {_quoted(value) if isinstance(value, str) else value}" for name, value in parameters]
    lines += [f"TEMPLATE {_quoted(markup.go_template())}"] if markup else []
    return "\n".join([*lines, f"SYSTEM {_quoted(system)}"]) + "\n"


def _quoted(text: str) -> str:
    while _QUOTES in text:
        text = text.replace(_QUOTES, '""')
    return f"{_QUOTES}{text}{_QUOTES}"


def _probe(role: Role, content: str) -> Message:
    return Message(role=role, content=content)


def _frame(shorter: str, longer: str, content: str) -> Frame | None:
    """What was added with a message, around its content."""
    if not longer.startswith(shorter) or content not in longer[len(shorter) :]:
        return None
    before, _, after = longer[len(shorter) :].partition(content)
    return Frame(before, after)


def _holds(markup: Markup, text: Text, bos: str) -> bool:
    """Whether conversations of up to four turns after the persona prompt, opened by either side, come out the same."""
    turns: tuple[Role, ...] = ("user", "assistant")
    opening = _probe("system", "Be\n\nbrief.")
    for length, first in product((1, 2, 3, 4), (0, 1)):
        said = [_probe(turns[(first + place) % 2], f"Line {place}\nand on.") for place in range(length)]
        if said[-1].role == "user" and bos + markup.render([opening, *said]) != text([opening, *said], True):
            return False
    return True
