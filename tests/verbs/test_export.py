"""What is taken away: merged weights, data and recipes for other trainers; with a tiny random base."""

import json
import shutil
import zipfile

import pytest
import yaml
from tests.cli.terminal import roletune
from tests.evaluation import invented
from tests.inference import tiny

from roletune.dataset.exchange import IGNORED, axolotl_rows, llamafactory_rows, needs_history_mask
from roletune.engine.store import read_records, write_json, write_text
from roletune.records import Example, Message
from roletune.training.exchange import axolotl_config, llamafactory_config, trl_config
from roletune.training.recipe import Recipe, load_recipe

pytestmark = pytest.mark.model


def test_merged_weights_answer_as_the_base_with_its_adapter(trained, tmp_path, capsys):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder, base = trained
    end = roletune(capsys, "export", folder, "--to", tmp_path / "out", "--merged", "--json")
    assert end.code == 0, end.err
    told = json.loads(end.out)
    assert {"adapter_model.safetensors", "merged/model.safetensors", "merged/tokenizer.json"} <= set(told["sha256"])
    assert not (tmp_path / "out" / "merged" / "adapter_config.json").exists()
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len({path.stat().st_mode for path in files}) == 1  # whoever may read one may read all
    assert str(base) not in (tmp_path / "out" / "merged" / "config.json").read_text()
    ids = torch.arange(3, 60)[None]
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "merged", dtype=torch.float32)(ids).logits
        plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        without = plain(ids).logits
        adapted = PeftModel.from_pretrained(plain, str((folder / "build" / "adapter").resolve()))(ids).logits
    assert torch.allclose(merged, adapted, atol=1e-4)
    assert not torch.allclose(merged, without, atol=1e-3)


def test_a_report_goes_only_with_the_weights_that_it_measured(trained, tmp_path, capsys):
    folder, _ = trained
    made, run = folder / "build" / "report", (folder / "build" / "adapter").resolve().name
    for name, goes in (("another run", False), (run, True)):
        told = invented.report()
        write_json(
            made / "report.json", told.model_copy(update={"training": told.training.model_copy(update={"run": name})})
        )
        write_text(made / "report.md", "# A report\n")
        end = roletune(capsys, "export", folder, "--to", tmp_path / "out")
        assert ((tmp_path / "out" / "report.md").is_file(), "not measured" in end.out) == (goes, not goes)
    shutil.rmtree(made)


def test_an_adapter_is_not_added_into_a_base_that_it_was_not_trained_on(trained, tmp_path, capsys):
    folder, base = trained
    settings = folder / "character.yaml"
    before = settings.read_text("utf-8")
    other = tiny.base_folder(tmp_path / "other", "Llama", context=2048)  # of the same sizes
    settings.write_text(before.replace(str(base), str(other)), "utf-8")
    try:
        end = roletune(capsys, "export", folder, "--to", tmp_path / "out", "--merged")
    finally:
        settings.write_text(before, "utf-8")
    assert (end.code, "was trained on" in " ".join(end.err.split())) == (1, True)
    assert not (tmp_path / "out" / "merged").exists()


def test_a_base_without_a_gguf_file_and_a_hub_without_a_card_are_refused(trained, tmp_path, capsys):
    folder, _ = trained
    end = roletune(capsys, "export", folder, "--to", tmp_path / "out", "--gguf", "q8_0")
    assert (end.code, "has no GGUF file" in " ".join(end.err.split())) == (1, True)
    end = roletune(capsys, "export", folder, "--to", tmp_path / "out", "--push", "me/mira")
    assert (end.code, "has no card yet" in " ".join(end.err.split())) == (1, True)


@pytest.mark.parametrize("trainer", ["llamafactory", "axolotl", "trl"])
def test_data_and_recipe_are_written_for_another_trainer(trained, tmp_path, capsys, trainer):
    folder, _ = trained
    end = roletune(capsys, "export", folder, "--for", trainer, "--to", tmp_path / "out", "--json")
    assert end.code == 0, end.err
    told = json.loads(end.out)
    rows = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text("utf-8").splitlines()]
    examples = read_records(folder / "build" / "dataset" / "train.jsonl", Example)
    assert told["rows"]["train"] == len(rows)
    config = yaml.safe_load((tmp_path / "out" / f"{trainer}.yaml").read_text())
    assert config["lora_r" if trainer != "llamafactory" else "lora_rank"] == 2
    if trainer == "trl":
        supervised = [sum(label != IGNORED for label in row["labels"]) for row in rows]
        assert all(0 < count < len(row["input_ids"]) for count, row in zip(supervised, rows, strict=True))
    else:
        assert rows[0]["messages"][0]["content"] == examples[0].messages[0].content


def test_trl_reads_its_configuration_and_its_rows(trained, tmp_path, capsys):
    trl = pytest.importorskip("trl")
    from datasets import load_dataset

    folder, _ = trained
    roletune(capsys, "export", folder, "--for", "trl", "--to", tmp_path / "out")
    config = yaml.safe_load((tmp_path / "out" / "trl.yaml").read_text()) | {"use_cpu": True, "bf16": False}
    parser = trl.TrlParser((trl.ScriptArguments, trl.SFTConfig, trl.ModelConfig))
    script, training, model = parser.parse_dict(config, allow_extra_keys=False)
    assert (training.max_length, model.lora_r, model.lora_target_modules) == (2048, 2, "all-linear")
    assert (training.gradient_accumulation_steps, training.learning_rate) == (4, config["learning_rate"])
    files = {split: str(tmp_path / "out" / f"{split}.jsonl") for split in ("train", "validation")}
    loaded = load_dataset("json", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert set(loaded[script.dataset_train_split].column_names) == {"input_ids", "labels"}


def example(*roles_and_loss):
    messages = tuple(
        Message(role=role, content=f"{place}", loss=loss) for place, (role, loss) in enumerate(roles_and_loss)
    )
    return Example.model_construct(messages=messages)


TALK = example(("system", False), ("user", False), ("assistant", True), ("user", False), ("assistant", True))
SHOWN = example(("system", False), ("user", False), ("assistant", False), ("user", False), ("assistant", True))
OPENED = example(("system", False), ("assistant", True), ("user", False), ("assistant", True))


def test_axolotl_is_told_of_each_message_whether_it_is_learnt():
    (row,) = axolotl_rows([SHOWN]).rows
    assert [message["train"] for message in row["messages"]] == [False, False, False, False, True]


def test_llamafactory_gets_a_row_a_reply_where_one_is_not_learnt_and_nothing_that_it_would_skip():
    assert needs_history_mask([TALK, SHOWN])
    assert not needs_history_mask([TALK, OPENED])
    whole = llamafactory_rows([TALK, OPENED], one_a_reply=False)
    assert ([len(row["messages"]) for row in whole.rows], whole.left_out) == ([5], 1)
    single = llamafactory_rows([TALK, SHOWN], one_a_reply=True)
    assert [len(row["messages"]) for row in single.rows] == [3, 5, 5]


def test_the_jarvis_recipe_is_the_same_training_everywhere():
    recipe = load_recipe("jarvis")
    ours = llamafactory_config(recipe, "org/base", examples=100, one_a_reply=False)
    assert (ours["quantization_bit"], ours["quantization_type"], ours["lora_target"]) == (4, "nf4", "all")
    theirs = axolotl_config(recipe, "org/base", examples=100)
    assert (theirs["adapter"], theirs["lora_target_linear"], theirs["max_grad_norm"]) == ("qlora", True, 0.3)
    trl = trl_config(recipe, "org/base", examples=100)
    assert (trl["load_in_4bit"], trl["optim"], trl["warmup_steps"]) == (True, "paged_adamw_32bit", 0.03)
    for config in (ours, theirs, trl):
        assert config["weight_decay"] == recipe.weight_decay
        assert config["seed"] == recipe.seed


def test_looks_at_the_validation_fall_on_the_same_steps():
    config = llamafactory_config(Recipe(evaluations_per_epoch=3), "b", examples=100, one_a_reply=False)
    assert (config["eval_steps"], config["save_steps"]) == (8, 8)  # 25 steps an epoch


def test_a_living_person_is_exported_with_consent_only(trained, tmp_path, capsys):
    folder = shutil.copytree(trained[0], tmp_path / "mira", symlinks=True)
    settings = folder / "character.yaml"
    text = settings.read_text("utf-8") + "subject: living\n"
    bundle, card = tmp_path / "mira.zip", tmp_path / "mira.png"
    for wanted in ([], ["--bundle", bundle], ["--card", card], ["--for", "trl"], ["--merged"]):
        settings.write_text(text, "utf-8")
        end = roletune(capsys, "export", folder, "--to", tmp_path / "out", *wanted)
        assert (end.code, "consent: the subject is a living person" in " ".join(end.err.split())) == (1, True)
    assert not any(path.exists() for path in (bundle, card, tmp_path / "out"))
    settings.write_text(f"{text}consent: she agreed in writing, 2026-01-02\n", "utf-8")
    assert roletune(capsys, "profile", folder).code == 0
    end = roletune(capsys, "export", folder, "--bundle", bundle)
    assert end.code == 0, end.err
    with zipfile.ZipFile(bundle) as packed:
        assert json.loads(packed.read("bundle.json"))["consent"] == "she agreed in writing, 2026-01-02"
