from roletune.records import Passage, Profile
from roletune.sources.lint.checks import duplicate_passages, lint, missing_aliases, out_of_place, too_little


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


def test_a_stranger_among_the_allies_is_found_with_the_evidence_and_the_place():
    text = "His allies are Tony Stark, Aman Pandey and Pepper Potts. Tony likes Pepper. Later Stark met Potts."
    (finding,) = out_of_place(profile(text))
    assert finding.message.startswith("'Aman Pandey' is number 1 of 1 rare names")
    assert "it is one item of an enumeration" in finding.message
    assert "allies are Tony Stark, Aman Pandey and Pepper" in finding.message
    assert (finding.where, finding.severity) == ("profile.md#0", "note")


def test_no_more_than_three_names_are_shown_and_rare_names_that_belong_are_not():
    strangers = "Kay Low, Lee Moss, Mia Nash, Ned Oaks, Pam Quill and Rex Shaw"
    assert len(out_of_place(profile(f"His allies are {strangers}."))) == 3
    assert out_of_place(profile("He serves Tony Stark. Tony rests. The engineer Howard Hill built it.")) == []


def test_chinese_text_is_counted_by_character():
    assert too_little(profile("他守护着这座房子。" * 40)) == []


def test_a_lint_holds_the_findings_of_every_check():
    text = "His allies are Ann, Aman Pandey, Tom and J.A.R.V.I.S. [edit] Ann met Tom at the caf\u00c3\u00a9"
    passages = [*profile(text, "Early life").passages, Passage(id="x", text="Fin.", source="c", licence="CC BY-ND")]
    found = lint(Profile(name="JARVIS", passages=tuple(passages)))
    assert {finding.check for finding in found} == {
        "too little",
        "missing alias",
        "foreign name",
        "boilerplate",
        "heading",
        "encoding",
        "licences",
    }
    assert "foreign name" not in {
        finding.check
        for finding in lint(Profile(name="JARVIS", passages=tuple(passages)), ["Aman Pandey", "Ann", "Tom"])
    }
