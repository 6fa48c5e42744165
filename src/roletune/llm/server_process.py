"""The child process that is the local model server: llama.cpp's own server, from the wheel `xllamacpp`.

It is run by `llm.server`, as a file of its own that imports nothing of ours. The first line on its standard input is a
JSON object of settings; on its standard output it tells one line, the address, when it answers. It lives as long as
its standard input is open: when the parent ends, however it ends, so does this process. Everything that the native code
has to say goes to standard error, which the parent has made a log file.

Settings: `gguf` and `loras` (a list) are paths, `key` is the key that requests must carry, `n_ctx` tokens of each of
`n_parallel` conversations, `threads`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from typing import Any

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_CACHE_MIB = 256  # prompts kept outside the slots: the default of 8 GiB is for larger machines


def main() -> None:
    """Serve until standard input ends."""
    _die_with_parent()
    _leave_signals_to_parent()
    telling = _keep_stdout()
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=_watch_stdin, daemon=True).start()
    server = start(settings)
    telling.write(server.listening_address + "\n")
    telling.flush()
    threading.Event().wait()


def start(settings: dict[str, Any]) -> Any:
    """A running `xllamacpp.Server`; its constructor returns when the weights are loaded and it answers."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["gguf"]
    # Scale 0.0: an adapter does nothing until a request asks for it.
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, 0.0) for path in settings["loras"]]
    params.n_parallel = settings["n_parallel"]
    params.n_ctx = settings["n_ctx"] * settings["n_parallel"]  # the server shares it out among its slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["key"]]
    params.cache_ram_mib = _CACHE_MIB
    params.ui = False
    return xllamacpp.Server(params)


def _leave_signals_to_parent() -> None:
    """Ctrl-C and a service's end reach every process of a group; whether replies still end is the parent's to say."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)


def _keep_stdout() -> Any:
    """Standard output for us alone: native code that prints is sent to the log with the rest."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return own


def _watch_stdin() -> None:
    while sys.stdin.read(1):
        pass
    os._exit(0)  # at once: nobody is left for whom an orderly end would matter


def _die_with_parent() -> None:
    """On Linux the kernel sees to it, also while native code keeps the thread above from running."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
