"""A local model server that we start and own: llama.cpp's, in a subprocess, on loopback, with a random key.

Guarantees: nobody else on the machine can use it (the key is never on a command line or in the environment); it ends
when we end, also by `kill -9`; what its native code prints goes to a log file and never into our output; a start that
fails says why, with the log's last lines. It needs the extra `local`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

from roletune.errors import MissingExtraError, ModelError, ResourceError
from roletune.llm.client import OpenAIChatModel

_CHILD = Path(__file__).with_name("server_process.py")
_TOLD_LINES = 8  # of the log, in the message about a failed start
_END_SECONDS = 10.0
_OUT_OF_MEMORY = ("failed to allocate", "out of memory", "bad_alloc", "cannot allocate")


class Progress(Protocol):
    """Where loading is shown; `engine.progress.Progress` is one."""

    def task(self, title: str, total: float | None, unit: str = "") -> AbstractContextManager[object]:
        """A task for the length of a `with` block."""


@dataclass(eq=False)
class LocalServer:
    """`async with LocalServer(gguf, loras=[("jarvis", path)]) as server: server.chat_model(identity, {"jarvis": 1.0})`.

    `loras` are GGUF adapters with a name each. `n_ctx` is in tokens and for each of the `n_parallel` conversations that
    are served at once. `label` is what people call the base. `log` is kept; without it a temporary one is removed when
    all went well. The server lives through several event loops, and ends with the thread that started it.
    """

    gguf: Path
    loras: list[tuple[str, Path]] = field(default_factory=list)
    n_ctx: int = 2048
    n_parallel: int = 4
    threads: int | None = None
    log: Path | None = None
    label: str = ""
    start_seconds: float = 600.0

    def __post_init__(self) -> None:
        self._key = secrets.token_urlsafe(32)
        self._process: subprocess.Popen[str] | None = None
        self._log_in_use = self.log or Path()
        self._address = ""

    @property
    def base_url(self) -> str:
        """Where it answers, while it runs; requests need the key, so use `chat_model`."""
        return f"{self._address}/v1"

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self, progress: Progress | None = None) -> None:
        """Load the weights and answer. ModelError, ResourceError or MissingExtraError if that can't be."""
        self._check()
        self._log_in_use = self._new_log()
        with self._log_in_use.open("wb") as log:
            # -P and the file's path: no folder of the user's can stand in for a module of ours.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            title = f"Loading {self.label or self.gguf.name}"
            with progress.task(title, None) if progress else contextlib.nullcontext():
                self._address = await self._wait_for_address(self._process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it; nothing to do if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        ended_by_itself = process.poll() is not None
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        try:
            await asyncio.to_thread(process.wait, _END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self.log is None and not ended_by_itself:
            self._log_in_use.unlink(missing_ok=True)

    async def __aenter__(self) -> LocalServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def chat_model(self, identity: str, scales: Mapping[str, float] | None = None, name: str = "") -> OpenAIChatModel:
        """The base with the named adapters at the given scales; those that are not named do nothing.

        `identity` is that of the weights and adapters; the scales are added to it here, so that no two mixtures share
        a reply in the ledger.
        """
        scales = dict(scales or {})
        known = [lora for lora, _ in self.loras]
        for lora in scales:
            if lora not in known:
                raise ModelError(
                    f"The server has no adapter {lora!r}. It was started with: {', '.join(known) or 'none'}."
                )
        mixture = [{"id": number, "scale": scales.get(lora, 0.0)} for number, lora in enumerate(known)]
        return OpenAIChatModel(
            self.base_url,
            name or next(iter(scales), self.gguf.stem),
            api_key=self._key,
            identity=f"{identity} {json.dumps(scales, sort_keys=True)}" if scales else identity,
            concurrency=self.n_parallel,
            extra={"lora": mixture} if mixture else {},
            when_gone=f"The embedded server has ended; its log is {self._log_in_use}. "
            "Ask again, or run the command again: it is started anew.",
        )

    def _check(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtraError("The embedded model server", "local")
        for path in (self.gguf, *(path for _, path in self.loras)):
            if not path.is_file():
                raise ModelError(f"There is no file {path}. Check the path, or make the file again.")

    def _new_log(self) -> Path:
        if self.log is None:
            descriptor, name = tempfile.mkstemp(prefix="roletune-server-", suffix=".log")
            os.close(descriptor)
            return Path(name)
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self.log.touch()
        except OSError as error:
            raise ResourceError(f"{self.log} can't be written: {error.strerror}. Check the folder.") from error
        return self.log

    async def _wait_for_address(self, process: subprocess.Popen[str]) -> str:
        """Hand over the settings, and read the one line that the child tells when it answers."""
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # gone already: its exit code tells more
            process.stdin.write(json.dumps(self._settings()) + "\n")
            process.stdin.flush()
        reading = asyncio.ensure_future(asyncio.to_thread(process.stdout.readline))
        await asyncio.wait({reading}, timeout=self.start_seconds)
        if not reading.done():
            process.kill()  # which also ends the thread that reads
            raise ResourceError(
                f"The embedded server did not start in {self.start_seconds:.0f} s. Is the machine busy, or the disk "
                f"slow? {self._last_lines()}"
            )
        address = reading.result().strip()
        if not address:
            raise self._why_it_ended(process.wait())
        return address

    def _settings(self) -> dict[str, object]:
        return {
            "gguf": str(self.gguf),
            "loras": [str(path) for _, path in self.loras],
            "key": self._key,
            "n_ctx": self.n_ctx,
            "n_parallel": self.n_parallel,
            "threads": self.threads or usable_cores(),
        }

    def _why_it_ended(self, code: int) -> ModelError | ResourceError:
        told = self._last_lines()
        if code == -signal.SIGKILL or any(sign in told.lower() for sign in _OUT_OF_MEMORY):
            cure = "There is probably not enough memory: use less n_ctx or n_parallel, or a smaller model."
            return ResourceError(f"The embedded server ended while it loaded {self.gguf}. {cure} {told}")
        return ModelError(
            f"The embedded server can't serve {self.gguf} (exit code {code}). "
            f"Check that it is a complete GGUF file, and that the adapters were made for it. {told}"
        )

    def _last_lines(self) -> str:
        lines = self._log_in_use.read_text(encoding="utf-8", errors="replace").splitlines()[-_TOLD_LINES:]
        return f"The end of its log ({self._log_in_use}):\n  " + "\n  ".join(lines)


def usable_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
