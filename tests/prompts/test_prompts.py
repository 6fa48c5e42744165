from pathlib import Path

import pytest

from roletune.errors import ProjectError
from roletune.llm.request import ChatReply
from roletune.prompts import BUILT_IN, Prompt, Shot, load_prompt
from roletune.records import Message, Passage, Profile
from roletune.rendering.script import parse_script
from roletune.synthesis.ditto import LABELS as QUERY
from roletune.synthesis.instructions import LABELS as INSTRUCTION
from roletune.synthesis.labelled import read_blocks
from roletune.synthesis.plots import LABELS as PLOT
from roletune.synthesis.rules import LABELS as RULE
from roletune.synthesis.traps import LABELS as TRAP


def prompt(source):
    return Prompt("p", Path("p.md"), source)


def test_a_character_s_own_file_wins(tmp_path):
    (tmp_path / "persona.md").write_text("Be {{ name }}.", "utf-8")
    own = load_prompt("persona", folder=tmp_path)
    assert (own.path, own.text(name="JARVIS")) == (tmp_path / "persona.md", "Be JARVIS.")
    assert load_prompt("scenes", folder=tmp_path).path.parent == BUILT_IN / "en"


def test_a_language_without_prompts_of_its_own_uses_the_english_ones():
    assert load_prompt("persona", language="tlh") == load_prompt("persona", language="en")


def test_a_prompt_that_does_not_exist_is_an_error_that_names_the_places(tmp_path):
    with pytest.raises(ProjectError, match=r"Looked in: .*nothing\.md"):
        load_prompt("nothing", folder=tmp_path)


def test_a_prompt_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "persona.md").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(ProjectError, match="Save it as UTF-8"):
        load_prompt("persona", folder=tmp_path)


def test_an_undefined_name_is_an_error_that_names_what_is_known():
    with pytest.raises(ProjectError, match=r"p\.md: 'nmae' is undefined\. Known names: count, name"):
        prompt("{{ nmae }}").text(name="JARVIS", count=3)
    with pytest.raises(ProjectError, match="Known names: count, name"):
        prompt("{% block user %}{{ nmae }}{% endblock %}").messages(name="JARVIS", count=3)


def test_a_template_that_is_not_valid_is_an_error_with_its_line():
    with pytest.raises(ProjectError, match=r"^p\.md:2: the prompt is not valid Jinja2"):
        prompt("one\n{% if %}").text()


@pytest.mark.parametrize("source", ["{{ 1 + 'a' }}", "{{ 1 / 0 }}", "{{ range(10 ** 9) | list }}", "{{ 'a' | nope }}"])
def test_a_template_that_breaks_is_the_user_s_mistake(source):
    with pytest.raises(ProjectError, match=r"p\.md"):
        prompt(source).text()


PICKLE = "cposix\\ngetcwd\\n(tR."


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ profile.__class__.__mro__ }}",
        "{{ '{0.__class__}'.format(profile) }}",
        "{{ names.append('x') }}",
        "{{ profile.parse_file('/etc/hostname') }}",
        "{{ profile.model_copy(update={'name': 'x'}) }}",
        f"{{{{ profile.parse_raw('{PICKLE}', proto='pickle', allow_pickle=True) }}}}",
        f"{{{{ profile.passages[0].parse_raw('{PICKLE}', proto='pickle', allow_pickle=True) }}}}",
    ],
)
@pytest.mark.parametrize("form", ["{}", "{{% block user %}}{}{{% endblock %}}"], ids=["text", "block"])
def test_a_template_reaches_no_objects_and_runs_nothing(form, source):
    profile = Profile(name="JARVIS", passages=(Passage(id="1", text="He is.", source="a"),))
    own = prompt(form.format(source))
    with pytest.raises(ProjectError, match=r"unsafe|undefined"):
        (own.messages if "block" in form else own.text)(profile=profile, names=[])


def test_the_hash_follows_the_text():
    assert prompt("a").hash == Prompt("q", Path("q.md"), "a").hash != prompt("b").hash
    assert len(prompt("a").hash) == 16


def test_blocks_become_messages_with_worked_examples_between_them():
    own = prompt("{% block system %}You write.{% endblock %}{% block user %}About {{ thing }}.{% endblock %}")
    assert own.messages([Shot("An ode.", {"thing": "tea"})], thing="rain") == (
        Message(role="system", content="You write."),
        Message(role="user", content="About tea."),
        Message(role="assistant", content="An ode."),
        Message(role="user", content="About rain."),
    )


def test_an_empty_block_is_no_message():
    assert prompt("{% block user %}Hi.{% endblock %}").messages() == (Message(role="user", content="Hi."),)


SHOWN = "{% block system %}S{% endblock %}{% block example %}E{% endblock %}{% block answer %}A{% endblock %}"


def test_a_prompts_own_example_stands_where_no_worked_ones_do():
    asked = prompt(SHOWN + "{% block user %}{{ what }}?{% endblock %}")
    assert [one.content for one in asked.messages(what="Up")] == ["S", "E", "A", "Up?"]
    told = asked.messages([Shot("Yes.", {"what": "Down"})], what="Up")
    assert [one.content for one in told] == ["S", "Down?", "Yes.", "Up?"]
    assert (asked.example, prompt("{% block user %}Up?{% endblock %}").example) == ("A", "")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("name", "labels"),
    [("instructions", INSTRUCTION), ("traps", TRAP), ("plots", PLOT), ("rules", RULE), ("ditto", QUERY)],
)
def test_the_examples_of_the_prompts_can_be_read_by_who_asks(name, labels, language):
    (found, *others) = read_blocks(ChatReply(load_prompt(name, language).example, "stop", 1, 1, 0.0, "k"), labels)
    assert set(labels) - {"role"} <= {key for one in (found, *others) for key in one}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_examples_in_script_form_are_a_scene_and_a_dialogue(language):
    (scene,) = parse_script(load_prompt("scenes", language).example).scenes
    assert {"type", "location", "background"} <= set(scene.headers)
    (played,) = parse_script(load_prompt("plots_dialogue", language).example).scenes
    assert len(played.turns) == 5
