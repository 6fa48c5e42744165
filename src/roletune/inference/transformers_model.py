"""A model on transformers and PEFT in this process, as a ChatModel: for base models that llama.cpp can't serve here.

Guarantees: base and adapter share one copy of the weights; one reply at a time is written, in a thread of its own; a
prompt is rendered as in training, and a reply ends at the chat template's own end token; of the request, what is not
honoured is refused. Who leaves early stops the writing at the next token.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roletune.errors import EndpointError, ModelError
from roletune.inference.loaded_model import LoadedModel, explained
from roletune.inference.stop_strings import GrowingText
from roletune.llm.request import ChatReply, ChatRequest
from roletune.models.load import quiet
from roletune.records import Message

if TYPE_CHECKING:
    import torch

_SAMPLING = {"min_p": "min_p", "repeat_penalty": "repetition_penalty"}  # llama.cpp's names -> transformers'

Tell = Callable[[str], None]


@dataclass(eq=False)
class TransformersModel:
    """A ChatModel on loaded weights; with `adapted` the adapter is on, without it the base answers alone."""

    loaded: LoadedModel
    identity: str
    name: str
    adapted: bool = False

    def __post_init__(self) -> None:
        if self.adapted and self.loaded.adapter is None:
            raise ModelError(f"{self.name} was loaded without an adapter. Load it with one.")

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The whole reply; finish_reason "length" if max_tokens, or the model's context, did not suffice."""
        replies: list[ChatReply] = []
        async for _ in self.stream(request, replies.append):
            pass
        return replies[0]

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The reply in pieces. Raises EndpointError for a request that can't be answered as it is."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        left = threading.Event()

        def tell(piece: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        writing = loop.run_in_executor(self.loaded.worker, self._write, request, tell, left)
        writing.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            reply = await writing
        finally:
            left.set()
            writing.cancel()  # if its turn has not come yet; otherwise `left` ends it
        if on_end:
            on_end(reply)

    def _write(self, request: ChatRequest, tell: Tell, left: threading.Event) -> ChatReply:
        started = time.perf_counter()
        prompt = self._prompt(request)
        watch = _Watch(self.loaded, len(prompt), GrowingText(request.stop), tell, left)
        off = self.loaded.adapter is not None and not self.adapted
        with explained(), self.loaded.model.disable_adapter() if off else contextlib.nullcontext():
            _generate(self.loaded, prompt, request, watch)
        return ChatReply(
            text=watch.finish(),
            finish_reason="stop" if watch.done else "length",
            prompt_tokens=len(prompt),
            completion_tokens=watch.tokens,
            seconds=time.perf_counter() - started,
            key=request.key(self.identity),
        )

    def _prompt(self, request: ChatRequest) -> list[int]:
        unknown = [*(["schema"] if request.schema else []), *sorted(request.extra.keys() - _SAMPLING.keys())]
        if unknown:
            raise EndpointError(
                f"{self.name} runs in this process, which can't do: {', '.join(unknown)}. "
                "Bind the role to an endpoint that can, or name the base model by a .gguf file."
            )
        ids = self.loaded.renderer.prompt_ids([Message.model_validate(dict(each)) for each in request.messages])
        context = self.loaded.context
        if context is not None and len(ids) >= context:
            raise EndpointError(
                f"The prompt has {len(ids)} tokens and {self.name} takes {context} with the reply. Shorten it, or "
                "lower chat.context_tokens."
            )
        return ids


class _Watch:
    """Looks at a reply after each token: tells its new text, and says when it ends (a stopping criterion)."""

    def __init__(
        self, loaded: LoadedModel, prompt_tokens: int, growing: GrowingText, tell: Tell, left: threading.Event
    ) -> None:
        self._loaded = loaded
        self._start = prompt_tokens
        self._growing = growing
        self._tell = tell
        self._left = left
        self._whole = ""
        self.tokens = 0
        self.done = False

    def __call__(self, ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        import torch

        written: list[int] = ids[0, self._start :].tolist()
        self.tokens = len(written)
        ended = bool(written) and written[-1] in self._loaded.ends
        self._whole = self._decode(written[:-1] if ended else written)
        self._show(last=ended)
        self.done = ended or self._growing.stopped
        return torch.tensor([self.done or self._left.is_set()], device=ids.device)

    def finish(self) -> str:
        """The whole text, after what was held back is told."""
        self._show(last=True)
        return self._growing.text

    def _show(self, *, last: bool) -> None:
        if (piece := self._growing.grow(self._whole, last=last)) and not self._left.is_set():
            self._tell(piece)

    def _decode(self, ids: Sequence[int]) -> str:
        tokenizer = self._loaded.renderer.tokenizer
        return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _generate(loaded: LoadedModel, prompt: list[int], request: ChatRequest, watch: _Watch) -> None:
    import torch
    from transformers import GenerationConfig

    room = request.max_tokens if loaded.context is None else min(request.max_tokens, loaded.context - len(prompt))
    sampling: dict[str, Any] = {_SAMPLING[name]: value for name, value in request.extra.items()}
    if request.temperature > 0:
        # 0, not unset: transformers' default is to draw from the 50 likeliest tokens only.
        sampling |= {"do_sample": True, "temperature": request.temperature, "top_p": request.top_p, "top_k": 0}
    else:
        sampling = {"do_sample": False, **{name: value for name, value in sampling.items() if name != "min_p"}}
    # Training seeds for itself, so nobody misses the process's own random state.
    torch.manual_seed(secrets.randbits(63) if request.seed is None else request.seed + request.sample)
    ids = torch.tensor([prompt], device=loaded.device)
    with quiet():
        loaded.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            generation_config=GenerationConfig(max_new_tokens=room, **sampling),
            stopping_criteria=[watch],
        )
