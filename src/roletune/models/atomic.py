"""Let a large file appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roletune.errors import ResourceError


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `out` when the block ends well. Raises `ResourceError` if writing fails.

    A failure leaves an earlier `out` as it was, and nothing beside it.
    """
    temporary: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}-")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)  # mkstemp's files are closed to others, models are not secrets
        os.replace(temporary, out)
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(f"{out} can't be written ({error.strerror or error}). Free some space there.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
