"""ROUGE-L as RoleBench (arXiv 2310.00746) counts it: the summary-level variant of the PyPI package `rouge` 1.0.1.

A text is cut into sentences at every full stop and the sentences into words at white space; case and punctuation stay.
For each pair of a reference sentence and an answer sentence one longest common subsequence is traced back, and its
words go into one set. Recall is the size of that set over the number of distinct words of the reference, precision
over those of the answer. Words are sets, so saying one twice costs nothing, and a longer answer can only gain recall.

The paper's numbers are this recall; other implementations ("rougeL" of `rouge-score`, OpenCompass) give other numbers
for the same texts and can't be compared with it. Which of several equally long subsequences is traced decides the third
digit, so the order of the comparisons below is part of the definition.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from roletune.errors import EvaluationError

# Scripts that are written without spaces: kana, Han with its extensions, Thai.
UNSPACED = "\u0e01-\u0e4e\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"

_UNSPACED = re.compile(f"[{UNSPACED}]")
_LONGEST_WORD = 3  # characters a word of such a script has on average at most, if somebody has cut the text into words


class Overlap(NamedTuple):
    """What an answer and a reference have in common, each share between 0 and 1."""

    recall: float
    precision: float
    f1: float


def rouge_l(hypothesis: str, references: Sequence[str]) -> Overlap:
    """The overlap with the reference that gives the best F1 (the first of equals).

    Texts are words between white space. Raises EvaluationError without references, and for Chinese that is not cut into
    words or characters: its clauses would be compared as single words.
    """
    given = [references] if isinstance(references, str) else references
    if not given:
        raise EvaluationError("There is no reference to compare with. Give at least one.")
    for text in (hypothesis, *given):
        _refuse_unspaced(text)
    hypothesis_sentences = _sentences(hypothesis)
    return max((_overlap(hypothesis_sentences, _sentences(each)) for each in given), key=lambda found: found.f1)


def rouge_l_recall(hypothesis: str, references: Sequence[str]) -> float:
    """RoleBench's number for one answer, see `rouge_l`: the recall of the reference with the best F1."""
    return rouge_l(hypothesis, references).recall


def spaced(text: str, language: str) -> str:
    """`text` as it is scored in `language`: every character of a Chinese one is a word, others stay as they are."""
    return " ".join(text) if language == "zh" else text


def is_unspaced(text: str) -> bool:
    """Whether most letters are of a script without spaces, and nobody has put any between its words."""
    found = len(_UNSPACED.findall(text))
    if found == 0 or found < sum(character.isalpha() for character in text) / 2:
        return False
    words = sum(1 for word in text.split() if _UNSPACED.search(word))
    return found > _LONGEST_WORD * words


def _refuse_unspaced(text: str) -> None:
    if is_unspaced(text):
        raise EvaluationError(
            f"This text has no spaces between its words: {text.strip()[:30]!r}. Say that it is Chinese "
            "(--language zh), or put a space between its characters: spaced(text, 'zh')."
        )


def _sentences(text: str) -> list[list[str]]:
    # A piece of nothing but white space is a sentence of one empty word, as in the package that set the numbers.
    return [piece.split() or [""] for piece in text.split(".") if piece]


def _overlap(hypothesis: Sequence[Sequence[str]], reference: Sequence[Sequence[str]]) -> Overlap:
    said = {word for sentence in hypothesis for word in sentence}
    wanted = {word for sentence in reference for word in sentence}
    if not said or not wanted:
        return Overlap(0.0, 0.0, 0.0)
    common: set[str] = set()
    for sentence in reference:
        vocabulary = set(sentence)
        for other in hypothesis:
            # The way back always steps over a word of the answer that the reference lacks, so leaving it out changes
            # nothing. (The same is not true of the reference's words: there the step decides between equals.)
            words = [word for word in other if word in vocabulary]
            common.update(_common_subsequence(sentence, words) if len(words) > 1 else words)
    recall, precision = len(common) / len(wanted), len(common) / len(said)
    return Overlap(recall, precision, 2 * recall * precision / (recall + precision + 1e-8))


def _common_subsequence(reference: Sequence[str], words: Sequence[str]) -> list[str]:
    """The words of one longest common subsequence, last first; of two ways back as long, the one in the reference."""
    table = _lengths(reference, words)
    found = []
    i, j = len(reference), len(words)
    while i and j:
        if reference[i - 1] == words[j - 1]:
            found.append(words[j - 1])
            i, j = i - 1, j - 1
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return found


def _lengths(a: Sequence[str], b: Sequence[str]) -> list[list[int]]:
    """`table[i][j]`: the length of the longest common subsequence of the first `i` words of `a` and `j` of `b`."""
    table = [[0] * (len(b) + 1)]
    there = set(b)
    for word in a:
        above = table[-1]
        if word not in there:
            table.append(above)  # nothing to gain here: the same row once more
            continue
        row, left = [0], 0
        for j, other in enumerate(b):
            left = above[j] + 1 if word == other else max(above[j + 1], left)
            row.append(left)
        table.append(row)
    return table
