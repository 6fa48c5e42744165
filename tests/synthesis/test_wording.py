import pytest

from roletune.synthesis.wording import goes_in_circles, speaks_as_assistant, talks_about_scene


@pytest.mark.parametrize("text", ["As an AI model, sir.", "作为一个AI语言模型，我不知道。", "有什么可以帮您？"])
def test_an_assistant_is_known_in_both_languages(text):
    assert speaks_as_assistant(text)


def test_talk_about_the_scene_is_known_in_both_languages():
    assert talks_about_scene("Fade out.")
    assert talks_about_scene("这一幕到此结束。")
    assert not talks_about_scene("这一生到此结束。")


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("and so it goes, and so it goes, and so it goes", True),
        ("and so it goes, and so it goes", False),
        ("the first to fly the iron ship, the first to fly the iron ship", True),
        ("the first to fly the iron ship, the first to fly the wooden one", False),
        ("鞠躬尽瘁鞠躬尽瘁鞠躬尽瘁", False),
        ("鞠躬尽瘁死而后已" * 3, True),
    ],
)
def test_long_runs_that_come_again_are_circles(text, circles):
    assert goes_in_circles(text) is circles
