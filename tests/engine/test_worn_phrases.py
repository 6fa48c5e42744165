import pytest

from roletune.engine.worn_phrases import worn_phrases, worn_share


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It sent Shivers  down my spine.", ["Shivers  down"]),
        ("I couldn’t help but smile; little did he know.", ["couldn’t help but", "little did he know"]),
        ("The shivering went down the spine of the book.", []),
        ("He delved into his orbsack.", []),
    ],
)
def test_phrases_are_found_in_any_spacing_case_and_apostrophe_and_as_whole_words(text, found):
    assert worn_phrases(text, "en-GB") == found


def test_each_language_has_its_list_and_one_without_a_list_has_the_users_own():
    assert worn_phrases("他眼中闪过一丝不安，深吸一口气。", "zh-CN") == ["眼中闪过一丝", "深吸一口气"]
    assert worn_phrases("a testament to him", "zh") == []
    assert worn_phrases("a testament to him", "fi", ["to him"]) == ["to him"]
    assert worn_phrases("anything", "fi") == []


def test_the_share_is_per_hundred_words_or_characters():
    assert worn_share("a testament to " + "him " * 47, "en") == 100 / 50
    assert worn_share("他深吸一口气走了。", "zh") == 100 / 8
    assert worn_share("", "en") == 0
