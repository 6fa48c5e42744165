"""The persona prompt in every language, and that training on it keeps the guarantees of `rendering.template`."""

import pytest
from tests.rendering.families import ACCEPTED, renderer

from roletune.prompts import BUILT_IN, load_prompt
from roletune.records import Dialogue, KnowledgeBoundary, Profile, Provenance, Scene, Turn
from roletune.rendering.persona import Persona
from roletune.rendering.viewpoint import compile_example

SOURCE = Provenance(source="test")
MONKEY = Profile(
    name="石心",
    language="zh",
    description="你是山里的守钟人，耳朵很灵。",
    style="你说话短，爱用比喻。",
    boundary=KnowledgeBoundary(must_not_know=("火车", "电报")),
)
SCENE = Scene(id="s", location="钟楼", time="清晨", background="大雾压住了山谷。", provenance=SOURCE)


def persona(language):
    return Persona(MONKEY, load_prompt("persona", language))


def told(*speakers, language="zh"):
    return persona(language).message(SCENE, speakers).content


def test_the_chinese_persona_says_everything_that_the_english_one_does():
    for language in ("en", "zh"):
        text = told("阿水", language=language)
        for part in (MONKEY.name, MONKEY.description, MONKEY.style, "火车", "电报", "钟楼", "清晨", "大雾", "阿水"):
            assert part in text
    assert not [letter for letter in told("阿水") if letter.isascii() and letter.isalpha()]


def test_several_partners_are_named_and_none_leaves_no_line_behind():
    assert "阿水、老周" in told("阿水", "老周")
    assert "说话" not in told().replace(MONKEY.style, "")


def test_every_english_prompt_and_list_has_its_chinese_one():
    """All but the words about a reply in vain were there; the persona and the questions must not fall back."""
    assert {path.name for path in (BUILT_IN / "en").iterdir()} == {path.name for path in (BUILT_IN / "zh").iterdir()}


@pytest.mark.parametrize(("language", "folder"), [("zh-CN", "zh"), ("zh_TW", "zh"), ("ZH", "zh"), ("../en", "en")])
def test_a_variant_of_a_language_uses_its_prompts(language, folder):
    assert load_prompt("persona", language).path.parent.name == folder


def lived():
    lines = [
        ("阿水", "雾这么大，还敲钟吗？"),
        ("石心", "雾越大，钟越要响。"),
        ("阿水", "谁听呢？"),
        ("石心", "迷路的人。"),
    ]
    return Dialogue(
        id="d",
        scene=SCENE.model_copy(update={"present": ("阿水", "石心")}),
        turns=tuple(Turn(speaker=speaker, text=text) for speaker, text in lines),
        origin="written",
        purpose="lived",
        split="train",
        provenance=SOURCE,
    )


def check(own):
    example = compile_example(lived(), persona("zh"))
    rendered = own.render(example.messages)
    learnt = []
    for number, message in enumerate(example.messages):
        if message.loss:
            start, end = rendered.spans[len(learnt)]
            assert rendered.ids[:start] == own.prompt_ids(example.messages[:number])
            learnt.append(own.tokenizer.decode(rendered.ids[start : end - 1]).strip())
    assert learnt == ["雾越大，钟越要响。", "迷路的人。"]
    assert sum(rendered.mask) == sum(end - start for start, end in rendered.spans)


@pytest.mark.parametrize("family", ACCEPTED)
def test_what_is_served_in_chinese_is_a_prefix_of_what_is_trained_and_only_own_lines_are_learnt(family):
    check(renderer(ACCEPTED[family]))


@pytest.mark.model
def test_the_same_holds_for_the_packaged_model(smollm2):
    check(smollm2)
