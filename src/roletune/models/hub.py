"""Download a model from the Hugging Face hub: safetensors, config and tokenizer, never code and never pickles."""

from __future__ import annotations

from pathlib import Path

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout

# Named one by one, so that neither .py nor .bin files reach this machine.
_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "*.txt", "README.md"]


def download(hub_id: str) -> Path:
    """The folder of a hub model; what is on this machine already is used as it is, without asking the hub.

    Raises `ModelError` if the hub can't be reached or has no such model.
    """
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise MissingExtraError(f"Downloading {hub_id}", "train") from error
    here = _already_here(hub_id)
    if here is not None:
        return here
    try:
        return Path(snapshot_download(hub_id, allow_patterns=_PATTERNS))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise ModelError(f"The hub has no model '{hub_id}', or it needs a login (hf auth login).") from error
    except (OSError, errors.HfHubHTTPError) as error:
        raise ModelError(
            f"'{hub_id}' is not on this machine and the hub can't be reached. "
            "Go online once, or name a local .gguf file or folder."
        ) from error


def _already_here(hub_id: str) -> Path | None:
    from huggingface_hub import errors, snapshot_download

    try:
        found = Path(snapshot_download(hub_id, allow_patterns=_PATTERNS, local_files_only=True))
        layout.check(found)
    except (errors.LocalEntryNotFoundError, ModelError):
        # Another tool may have downloaded a part of it only.
        return None
    return found
