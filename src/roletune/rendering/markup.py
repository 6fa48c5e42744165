"""Text that a chat template or a tokenizer would take for its own markup, made harmless.

`<|im_end|>` inside a line would end the speaker's turn and let a partner, or a source file, speak for the character.
A space after its first sign (`< |im_end|>`) leaves it readable and makes it plain text for every tokenizer. Messages
are made harmless where they are made (`viewpoint`, `persona`), so that training, chat and serving say the same to any
endpoint; `Renderer` does it again with the special tokens of its own tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# One word in angle brackets, as all families write their tokens (<|im_end|>, </s>, <start_of_turn>, <<SYS>>), but not
# our own <thought>; and the words in square brackets that Mistral, Llama 2 and BERT use.
_MARKUP = re.compile(
    r"<(?!/?thought>)(?=(?:[|｜]/?|/?[A-Za-z_])[^<>\s]{0,60}>)"
    r"|\[(?=/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_\w{1,20}|IMG|gMASK|CLS|SEP|PAD|UNK|MASK|BOS|EOS)\])"
)


def harmless(text: str) -> str:
    """`text` with a space inside everything that looks like markup; doing it twice changes nothing more."""
    return _MARKUP.sub(r"\g<0> ", text)


def pattern_of(tokens: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the first sign of each of `tokens`; None if there is none of two signs or more."""
    longest_first = sorted({token for token in tokens if len(token.strip()) > 1}, key=len, reverse=True)
    return re.compile(f"(?=(?:{'|'.join(map(re.escape, longest_first))}))(.)", re.S) if longest_first else None
