"""Tiny models and files, made in the test: a Llama with grouped heads, and the GGUF file llama.cpp would have of it."""

import gguf
import numpy as np

SIZES = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}


def llama(folder, **sizes):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**{**SIZES, "tie_word_embeddings": True, **sizes}))
    model.save_pretrained(folder)
    return model


def qwen(folder):
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**SIZES, tie_word_embeddings=True))
    model.save_pretrained(folder)
    return model


def source_gguf(path, architecture="llama", hidden=64, tensors=None, **strings):
    """A GGUF with metadata, named tensors and an array of tokens; written here by hand, not by the code under test."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(2)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_embedding_length(hidden)
    writer.add_token_list([f"t{i}" for i in range(96)])
    writer.add_chat_template("{{ messages }}")
    for key, value in strings.items():
        writer.add_string(key.replace("__", "."), value)
    for name, rows in (tensors if tensors is not None else gguf_tensors(hidden)).items():
        writer.add_tensor(name, rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gguf_tensors(hidden=64, kv=32, inner=128):
    zeros = {"token_embd.weight": (96, hidden), "output_norm.weight": (hidden,)}
    for n in range(2):
        zeros |= {
            f"blk.{n}.attn_norm.weight": (hidden,),
            f"blk.{n}.ffn_norm.weight": (hidden,),
            f"blk.{n}.attn_q.weight": (hidden, hidden),
            f"blk.{n}.attn_k.weight": (kv, hidden),
            f"blk.{n}.attn_v.weight": (kv, hidden),
            f"blk.{n}.attn_output.weight": (hidden, hidden),
            f"blk.{n}.ffn_gate.weight": (inner, hidden),
            f"blk.{n}.ffn_up.weight": (inner, hidden),
            f"blk.{n}.ffn_down.weight": (hidden, inner),
        }
    return {name: np.zeros(shape, dtype=np.float32) for name, shape in zeros.items()}


def read_tensors(path):
    """Name -> float32 array of a GGUF file."""
    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors}


def whole_gguf(path, seed=0, *, speaks_ascii=False):
    """A GGUF that can be loaded whole: random float32 weights, bytes as tokens, text split as SmolLM's.

    With `speaks_ascii` it has a head of its own, which finds a printable letter likelier than anything else.
    """
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    random = np.random.default_rng(seed)
    tokens = ["<|endoftext|>", "<|im_end|>", *bytes_to_unicode().values(), "ĠĠ"]
    letters = [len(token) == 1 and token.isascii() for token in tokens]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}")
    tensors = gguf_tensors() | {"token_embd.weight": np.zeros((len(tokens), 64), dtype=np.float32)}
    made = {name: random.normal(scale=0.1, size=zeros.shape).astype(np.float32) for name, zeros in tensors.items()}
    if speaks_ascii:
        made |= {name: np.abs(rows) + 1 for name, rows in made.items() if rows.ndim == 1}  # norms that let layers speak
        head = random.normal(scale=0.3, size=made["token_embd.weight"].shape).astype(np.float32)
        made["output.weight"] = head * np.array(letters, dtype=np.float32)[:, None]
    for name, rows in made.items():
        writer.add_tensor(name, rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
