"""roletune makes a language model play a character, and proves that it does.

`load` opens a trained character to talk with. It is imported when it is first asked for, so that `import roletune`
stays light, and by name, so that lower layers, which import this package for its version, do not depend on higher
ones; its type is in `__init__.pyi`.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "load"]

_LAZY = {"load": "roletune.verbs.load"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
