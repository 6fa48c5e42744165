import pytest

from roletune.engine.languages import known_languages, language_of

EN = "She keeps the lighthouse at the end of the bay, and she has not left it for more than a day in all the years."
DE = "Sie wacht über den Leuchtturm am Ende der Bucht und hat ihn in all den Jahren nicht mehr als einen Tag verlassen."
FR = "Elle garde le phare au bout de la baie et ne l'a pas quitté plus d'un jour dans toutes ces années, avec sa sœur."
ZH = "她守护着海湾尽头的灯塔，这么多年来从未离开超过一天，也没有人来看过她。"
JA = "彼女は湾の果てにある灯台を守っており、何年もの間一日以上離れたことがありません。"
RU = "Она хранит маяк на краю залива и за все эти годы не оставляла его больше чем на день, как он и просил."


@pytest.mark.parametrize(("text", "language"), [(EN, "en"), (DE, "de"), (FR, "fr"), (ZH, "zh"), (JA, "ja"), (RU, "ru")])
def test_a_language_is_told_by_script_and_small_words(text, language):
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["", "Oui, bien sûr.", "灯塔", "Xyzzy " * 40, "1234 " * 50])
def test_what_is_short_or_of_no_language_is_not_told(text):
    assert language_of(text) == ""


def test_the_languages_that_can_be_told_are_named():
    assert {"en", "de", "zh", "ja"} <= known_languages()
    assert "fi" not in known_languages()
