import pytest
import yaml

from roletune.errors import ProjectError, SourceError, TrainingError
from roletune.training.recipe import Recipe, check_recipe, load_recipe, recipe_names


def test_the_presets_are_listed_and_load():
    assert set(recipe_names()) == {"quick", "jarvis", "character-llm", "rocit", "ditto", "large"}
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_quick_keeps_what_nyu_jarvis_set():
    quick, seed = load_recipe("quick"), load_recipe("jarvis")
    for name in ("rank", "alpha", "dropout", "weight_decay", "clip", "warmup", "batch_sequences"):
        assert getattr(quick, name) == getattr(seed, name)
    assert (seed.rank, seed.alpha, seed.dropout, seed.clip, seed.warmup) == (64, 16, 0.1, 0.3, 0.03)
    assert (seed.learning_rate, seed.epochs, seed.quantisation) == (2e-4, 1, "nf4")


def test_overrides_win_and_a_path_names_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"rank": 8}))
    recipe = load_recipe(path, {"epochs": 5})
    assert (recipe.name, recipe.rank, recipe.epochs) == ("mine", 8, 5)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ProjectError) as caught:
        load_recipe("quick", {"rnak": 8, "epochs": 0, "dropout": "much"})
    assert {mistake.split(":")[0] for mistake in caught.value.mistakes} == {"rnak", "epochs", "dropout"}


def test_an_unknown_recipe_is_refused_with_the_names_there_are():
    with pytest.raises(SourceError, match="quick"):
        load_recipe("quikc")


def test_a_recipe_that_is_no_mapping_is_refused(tmp_path):
    for name, text in (("list.yaml", "- 1"), ("torn.yaml", "a: [")):
        (tmp_path / name).write_text(text)
        with pytest.raises(ProjectError):
            load_recipe(tmp_path / name)


def test_every_field_is_explained():
    assert all(field.description for field in Recipe.model_fields.values())


def test_settings_survive_json():
    recipe = load_recipe("quick", {"target_modules": ["q_proj", "v_proj"]})
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_character_llm_is_as_published():
    recipe = load_recipe("character-llm")
    assert (recipe.method, recipe.learning_rate, recipe.batch_sequences, recipe.epochs, recipe.max_tokens) == (
        "full",
        2e-5,
        64,
        10,
        2048,
    )


def test_what_this_version_cant_divide_is_refused_with_the_field_to_change():
    with pytest.raises(TrainingError, match="sharding: none"):
        check_recipe(load_recipe("character-llm", {"sharding": "fsdp"}), processes=2)


def test_what_it_can_follow_is_not():
    for name in ("quick", "rocit", "character-llm", "ditto"):
        check_recipe(load_recipe(name))
    check_recipe(load_recipe("quick", {"sharding": "fsdp"}), processes=8)
