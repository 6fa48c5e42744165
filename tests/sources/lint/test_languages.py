from roletune.records import Passage, Profile
from roletune.sources.lint.languages import mixed_languages

EN = "She keeps the lighthouse at the end of the bay, and she has not left it for more than a day in all the years."
DE = "Sie wacht über den Leuchtturm am Ende der Bucht und hat ihn in all den Jahren nicht mehr als einen Tag verlassen."
FR = "Elle garde le phare au bout de la baie et ne l'a pas quitté plus d'un jour dans toutes ces années, avec sa sœur."
ZH = "她守护着海湾尽头的灯塔，这么多年来从未离开超过一天，也没有人来看过她。"


def profile(*texts, language="en"):
    passages = tuple(Passage(id=str(k), text=text, source=f"p#{k}") for k, text in enumerate(texts))
    return Profile(name="Ada", language=language, passages=passages)


def test_a_passage_in_another_language_is_found_with_its_place():
    (finding,) = mixed_languages(profile(EN, DE, EN))
    assert "is in 'de', most of the text in 'en'" in finding.message
    assert finding.where == "p#1"


def test_a_text_in_another_language_than_the_settings_say_is_found():
    assert mixed_languages(profile(EN, "Oui.", EN)) == []
    assert mixed_languages(profile(ZH, language="zh-CN")) == []
    (finding,) = mixed_languages(profile(FR, FR))
    assert finding.message.startswith("most of the text is in 'fr', and `language` is 'en'")
