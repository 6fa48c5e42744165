"""Where the peers of `benchmarks/training.py` run: an environment of their own in the cache, made when asked for.

It sees the packages of the interpreter that makes it (torch above all), and has its own versions of what the peer pins.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from importlib.util import find_spec
from pathlib import Path

# LLaMA-Factory names its interface, its players of sound and film, and torch's companions as requirements. Training
# text needs none of them, and PyPI's torchvision does not go with a torch for CPUs. 0.4 GB instead of 2.
LLAMAFACTORY = "llamafactory==0.9.5"
ITS_NEEDS = (
    "transformers==5.6.0",
    "trl==0.24.0",
    "peft==0.18.1",
    "datasets==4.0.0",
    "accelerate==1.11.0",
    "torchdata==0.11.0",
    "av<=16.0.0",
    "tyro<0.9.0",
    "einops",
    "fire",
    "omegaconf",
    "hf-transfer",
    "modelscope",
    "scipy",
    "sentencepiece",
    "tiktoken",
    "sse-starlette",
    "pandas",
    "protobuf",
    "matplotlib",
    "fastapi",
    "uvicorn",
)


def interpreter(peer: str, folder: Path) -> Path:
    """The python that has this peer; its environment is made in `folder` the first time."""
    if peer == "trl" and find_spec("trl") and find_spec("datasets"):
        return Path(sys.executable)
    home = folder / peer
    python = home / "bin" / "python"
    if not (home / "whole").exists():
        print(f"making an environment for {peer} in {home}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        site = next(home.glob("lib/python3*/site-packages"))
        (site / "parent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        if peer == "trl":
            _install(python, "trl>=1.16", "datasets")
        else:
            _install(python, "--no-deps", LLAMAFACTORY)
            _install(python, *ITS_NEEDS)
            (site / "torchaudio.py").touch()  # imported, never used
        (home / "whole").touch()
    return python


def _install(python: Path, *what: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "-q", *what], check=True)
