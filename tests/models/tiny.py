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
