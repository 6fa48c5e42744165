"""Messages -> token ids and loss mask, through the model's own chat template.

One renderer serves training, evaluation and chat. It guarantees, and checks on every rendering, that

* the prompt at turn *n* (`prompt_ids`) is a token prefix of the training rendering, so what is served is what was
  trained;
* the mask covers exactly the content of the messages that carry loss and the template's own end token after each. What
  others say may carry loss too (an ablation); where a template ends it with no token of its own, only its content does.

Nothing is added to the vocabulary, and no content can end a turn or begin one (see `rendering.markup`). A template that
refuses a system message or a conversation that the assistant opens (Llama 2, Gemma) gets the system text as its first
user message, in training and in chat alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import jinja2

from roletune.errors import RenderError
from roletune.records import Message
from roletune.rendering.markup import harmless, pattern_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_MARK = "\N{SNOWMAN}@\N{SNOWMAN}"  # stands for a content, to see what a template writes after it


class Rendered(NamedTuple):
    """Token ids, their loss mask (same length), and for each message with loss its span [start, end) of tokens."""

    ids: list[int]
    mask: list[bool]
    spans: list[tuple[int, int]]


class Renderer:
    """Renders conversations for one tokenizer. Raises RenderError where its template can't keep the guarantees."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.chat_template:
            raise RenderError(
                "The base model has no chat template, so it can't be told who speaks. Choose an instruct or chat model."
            )
        if not tokenizer.is_fast:
            raise RenderError("The base model has no fast tokenizer; one is needed to map text to tokens.")
        self.tokenizer = tokenizer

    def render(self, messages: Sequence[Message]) -> Rendered:
        """The whole conversation as it is trained on."""
        whole = self._text(messages)
        spans = [self._characters(messages, i, whole) for i, message in enumerate(messages) if message.loss]
        encoded = self.tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        ids: list[int] = encoded["input_ids"]
        tokens = [self._tokens(encoded["offset_mapping"], span, whole) for span in spans]
        own = [message.role == "assistant" for message in messages if message.loss]
        for (start, end), (first, _), mine in zip(tokens, spans, own, strict=True):
            if self._encode(whole[:first]) != ids[:start]:
                raise RenderError(
                    "The prompt of a turn is not a token prefix of the conversation: this tokenizer joins the start of "
                    f"a reply with what stands before it ({whole[first - 20 : first + 10]!r}). Choose another model."
                )
            if mine and ids[end - 1] not in self._end_tokens:
                raise RenderError(
                    f"The chat template ends a reply with {self.tokenizer.decode([ids[end - 1]])!r}, which is no "
                    "special token, so the model could not learn where to stop. Choose another base model."
                )
        mask = [False] * len(ids)
        for start, end in tokens:
            mask[start:end] = [True] * (end - start)
        return Rendered(ids, mask, tokens)

    def text(self, messages: Sequence[Message]) -> str:
        """The conversation as the chat template writes it, without the cue for a reply."""
        return self._text(messages)

    @property
    def added_start(self) -> str:
        """What a runtime puts before every text by itself, as the tokenizer says; the template may write it too."""
        bos = self.tokenizer.bos_token_id
        begins = self.tokenizer("a")["input_ids"][:1] == [bos] if bos is not None else False
        return str(self.tokenizer.bos_token) if begins else ""

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The text a model is given to continue, up to and including the cue for its reply."""
        return self._text(messages, cue=True)

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """The tokens a model is given to continue."""
        return self._encode(self.prompt_text(messages))

    def count(self, messages: Sequence[Message]) -> int:
        """Number of tokens of the conversation."""
        return len(self._encode(self._text(messages)))

    @cached_property
    def opening(self) -> str:
        """What the template itself writes before the first user message of a conversation without a system message."""
        return self._text([Message(role="user", content="@")]).partition("@")[0]

    # -----------------------------------------------------------------------------------------------------------------

    @cached_property
    def _end_tokens(self) -> set[int]:
        return set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)

    @cached_property
    def _special(self) -> re.Pattern[str] | None:
        added = self.tokenizer.added_tokens_decoder.values()
        return pattern_of([*self.tokenizer.all_special_tokens, *(str(token) for token in added if token.special)])

    def _harmless(self, content: str) -> str:
        text = harmless(content.strip())
        return self._special.sub(r"\1 ", text) if self._special else text

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _apply(self, messages: list[dict[str, str]], *, cue: bool) -> str | None:
        text = self._tried(messages, cue=cue)
        return text if isinstance(text, str) else None

    def _tried(self, messages: list[dict[str, str]], *, cue: bool) -> str | jinja2.TemplateError:
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=cue))
        except jinja2.TemplateError as error:
            return error

    def _text(self, messages: Sequence[Message], *, cue: bool = False) -> str:
        plain = [{"role": message.role, "content": self._harmless(message.content)} for message in messages]
        if self._folds(plain):
            plain = _fold_system(plain)
        text = self._tried(plain, cue=cue)
        if isinstance(text, jinja2.TemplateError):
            roles = " ".join(message["role"] for message in plain)
            raise RenderError(
                f"The chat template refuses a conversation of the roles: {roles} ({text}). Choose another base model."
            )
        return text

    def _folds(self, plain: list[dict[str, str]]) -> bool:
        """Whether this template needs the system text inside the first user message, for conversations opened so."""
        opening = tuple(message["role"] for message in plain[:2])
        if opening == ("system",):  # nobody has spoken yet: what is asked for is an opening by the assistant
            opening = ("system", "assistant")
        if "system" not in opening:
            return False
        if opening not in self._folding:
            probe = [
                {"role": role, "content": "@"} for role in (*opening, "assistant" if opening[-1] == "user" else "user")
            ]
            self._folding[opening] = self._apply(probe, cue=False) is None
        return self._folding[opening]

    @cached_property
    def _folding(self) -> dict[tuple[str, ...], bool]:
        return {}

    def _characters(self, messages: Sequence[Message], i: int, whole: str) -> tuple[int, int]:
        """Span of characters of message `i` with its end token."""
        upto = self._text(messages[: i + 1])
        if messages[i].role != "assistant":
            return self._heard(messages, i, whole, upto)
        # Templates refuse to cue an empty conversation, so what stands before an opening line is cut from the text.
        before = self._text(messages[:i], cue=True) if i else upto.partition(self._harmless(messages[0].content))[0]
        if not (whole.startswith(before) and whole.startswith(upto)):
            raise RenderError(
                "The chat template renders a reply differently once the conversation goes on (some templates drop "
                "earlier reasoning), so a turn can't be trained as it will be served. Choose another base model."
            )
        return len(before), len(upto.rstrip())

    def _heard(self, messages: Sequence[Message], i: int, whole: str, upto: str) -> tuple[int, int]:
        """Span of what another says, with an end token where the template writes one at once; `upto` ends after it."""
        marked = self._text([*messages[:i], messages[i].model_copy(update={"content": _MARK})])
        content, tail = self._harmless(messages[i].content), marked.rpartition(_MARK)[2]
        first = len(upto) - len(tail) - len(content)
        if not whole.startswith(upto) or upto[first : first + len(content)] != content:
            raise RenderError(
                "The chat template does not write what a user says as it is, so its place can't be told. Train on the "
                "character's turns only (dataset.loss: target), or choose another base model."
            )
        ends = next((token for token in self._ends if tail.startswith(token)), "")
        return first, first + len(content) + len(ends)

    @cached_property
    def _ends(self) -> list[str]:
        return sorted({self.tokenizer.decode([token]) for token in self._end_tokens} - {""}, key=len, reverse=True)

    def _tokens(self, offsets: list[tuple[int, int]], span: tuple[int, int], whole: str) -> tuple[int, int]:
        """The tokens that lie in a span of characters; none may lie across its start."""
        first, last = span
        inside = [k for k, (start, end) in enumerate(offsets) if start >= first and end <= last and end > start]
        if not inside or any(start < first < end for start, end in offsets):
            raise RenderError(f"A token lies across the start of a reply: {whole[max(0, first - 10) : first + 10]!r}.")
        return inside[0], inside[-1] + 1


def _fold_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """System text as the start of the first user message."""
    system, *rest = messages
    if rest and rest[0]["role"] == "user":
        return [{"role": "user", "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{"role": "user", "content": system["content"]}, *rest]
