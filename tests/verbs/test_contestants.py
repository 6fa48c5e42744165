"""Who is measured beside the three: RoleGPT and models behind endpoints."""

import asyncio

import pytest
from pydantic import ValidationError
from tests.character import make_character, workbench

from roletune.errors import ProjectError
from roletune.evaluation.settings import ContestantSettings
from roletune.llm.scripted import ScriptedModel
from roletune.pipeline import make
from roletune.records import Question
from roletune.verbs.contestants import check_names, contenders, names
from roletune.verbs.writing import read_dialogues_of

OTHER = {"endpoint": {"url": "http://127.0.0.1:9/v1", "model": "m"}}


def opened(folder, contestants, look):
    async def work():
        async with workbench(make_character(folder, evaluate={"contestants": contestants})) as bench:
            bench.models.update({"base": ScriptedModel("base"), "character": ScriptedModel("adapted")})
            await make(bench, until="profile")
            return look(bench)

    return asyncio.run(work())


def told(bench, name, text="Why is the lamp lit?"):
    return [(m.role, m.content) for m in contenders(bench, "evaluate")[name].messages(Question(id="q", text=text))]


def test_without_settings_there_are_the_three(tmp_path):
    assert opened(tmp_path, {}, lambda bench: list(contenders(bench, "evaluate"))) == ["base", "base_prompt", "adapter"]


def test_rolegpt_is_the_prompted_base_model_with_few_shot_turns_of_the_train_split(tmp_path):
    def look(bench):
        dialogues = read_dialogues_of(bench, "dialogues")
        held = {turn.text for one in dialogues if one.split != "train" for turn in one.turns}
        train = {turn.text for one in dialogues if one.split == "train" for turn in one.turns}
        return told(bench, "rolegpt"), told(bench, "base_prompt"), held, train

    shown, plain, held, train = opened(tmp_path, {"rolegpt": True, "examples": 3}, look)
    assert [shown[0], shown[-1]] == plain
    assert [role for role, _ in shown] == ["system", *["user", "assistant"] * 3, "user"]
    assert {text for _, text in shown[1:-1]} <= train - held


def test_other_models_are_told_what_the_settings_say(tmp_path):
    others = [{"name": f"o-{prompt}", "prompt": prompt, **OTHER} for prompt in ("none", "persona", "rolegpt")]

    def look(bench):
        check_names(bench, ["o-none", "adapter"], "here")
        with pytest.raises(ProjectError, match="no contestant 'o-nobody'; there are base, base_prompt, adapter, o-"):
            check_names(bench, ["o-nobody"], "here")
        found = contenders(bench, "evaluate")
        assert list(found) == list(names(bench))
        return {name: (len(told(bench, name)), found[name].prompted) for name in found if name.startswith("o")}

    assert opened(tmp_path, {"others": others}, look) == {
        "o-none": (1, False),
        "o-persona": (2, True),
        "o-rolegpt": (12, True),
    }


@pytest.mark.parametrize("name", ["adapter", "rolegpt", "Bad Name", '"><script>'])
def test_names_that_are_taken_or_unfit_for_a_page_are_refused(name):
    with pytest.raises(ValidationError, match=r"taken|pattern"):
        ContestantSettings.model_validate({"others": [{"name": name, **OTHER}]})
