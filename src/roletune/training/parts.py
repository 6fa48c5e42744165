"""The parts of a training's memory, each a product that `how` writes out, so that the sum can be checked by hand.

The formulas follow the code that computes (`lora`, `attention`, `gate`, `norm`, `loss`, and transformers' and PEFT's
own where these do not apply); `benchmarks/memory.py` compares them with measured peaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from roletune.models.architecture import Architecture
from roletune.models.unread import KNOWN
from roletune.training.recipe import Recipe

# Python with torch, transformers, PEFT and TensorBoard, and the kernels that oneDNN compiles (1 MB for each shape).
PROCESS = {"cpu": 0.55e9, "cuda": 0.7e9, "mps": 0.55e9}  # on a GPU: the context and cuBLAS's workspace
# Between what is kept, a process's allocator leaves what was freed: measured with glibc on SmolLM2-135M, whose kept
# tensors are to the percent what is predicted, and take 1.4 times as much.
HOLES = 0.4
_FAST_ATTENTION = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})  # and a plain head: see `fast`
_NF4 = 4 + 32 / 64  # bits a weight: 4, and a scale in fp32 for each block of 64
_NF4_DOUBLE = 4 + 8 / 64 + 32 / (64 * 256)  # the scales in 8 bits, and a scale for each 256 of these
_LOSS_ROWS = 128  # see `loss.CHUNK`
_SUPERVISED = 0.5  # share of the tokens that carry loss, at most as a rule
_BLOCK, _GRAIN = 256, 128  # see `segments`

Phase = Literal["always", "loading", "training"]


@dataclass(frozen=True)
class Part:
    """One thing that takes memory; `how` is the arithmetic behind `bytes`."""

    name: str
    bytes: float
    how: str
    phase: Phase = "always"


@dataclass(frozen=True)
class Place:
    """Where is trained: a device's kind, the dtype of its products, and the bytes that are free there, if known.

    `processes` is how many train together; what is planned is one of them.
    """

    device: str
    dtype: str
    free: float | None = None
    processes: int = 1

    @property
    def width(self) -> int:
        """Bytes of a number."""
        return 4 if self.dtype == "float32" else 2


def parts_of(base: Architecture, recipe: Recipe, place: Place) -> Iterator[Part]:
    """What takes memory in the training of `base` by `recipe` at `place`."""
    yield Part("process", PROCESS[place.device], "libraries and kernels")
    yield from _whole(base, place) if recipe.method == "full" else _beside(base, recipe, place)
    yield from _computing(base, recipe, place)


def packed(base: Architecture, recipe: Recipe, place: Place) -> bool:
    """Whether attention and loss are the fast path's own (`fast.attention_for`, `TrainableModel.load`)."""
    return place.device == "cpu" and recipe.quantisation == "none" and base.family in _FAST_ATTENTION


def fused(base: Architecture, recipe: Recipe, place: Place) -> bool:
    """Whether LoRA is, too (`lora.is_known`), or there is none."""
    if recipe.method == "full":
        return packed(base, recipe, place)
    return packed(base, recipe, place) and not recipe.gradient_checkpointing


def divided(recipe: Recipe, place: Place) -> bool:
    """Whether the processes share the frozen weights of the layers (`shards.wanted`)."""
    return recipe.sharding == "fsdp" and place.processes > 1


def read_one_by_one(base: Architecture, recipe: Recipe, place: Place) -> bool:
    """Whether each reads weight by weight and keeps its share, as far as that can be told without the files
    (`models.unread`).
    """
    return divided(recipe, place) and base.family in KNOWN


def bytes_read(base: Architecture, recipe: Recipe, place: Place) -> float:
    """What one process reads of the files, in 16 bits a weight: a share of the layers, embedding and head; or all.

    A weight that is to be quantised is read as a whole.
    """
    in_part = read_one_by_one(base, recipe, place) and recipe.quantisation == "none"
    share = 1 / place.processes if in_part else 1
    return 2 * (base.linear_weights * share + base.embedding_weights)


def host_bytes(base: Architecture, recipe: Recipe, place: Place) -> float:
    """Memory of its machine that one process takes while it loads for a GPU: the adapters in fp32, which are drawn
    there, and of the files one weight at a time, or all of them.
    """
    largest = base.vocabulary * base.hidden
    read = largest if read_one_by_one(base, recipe, place) else base.weights
    return 4 * adapter_weights(base, recipe) + 2 * read


def adapter_weights(base: Architecture, recipe: Recipe) -> int:
    """Weights of the adapters: rank * (in + out) for each adapted layer; none where every weight is trained."""
    if recipe.method == "full":
        return 0
    wanted = recipe.target_modules
    chosen = base.linears if wanted == "all-linear" else {n: s for n, s in base.linears.items() if n in wanted}
    return base.layers * recipe.rank * sum(columns + rows for columns, rows in chosen.values())


def widest_rows(recipe: Recipe) -> int:
    """Rows of the widest micro-batch: a sequence longer than `micro_tokens` is one by itself."""
    return -(-max(recipe.micro_tokens, recipe.max_tokens) // _GRAIN) * _GRAIN


def _whole(base: Architecture, place: Place) -> Iterator[Part]:
    """Every weight is trained: 16 bytes for each, and 2 more where it is computed with in 16 bits."""
    count, millions = base.weights, f"{base.weights / 1e6:,.0f}M"
    yield Part("weights: masters", count * 4, f"{millions} x 4 bytes")
    yield Part("weights: gradients", count * 4, f"{millions} x 4 bytes", "training")
    yield Part("weights: two moments", count * 8, f"{millions} x 2 x 4 bytes (AdamW)", "training")
    if place.dtype != "float32":
        yield Part("weights: copy to compute with", count * 2, f"{millions} x 2 bytes", "training")
    # The head's gradient in fp32 and in the model's precision, and the embedding's.
    each, embedding = 4 + 2 * place.width, base.vocabulary * base.hidden
    how = f"{embedding / 1e6:,.0f}M x {each} bytes"
    yield Part("gradients of head and embedding", embedding * each, how, "training")
    if place.device == "cpu":
        yield Part("file of the weights", base.weights * 2, "read in 16 bits, counted until it is closed", "loading")


def _beside(base: Architecture, recipe: Recipe, place: Place) -> Iterator[Part]:
    """Adapters beside frozen weights."""
    yield from _weights(base, recipe, place)
    yield from _adapters(base, recipe, place)


def _weights(base: Architecture, recipe: Recipe, place: Place) -> Iterator[Part]:
    millions = f"{base.linear_weights / 1e6:,.0f}M"
    outside = f"{base.embedding_weights / 1e6:,.0f}M"
    if recipe.quantisation == "nf4":
        bits = _NF4_DOUBLE if recipe.double_quantisation else _NF4
        if divided(recipe, place):
            constants = bits - 4  # in each process those of all
            held = 4 * (1 / place.processes + 2 / base.layers) + constants
            how = f"{millions} x (4 bits / {place.processes} processes + 4 in two layers + {constants:.3f}) (nf4)"
        else:
            held, how = bits, f"{millions} in blocks x {bits:.3f} bits (nf4)"
        yield Part("frozen weights", base.linear_weights * held / 8, how)
        widest = max(columns * rows for columns, rows in base.linears.values())
        how_wide = f"{widest / 1e6:,.0f}M x {place.width} bytes"
        yield Part("one weight out of 4 bits", widest * place.width, how_wide, "training")
        # PEFT brings what is not quantised to fp32.
        yield Part("embedding and head", base.embedding_weights * 4, f"{outside} x 4 bytes")
    elif divided(recipe, place):
        # Its share, and two whole layers: one computes while the next is fetched.
        held = base.linear_weights * (1 / place.processes + 2 / base.layers)
        how = f"({millions} / {place.processes} processes + two layers) x {place.width} bytes"
        yield Part("frozen weights", held * place.width, how)
        yield Part("embedding and head", base.embedding_weights * place.width, f"{outside} x {place.width} bytes")
    else:
        yield Part("frozen weights", base.linear_weights * place.width, f"{millions} in blocks x {place.width} bytes")
        yield Part("embedding and head", base.embedding_weights * place.width, f"{outside} x {place.width} bytes")
    if place.device == "cpu":
        yield from _loaded(base, recipe, place)


def _loaded(base: Architecture, recipe: Recipe, place: Place) -> Iterator[Part]:
    """What is in memory while weights are loaded, and not after."""
    if read_one_by_one(base, recipe, place):
        one = base.vocabulary * base.hidden * 2
        yield Part("file of one weight", one, "the embedding's, read in 16 bits, counted until it is closed", "loading")
        return
    if divided(recipe, place):
        others = base.linear_weights * (1 - 1 / place.processes - 2 / base.layers) * place.width
        yield Part("shares of the others", others, "the whole base, before it is divided", "loading")
    yield Part("file of the weights", base.weights * 2, "read in 16 bits, counted until it is closed", "loading")


def _adapters(base: Architecture, recipe: Recipe, place: Place) -> Iterator[Part]:
    count = adapter_weights(base, recipe)
    millions = f"{count / 1e6:.2f}M"
    yield Part("adapters: masters", count * 4, f"{millions} x 4 bytes (rank {recipe.rank})", "training")
    yield Part("adapters: gradients", count * 4, f"{millions} x 4 bytes", "training")
    yield Part("adapters: two moments", count * 8, f"{millions} x 2 x 4 bytes (AdamW)", "training")
    if place.dtype != "float32":
        yield Part("adapters: copy to compute with", count * 2, f"{millions} x 2 bytes", "training")


def _computing(base: Architecture, recipe: Recipe, place: Place) -> Iterator[Part]:
    rows, quick = widest_rows(recipe), fused(base, recipe, place)
    if recipe.quantisation == "nf4":  # beside weights in 4 bits all that flows between them is in fp32
        place = replace(place, dtype="float32")
    layer = (_fast_layer if quick else _stock_layer)(base, recipe, place)
    kind = "fast path" if quick else "stock path"
    if recipe.gradient_checkpointing:
        kept = base.layers * base.hidden * place.width
        how = f"{rows:,} rows x {kept / 1e3:,.0f} kB (each layer's input)"
        yield Part("activations kept", rows * kept, how, "training")
        yield Part("one layer again", rows * layer, f"{rows:,} rows x {layer / 1e3:,.1f} kB ({kind})", "training")
    else:
        every = base.layers * layer
        how = f"{rows:,} rows x {base.layers} layers x {layer / 1e3:,.1f} kB ({kind})"
        yield Part("activations", rows * every, how, "training")
    if place.device == "cpu":
        held = base.layers * (base.hidden * place.width if recipe.gradient_checkpointing else layer)
        yield Part("holes between activations", HOLES * rows * held, f"{HOLES} of the activations", "training")
    backward = 4 * base.inner * place.width
    yield Part("backward of a layer", rows * backward, f"{rows:,} rows x {backward / 1e3:,.1f} kB", "training")
    # Other heads than plain ones score a conversation's rows at once (`fast.has_plain_head`).
    scored = _LOSS_ROWS if base.family in _FAST_ATTENTION else int(rows * _SUPERVISED)
    # In the model's precision, in fp32, and the softmax of it.
    wide = scored * base.vocabulary * (place.width + 8)
    yield Part("logits", wide, f"{scored:,} rows x {base.vocabulary:,} words x {place.width + 8} bytes", "training")


def _fast_layer(base: Architecture, recipe: Recipe, place: Place) -> float:
    """Bytes that one row leaves in one layer: two norms and their inputs, q k v and what attention gives, gate, up,
    their product, what the adapters make of each input, and the probabilities of attention.
    """
    queries, keys = base.heads * base.head_dim, base.kv_heads * base.head_dim
    numbers = 4 * base.hidden + 2 * queries + 2 * keys + 3 * base.inner + (recipe.method == "lora") * 7 * recipe.rank
    return place.width * (numbers + _probabilities(base, recipe))


def _stock_layer(base: Architecture, recipe: Recipe, place: Place) -> float:
    """The same with transformers' and PEFT's own: every adapted layer keeps its input after its own dropout, and the
    mask of it; torch's attention keeps no probabilities, but keys and values for every head.
    """
    queries = base.heads * base.head_dim
    plain = 4 * base.hidden + 4 * queries + 2 * base.inner
    plain += int(_probabilities(base, recipe)) if packed(base, recipe, place) else 0
    if recipe.method == "full":
        return place.width * (plain + base.inner)
    plain += 7 * recipe.rank
    dropped = 5 * base.hidden + queries + base.inner
    return place.width * plain + (place.width + (1 if recipe.dropout else 0)) * dropped


def _probabilities(base: Architecture, recipe: Recipe) -> float:
    """Numbers that our attention keeps of a row: it sees half of a sequence, and its block behind the mask."""
    return base.heads * (recipe.max_tokens + _BLOCK) / 2
