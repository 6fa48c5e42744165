"""Whether a profile mixes languages, or is in another one than its settings say."""

from __future__ import annotations

from collections import Counter

from roletune.engine.languages import language_of
from roletune.records import Finding, Passage, Profile


def mixed_languages(profile: Profile) -> list[Finding]:
    """Passages in another language than most of the text, and a text in another language than the settings say."""
    told = [(language_of(passage.text), passage) for passage in profile.passages]
    words: Counter[str] = Counter()
    for language, passage in told:
        words[language] += len(passage.text)
    words.pop("", None)
    if not words:
        return []
    main = words.most_common(1)[0][0]
    findings = [_other(language, main, passage) for language, passage in told if language not in ("", main)]
    if main != profile.language.split("-")[0].casefold():
        message = f"most of the text is in {main!r}, and `language` is {profile.language!r}. One of them is wrong."
        findings.append(Finding(check="languages", message=message))
    return findings


def _other(language: str, main: str, passage: Passage) -> Finding:
    start = passage.text[:50].strip()
    message = f"{start!r} is in {language!r}, most of the text in {main!r}. Translate it, or leave it away."
    return Finding(check="languages", message=message, where=passage.source)
