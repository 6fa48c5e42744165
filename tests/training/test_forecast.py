from roletune.models.architecture import well_known
from roletune.models.device import Device
from roletune.training.forecast import MEASURED, forecast, suggest
from roletune.training.recipe import load_recipe

CPU = Device("cpu", "bfloat16", 2, "a test")


def test_the_model_that_was_measured_has_the_speed_that_was_measured():
    expected = forecast(well_known("SmolLM2-135M-Instruct"), load_recipe("quick"), CPU, 20e9)
    assert expected.tokens_per_second == 2 * MEASURED["bfloat16"]
    assert "fits" in str(expected)
    assert "estimate" in str(expected)


def test_a_larger_model_is_slower_by_its_work():
    speeds = [
        forecast(well_known(name), load_recipe("quick"), CPU, 20e9).tokens_per_second
        for name in ("SmolLM2-135M-Instruct", "SmolLM2-360M-Instruct", "SmolLM2-1.7B-Instruct")
    ]
    assert speeds == sorted(speeds, reverse=True)
    assert 2 < speeds[0] / speeds[1] < 4


def test_what_is_suggested_fits_and_more_memory_never_suggests_less():
    little, much = suggest(CPU, 4e9), suggest(CPU, 64e9)
    assert {one.plan.base.name for one in little} <= {one.plan.base.name for one in much}
    assert all(one.plan.verdict == "fits" for one in much)
    assert suggest(CPU, 0.5e9) == []


def test_no_speed_is_told_for_a_gpu():
    (largest, *_) = suggest(Device("cuda", "float32", 2, "a test"), 15.8e9)
    assert largest.seconds is None
    assert "not measured" in str(largest)
    assert largest.plan.recipe.name == "jarvis"
