from tests.character import make_character

from roletune.project import Project
from roletune.verbs.notices import notices, without_repetition


def test_what_two_notices_both_say_is_told_once():
    own = "The character belongs to its owners. For research only; its scenes were written for it."
    page = "The character  belongs\nto its owners. For research only. The text is our own."
    assert without_repetition([own, page, "", own]) == [own, "The text is our own."]
    assert without_repetition(["", " "]) == []
    assert without_repetition(["角色属于其所有者。仅供研究。", "仅供研究。文字是我们的。"])[1] == "文字是我们的。"


def test_the_notice_of_the_settings_comes_before_what_the_profile_adds(tmp_path):
    folder = make_character(tmp_path / "mira", notice="Mira belongs to nobody.")
    profile = folder / "profile.md"
    text = profile.read_text("utf-8").replace("# Mira\n", "# Mira\n\n*Mira belongs to nobody. Ask before you print.*\n")
    profile.write_text(text, "utf-8")
    assert notices(Project.open(folder)) == ["Mira belongs to nobody.", "Ask before you print."]
