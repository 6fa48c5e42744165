"""Modelfiles are read by a parser of Ollama's grammar, and their templates write what the chat template writes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rendering import families

from roletune.records import Message
from roletune.rendering.modelfile import markup_of, write_modelfile

COMMANDS = {"from", "license", "template", "system", "adapter", "parameter", "message"}


def parse_modelfile(text):
    """Commands and their values as Ollama's state machine reads them: a value ends at a space or a line's end, unless
    it is in quotes that are still open."""
    found, place = [], 0
    while place < len(text):
        if text[place] in " \t\r\n":
            place += 1
        elif text[place] == "#":
            place = text.find("\n", place) + 1 or len(text)
        else:
            name = re.compile(r"[A-Za-z]+").match(text, place)
            assert name, f"no command: {text[place : place + 20]!r}"
            assert name[0].lower() in COMMANDS
            assert text[name.end()] in " \t"
            key, place = name[0].lower(), name.end() + 1
            if key == "parameter":
                word = re.compile(r"[A-Za-z0-9_]+").match(text, place)
                key, place = word[0], word.end() + 1
            value, place = parse_value(text, place)
            found.append((key, value))
    assert [key for key, _ in found].count("from") == 1, "no FROM line"
    return found


def parse_value(text, place):
    start = place
    while place < len(text):
        if text[place] in "\r\n":
            value = unquoted(text[start:place].strip())
            if value is not None:
                return value, place
        place += 1
    raise AssertionError("the file ends within quotes")


def unquoted(text):
    for quotes in ('"""', '"'):
        if text.startswith(quotes):
            whole = len(text) >= 2 * len(quotes) and text.endswith(quotes)
            return text[len(quotes) : -len(quotes)] if whole else None
    return text


def render_go(template, messages):
    """Go's template engine, as far as these templates need it: one range with branches on the role."""
    body, _, cue = re.fullmatch(
        r"\{\{ range \.Messages \}\}(.*)(\{\{ end \}\}\{\{ end \}\})(.*)", template, re.S
    ).groups()
    branches = re.findall(
        r'\{\{ (?:else )?if eq \.Role "(\w+)" \}\}(.*?)\{\{ \.Content \}\}(.*?)(?=\{\{ else if|\Z)', body, re.S
    )
    around = {role: (before, after) for role, before, after in branches}
    return "".join(around[each.role][0] + each.content + around[each.role][1] for each in messages) + cue


def markup(template):
    renderer = families.renderer(template)
    return markup_of(lambda said, cued: renderer.prompt_text(said) if cued else renderer.text(said)), renderer


SAID = [
    Message(role="system", content="You are Mira.\n\nYou keep a light."),
    Message(role="user", content="Who goes there?"),
    Message(role="assistant", content="Only the night."),
    Message(role="user", content="Good."),
]


def test_the_template_writes_what_the_models_own_writes():
    found, renderer = markup(families.CHATML)
    assert render_go(found.go_template(), SAID) == renderer.prompt_text(SAID)
    assert found.frames["assistant"].after == "<|im_end|>\n"


@pytest.mark.parametrize("template", [families.GEMMA, families.FORGETFUL, families.COUNTING])
def test_a_template_without_a_regular_form_is_left_out(template):
    assert markup(template)[0] is None


@pytest.mark.model
def test_the_packaged_model_has_a_regular_form(smollm2):
    found = markup_of(lambda said, cued: smollm2.prompt_text(said) if cued else smollm2.text(said), smollm2.added_start)
    assert render_go(found.go_template(), SAID) == smollm2.prompt_text(SAID)


def test_the_start_that_the_runtime_adds_is_not_written_twice():
    found = markup_of(
        lambda said, cued: "<s>" + "".join(f"[{e.role}]{e.content}|" for e in said) + "[assistant]" * cued, "<s>"
    )
    assert (
        render_go(found.go_template(), SAID[:2])
        == "[system]You are Mira.\n\nYou keep a light.|[user]Who goes there?|[assistant]"
    )


def test_a_modelfile_says_everything():
    text = write_modelfile(
        base="./base.gguf",
        adapter="./adapter.gguf",
        system='She said "no".\nTwice.',
        markup=markup(families.CHATML)[0],
        parameters=[("temperature", 0.7), ("stop", "\nOlaf:")],
        remarks=["Mira is\nan AI character"],
    )
    found = parse_modelfile(text)
    assert [key for key, _ in found] == ["from", "adapter", "temperature", "stop", "template", "system"]
    told = dict(found)
    assert (told["from"], told["stop"], told["temperature"]) == ("./base.gguf", "\nOlaf:", "0.7")
    assert told["system"] == 'She said "no".\nTwice.'


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet='ab" \n#{}', max_size=30), st.text(alphabet='ab" \n#', min_size=1, max_size=8))
def test_no_persona_prompt_gets_out_of_its_quotes(system, stop):
    text = write_modelfile(
        base="x", adapter="", system=system, markup=None, parameters=[("stop", stop)], remarks=[stop]
    )
    found = dict(parse_modelfile(text))
    assert set(found) == {"from", "stop", "system"}
    assert found["system"] == re.sub('"{3,}', '""', system)
