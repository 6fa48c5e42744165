from roletune.records import Passage, Profile
from roletune.sources.lint import duplicate_passages, lint, lone_names, missing_aliases, too_little


def profile(*texts, name="JARVIS", aliases=()):
    passages = tuple(Passage(id=str(k), text=text, source=f"profile.md#{k}") for k, text in enumerate(texts))
    return Profile(name=name, aliases=aliases, passages=passages)


def test_a_profile_of_few_words_is_too_little():
    (finding,) = too_little(profile("He is kind."))
    assert "3 words in 1 passages" in finding.message
    assert too_little(profile("word " * 300)) == []


def test_passages_that_repeat_each_other_are_found_with_the_place_of_the_later():
    text = "He keeps the house warm and the doors shut at night"
    (finding,) = duplicate_passages(profile(text, "Something else entirely happened there", text + " always"))
    assert finding.where == "profile.md#2"
    assert duplicate_passages(profile(text, "Something else entirely happened there")) == []


def test_a_spelling_of_the_name_that_is_no_alias_is_found():
    text = "J.A.R.V.I.S. is here. Jarvis's voice is calm; (JARVIS) knows. Javis does not count."
    assert [f.message.split("'")[1] for f in missing_aliases(profile(text))] == ["J.A.R.V.I.S.", "Jarvis"]


def test_a_spelling_that_is_an_alias_is_no_finding():
    text = "J.A.R.V.I.S. is here. Jarvis's voice is calm."
    assert missing_aliases(profile(text, aliases=("J.A.R.V.I.S.", "Jarvis"))) == []


def test_a_stranger_among_the_allies_is_found():
    text = "His allies are Tony Stark, Aman Pandey and Pepper Potts. Tony likes Pepper. Later Stark met Potts."
    (finding,) = lone_names(profile(text))
    assert "Aman Pandey" in finding.message
    assert "Tony" not in finding.message
    assert finding.where == "profile.md#0"


def test_names_that_are_tied_to_others_are_no_finding():
    assert lone_names(profile("He serves Tony Stark. Tony rests. Howard Stark built it. Howard left.")) == []


def test_a_lint_holds_the_findings_of_every_check():
    assert {finding.check for finding in lint(profile("Aman Pandey helps J.A.R.V.I.S."))} == {
        "too little",
        "missing alias",
        "lone names",
    }
