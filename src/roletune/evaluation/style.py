"""Style checks: what a reader notices in a reply before any judge does.

A check is a function `(reply, manner) -> Finding | None`; None means that it passes. A finding's `where` is the passage
that gave it away, word for word, so that the report can mark it. Checks are mechanical and err on the side of silence:
they say that something is there, not that the reply is bad. Phrases to look for are in `phrases/LANGUAGE.yaml`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from roletune.engine.worn_phrases import has_list, worn_phrases
from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import wilson
from roletune.records import CONTESTANTS, Finding, Reply, StyleReport

PHRASES = files("roletune.evaluation") / "phrases"
UNANSWERED = "unanswered"  # the finding of a reply that never came: counted, and left out of every rate
NO_WARNING = "no_warning"  # the rate of replies in which no check found anything but notes
NOTES = ("address", "slop")  # checks that note and warn of nothing: one worn phrase may stand in good prose
EMOJI = r"(?:[\U0001F1E6-\U0001FAFF\u2600-\u27BF\u2B50\u2B55]|(?<!\w)[:;]-?[)(DP](?!\w))"
# A reply is text already: `harmless` may have put a space after the first sign of a mark that was said before.
MARKUP = re.compile(
    r"< ?[|｜][^<>\n]{1,60}>|< ?/?s>|< ?(?:start|end)_of_turn>|\[ ?/?INST\]|< ?< ?/?SYS ?>>|< ?/?(?:end|begin)of\w+>"
    r"|< ?/?think>|< ?\w{1,20}[|｜]>|\[ ?(?:UNK|PAD|CLS|SEP|MASK|BOS|EOS)\]|^#{2,3} ?(?:Instruction|Response):",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Manner:
    """What a check needs to know about the character and whom it talks to.

    `names` are the character's own, `partners` those of the people who speak to it, `address` the forms of which one is
    expected in a reply (empty: not checked), `longest` the number of words above which a reply is too long, `worn` worn
    phrases beside those of the list.
    """

    names: tuple[str, ...]
    partners: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    longest: int = 120
    language: str = "en"
    worn: tuple[str, ...] = ()


Check = Callable[[str, Manner], Finding | None]


def says_nothing(reply: str, manner: Manner) -> Finding | None:
    """The reply is empty."""
    return None if re.search(r"\w", reply) else _found("says_nothing", "there is no word in it", reply)


def stage_directions(reply: str, manner: Manner) -> Finding | None:
    """Narrates instead of speaking: *smiles*, (pauses), [exit]."""
    starred = re.search(r"(?<!\*)\*(?!\*)[^*\n]+\*(?!\*)", reply)
    bracketed = re.search(r"^\s*[(\[][^)\]\n]+[)\]]|\[[^\]\n]+\]", reply, re.MULTILINE)
    match = starred or bracketed
    return _found("stage_directions", "narrates instead of speaking", match[0].strip()) if match else None


def assistant_speak(reply: str, manner: Manner) -> Finding | None:
    """Sounds like a chat assistant: its stock phrases, lists or headings."""
    if match := _phrase("assistant_speak", reply, manner):
        return _found("assistant_speak", "a stock phrase of chat assistants", match)
    layout = re.search(r"^\s*(?:#{1,6} |[-*•] |\d+[.)] ).*$|\*\*[^*\n]+\*\*", reply, re.MULTILINE)
    return _found("assistant_speak", "written as a list or with headings", layout[0].strip()) if layout else None


def whole_sentence(reply: str, manner: Manner) -> Finding | None:
    """Breaks off: the last sentence has no end."""
    end = re.sub(rf"(?:[\s\"'”’»)\]}}*_\ufe0f]|{EMOJI})+$", "", reply)
    if not end or end[-1] in ".!?…。！？":
        return None
    return _found("whole_sentence", "breaks off before the end of the sentence", _last_words(reply))


def address(reply: str, manner: Manner) -> Finding | None:
    """Does not address anybody the way this character does."""
    if any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", reply, re.IGNORECASE) for form in manner.address):
        return None
    forms = " or ".join(f"“{form}”" for form in manner.address)
    return Finding(check="address", message=f"addresses nobody as {forms}", severity="note")


def slop(reply: str, manner: Manner) -> Finding | None:
    """Uses phrases that models use far oftener than people."""
    found = worn_phrases(reply, manner.language, manner.worn)
    if not found:
        return None
    message = "a worn phrase" if len(found) == 1 else f"{len(found)} worn phrases"
    return Finding(check="slop", message=message, where=found[0], severity="note")


def emoji(reply: str, manner: Manner) -> Finding | None:
    """Uses an emoji or an emoticon."""
    match = re.search(EMOJI, reply)
    return _found("emoji", "an emoji or emoticon", match[0]) if match else None


def repetition(reply: str, manner: Manner) -> Finding | None:
    """Says the same again: a sentence twice, four words three times, or one word four times running."""
    sentences = [s.strip() for s in re.split(r"(?<=[.!?。！？])\s*|\n", reply) if word_count(s) >= 4]
    folded = Counter(" ".join(words(s)) for s in sentences)
    for sentence in reversed(sentences):
        if folded[" ".join(words(sentence))] > 1:
            return _found("repetition", "says a sentence twice", sentence)
    if match := re.search(r"\b(\w+)(?:\W+\1\b){3,}", reply, re.IGNORECASE):
        return _found("repetition", "says one word over and over", match[0])
    spoken = words(reply)
    fours = Counter(zip(*(spoken[k:] for k in range(4)), strict=False))
    worst, count = max(fours.items(), key=lambda item: item[1], default=((), 0))
    return _found("repetition", f"says “{' '.join(worst)}” {count} times", "") if count >= 3 else None


def speaks_for_the_user(reply: str, manner: Manner) -> Finding | None:
    """Writes somebody else's lines as well, or puts a name before its own."""
    others = (*manner.partners, "User", "Human", "You", "Me", "Assistant")
    if label := _label(others, reply):
        return _found("speaks_for_the_user", "writes somebody else's line", label)
    if label := _label(manner.names, reply):
        return _found("speaks_for_the_user", "puts its own name before its line", label)
    # An unknown label may be a heading ("Status: ..."); two different ones are a script.
    unknown = re.findall(r"^\s*([^\W\d_][\w.' -]{0,30}:)(?=\s|$)", reply, re.MULTILINE)
    names = [label for label in unknown if _is_like_a_name(label)]
    return _found("speaks_for_the_user", "writes a script", names[0]) if len(set(names)) > 1 else None


def _is_like_a_name(label: str) -> bool:
    """Short, and every word a capital one: a line of verse may end in a colon, too ("Friend, look to it: ...")."""
    words = label.rstrip(":").split()
    return len(words) <= 3 and all(word[0] == word[0].upper() for word in words)


def leaves_role(reply: str, manner: Manner) -> Finding | None:
    """Admits to be a program that plays the character."""
    match = _phrase("leaves_role", reply, manner)
    return _found("leaves_role", "talks about the model behind the character", match) if match else None


def markup(reply: str, manner: Manner) -> Finding | None:
    """Holds what a chat template or a data set writes between texts: <|im_end|>, [/INST], <|NONSTOP|>."""
    match = MARKUP.search(reply)
    return _found("markup", "a mark of a chat template or of the data it learnt from", match[0]) if match else None


def too_long(reply: str, manner: Manner) -> Finding | None:
    """Goes on for longer than the character would."""
    count = word_count(reply)
    if count <= manner.longest:
        return None
    return Finding(check="too_long", message=f"{count} words where {manner.longest} are plenty")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        says_nothing,
        leaves_role,
        markup,
        stage_directions,
        speaks_for_the_user,
        assistant_speak,
        whole_sentence,
        repetition,
        too_long,
        emoji,
        slop,
        address,
    )
}


def checks_for(manner: Manner) -> dict[str, Check]:
    """The checks that can say something about this character: address forms given, phrases known in its language."""
    left_out = set() if manner.address else {"address"}
    if not manner.worn and not has_list(manner.language):
        left_out |= {"slop"}
    if not _phrases(manner.language):
        left_out |= {"assistant_speak", "leaves_role"}
    return {name: check for name, check in CHECKS.items() if name not in left_out}


def inspect(reply: str, manner: Manner) -> tuple[Finding, ...]:
    """What every applicable check finds in one reply; of an empty one, only that it is empty."""
    if nothing := says_nothing(reply, manner):
        return (nothing,)
    findings = (check(reply, manner) for check in checks_for(manner).values())
    return tuple(finding for finding in findings if finding is not None)


def rate_style(replies: Sequence[Reply], checks: Iterable[str]) -> StyleReport:
    """Per contestant and check the share of replies that pass, beside the share without any warning (`no_warning`).

    Replies that never came are not counted in any share; an empty reply fails every check.
    """
    contestants = [*CONTESTANTS, *(name for name in replies[0].others)] if replies else list(CONTESTANTS)
    names = tuple(checks)
    rates, unanswered = {}, {}
    for contestant in contestants:
        found = [{f.check: f.severity for f in reply.findings.get(contestant, ())} for reply in replies]
        answered = [checks for checks in found if UNANSWERED not in checks]
        if not answered:
            raise EvaluationError(f"The contestant {contestant!r} answered no question. See the log for the reasons.")
        passes = {
            name: sum(name not in checks and "says_nothing" not in checks for checks in answered) for name in names
        }
        passes[NO_WARNING] = sum("warning" not in checks.values() for checks in answered)
        rates[contestant] = {name: wilson(count, len(answered)) for name, count in passes.items()}
        unanswered[contestant] = len(found) - len(answered)
    return StyleReport(rates=rates, unanswered=unanswered)


def shown_checks(style: StyleReport) -> list[str]:
    """The checks of a report in the order of a table: where somebody fails most first, `no_warning` last."""
    names = dict.fromkeys(name for rates in style.rates.values() for name in rates if name != NO_WARNING)
    worst = {name: min(rates[name].value for rates in style.rates.values() if name in rates) for name in names}
    return [*sorted(names, key=lambda name: worst[name]), NO_WARNING]


def words(text: str) -> list[str]:
    """Words in lower case; every Chinese or Japanese character counts as one."""
    return re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+(?:['’-]\w+)*", text.casefold())


def word_count(text: str) -> int:
    """Number of words, see `words`."""
    return len(words(text))


def _found(check: str, message: str, where: str) -> Finding:
    return Finding(check=check, message=message, where=where)


def _label(names: Sequence[str], reply: str) -> str | None:
    """The first `Name:` or `Name (softly):` of one of `names` that begins a line or follows a sentence."""
    known = "|".join(re.escape(name) for name in names)
    match = re.search(rf"(?:^|[.!?]\s)\s*\**((?:{known})\**\s*(?:\([^)\n]*\))?:)", reply, re.MULTILINE | re.IGNORECASE)
    return match[1] if match else None


def _last_words(reply: str) -> str:
    return " ".join(reply.split(" ")[-4:]).strip()


def _phrase(group: str, reply: str, manner: Manner) -> str | None:
    pattern = _phrases(manner.language).get(group)
    match = pattern.search(reply.replace("’", "'")) if pattern else None
    # The apostrophes were made alike only to be found: what is reported is what stands there.
    return reply[match.start() : match.end()] if match else None


@cache
def _phrases(language: str) -> Mapping[str, re.Pattern[str]]:
    """Group -> one expression of all its phrases; empty for a language nobody has written phrases for."""
    file = PHRASES / f"{language.split('-')[0]}.yaml"
    if not re.fullmatch(r"[A-Za-z-]+", language) or not file.is_file():
        return {}
    groups: dict[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {
        group: re.compile("|".join(rf"(?<!\w)(?:{phrase})(?!\w)" for phrase in phrases), re.IGNORECASE)
        for group, phrases in groups.items()
    }
