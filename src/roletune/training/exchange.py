"""A recipe as the configuration of another trainer: the same adapter, optimizer, schedule and batch.

Keys: LLaMA-Factory's hyper-parameters (0.9), Axolotl's schema (0.12) and TRL's `trl sft --config` (1.x). A setting that
a trainer does not have is not invented: `differences` names what it does in another way.
"""

from __future__ import annotations

import math
from typing import Any

from roletune.training.recipe import Recipe

MICRO = 1  # sequences at once: other trainers pad, so that more of them cost memory and give nothing
STEPS_BETWEEN = 1


def llamafactory_config(recipe: Recipe, base: str, *, examples: int, one_a_reply: bool) -> dict[str, Any]:
    """For `llamafactory-cli train FILE`, in the folder where the data is; the template is the model's own."""
    names = recipe.target_modules
    return {
        "model_name_or_path": base,
        "trust_remote_code": False,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": recipe.method,
        **(
            {
                "lora_rank": recipe.rank,
                "lora_alpha": round(recipe.alpha),
                "lora_dropout": recipe.dropout,
                "lora_target": "all" if names == "all-linear" else names if isinstance(names, str) else ",".join(names),
            }
            if recipe.method == "lora"
            else {}
        ),
        **(
            {
                "quantization_bit": 4,
                "quantization_method": "bnb",
                "quantization_type": "nf4",
                "double_quantization": recipe.double_quantisation,
            }
            if recipe.quantisation == "nf4"
            else {}
        ),
        "dataset_dir": ".",
        "dataset": "train",
        "eval_dataset": "validation",
        "mask_history": one_a_reply,
        "cutoff_len": recipe.max_tokens,
        "disable_gradient_checkpointing": not recipe.gradient_checkpointing,
        **_trainer(recipe, examples),
        "optim": _optimizer(recipe),
        "bf16": recipe.dtype != "float32",
        "output_dir": "output",
    }


def axolotl_config(recipe: Recipe, base: str, *, examples: int) -> dict[str, Any]:
    """For `axolotl train FILE`, in the folder where the data is; the template is the model's own."""
    names = recipe.target_modules
    data = {
        "ds_type": "json",
        "type": "chat_template",
        "chat_template": "tokenizer_default",
        "field_messages": "messages",
        "message_property_mappings": {"role": "role", "content": "content"},
        "message_field_training": "train",
        "roles_to_train": [],
        "train_on_eos": "turn",
        "split": "train",  # what a file without splits is called
    }
    common = _trainer(recipe, examples)
    adapter = {
        "adapter": "qlora" if recipe.quantisation == "nf4" else "lora",
        "load_in_4bit": recipe.quantisation == "nf4",
        "lora_r": recipe.rank,
        "lora_alpha": round(recipe.alpha),
        "lora_dropout": recipe.dropout,
        **(
            {"lora_target_linear": True}
            if names == "all-linear"
            else {"lora_target_modules": [names] if isinstance(names, str) else list(names)}
        ),
    }
    return {
        "base_model": base,
        "trust_remote_code": False,
        **(adapter if recipe.method == "lora" else {}),
        "datasets": [{"path": "train.jsonl", **data}],
        "test_datasets": [{"path": "validation.jsonl", **data}],
        "sequence_len": recipe.max_tokens,
        "sample_packing": False,
        "train_on_inputs": False,
        "micro_batch_size": common["per_device_train_batch_size"],
        "gradient_accumulation_steps": common["gradient_accumulation_steps"],
        "num_epochs": recipe.epochs,
        "optimizer": _optimizer(recipe),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler": common["lr_scheduler_type"],
        "warmup_ratio": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": common["max_grad_norm"],
        "bf16": "auto" if recipe.dtype == "auto" else recipe.dtype == "bfloat16",
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "evals_per_epoch": recipe.evaluations_per_epoch,
        "saves_per_epoch": recipe.evaluations_per_epoch,
        "load_best_model_at_end": True,
        **({"early_stopping_patience": recipe.patience} if recipe.patience else {}),
        "logging_steps": recipe.log_every,
        "seed": recipe.seed,
        "output_dir": "output",
    }


def trl_config(recipe: Recipe, base: str, *, examples: int) -> dict[str, Any]:
    """For `trl sft --config FILE`, in the folder where the data is."""
    names = recipe.target_modules
    common = _trainer(recipe, examples)
    warmup = common.pop("warmup_ratio")
    return {
        "model_name_or_path": base,
        "dataset_name": ".",  # the folder's train.jsonl and validation.jsonl are its splits
        "dataset_train_split": "train",
        "dataset_test_split": "validation",
        "use_peft": recipe.method == "lora",
        "lora_r": recipe.rank,
        "lora_alpha": round(recipe.alpha),
        "lora_dropout": recipe.dropout,
        "lora_target_modules": [names] if isinstance(names, str) else list(names),
        **(
            {
                "load_in_4bit": True,
                "bnb_4bit_quant_type": "nf4",
                "use_bnb_nested_quant": recipe.double_quantisation,
            }
            if recipe.quantisation == "nf4"
            else {}
        ),
        "max_length": recipe.max_tokens,
        "packing": False,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "warmup_steps": warmup,  # below 1: a share of all steps
        **common,
        "optim": _optimizer(recipe),
        "bf16": recipe.dtype != "float32",
        "output_dir": "output",
    }


def differences(recipe: Recipe, *, stops_early: bool = False) -> list[str]:
    """What the other trainer does in another way than roletune, for whoever compares results.

    `stops_early` says whether its configuration has early stopping: that of Axolotl does.
    """
    told = [
        "The loss of a step is the mean over its supervised tokens; a mean of the examples' means differs a little.",
        "roletune computes the examples of a step without padding; here each is a batch of its own, accumulated.",
    ]
    if recipe.dropout:
        told.append("Dropout masks are drawn in another order: runs agree as two seeds of one trainer do.")
    if recipe.patience and not stops_early:
        told.append(f"Early stopping after {recipe.patience} evaluations without gain is not set up.")
    return told


def _optimizer(recipe: Recipe) -> str:
    return "paged_adamw_32bit" if recipe.optimizer == "paged_adamw_32bit" else "adamw_torch"


def _trainer(recipe: Recipe, examples: int) -> dict[str, Any]:
    """What LLaMA-Factory and TRL both hand to transformers' Trainer; the looks are steps of an epoch."""
    steps = math.ceil(examples / recipe.batch_sequences)
    every = max(STEPS_BETWEEN, steps // recipe.evaluations_per_epoch)
    return {
        "per_device_train_batch_size": MICRO,
        "gradient_accumulation_steps": recipe.batch_sequences,
        "per_device_eval_batch_size": MICRO,
        "learning_rate": recipe.learning_rate,
        "num_train_epochs": recipe.epochs,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_ratio": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "seed": recipe.seed,
        "logging_steps": recipe.log_every,
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_steps": every,
        "load_best_model_at_end": True,
        "report_to": "none",
    }
