"""The Hugging Face hub: models from it (safetensors, config, tokenizer; no code, no pickles), and exports to it."""

from __future__ import annotations

from pathlib import Path

from roletune.errors import MissingExtraError, ModelError
from roletune.models import folder as layout
from roletune.models.weights import HUB_ID

BASE_LINK = "base.gguf"  # the base beside an exported Modelfile: somebody else's weights
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


def upload(folder: Path, hub_id: str, *, private: bool = True, endpoint: str | None = None) -> str:
    """Put every file of `folder` into the model repository `hub_id`, which is made if need be; its address.

    `endpoint` is another hub than the environment names. What lies in folders below is left out, and
    the base model.

    Raises `ModelError` if the name is none, the hub refuses, or it can't be reached.
    """
    if not HUB_ID.fullmatch(hub_id):
        raise ModelError(f"'{hub_id}' is not the name of a repository. Name it like 'organisation/model'.")
    try:
        from huggingface_hub import HfApi, errors
        from huggingface_hub.errors import LocalTokenNotFoundError
    except ImportError as error:
        raise MissingExtraError(f"Uploading to {hub_id}", "train") from error
    api = HfApi(endpoint=endpoint)
    try:
        url = api.create_repo(hub_id, private=private, exist_ok=True, repo_type="model")
        api.upload_folder(
            repo_id=hub_id,
            folder_path=folder,
            commit_message="Upload with roletune",
            ignore_patterns=["*/*", BASE_LINK],
        )
    except LocalTokenNotFoundError as error:
        raise ModelError("The hub does not know who you are. Log in first: hf auth login") from error
    except errors.HfHubHTTPError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The hub does not take {hub_id}: {reason}. Log in with a token that may write.") from error
    except (OSError, _http_error()) as error:
        raise ModelError(f"The hub can't be reached for {hub_id} ({error}). Go online and try again.") from error
    return str(url)


def _http_error() -> type[Exception]:
    """What the HTTP library below the hub's client raises without a connection; which library it is changes."""
    from huggingface_hub import errors

    return next(kind for kind in errors.HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError")
