import hashlib
import os

import pytest

from roletune.errors import ModelError
from roletune.models.hashing import hash_file, hash_files


def test_one_file_has_its_own_sha256(tmp_path, own_cache):
    (tmp_path / "a").write_bytes(b"weights")
    assert hash_files([tmp_path / "a"]) == hashlib.sha256(b"weights").hexdigest()


def test_a_changed_file_is_hashed_again_and_an_unchanged_one_is_remembered(tmp_path, own_cache):
    file = tmp_path / "a"
    file.write_bytes(b"one")
    first = hash_file(file)
    memory = next((own_cache / "hashes").iterdir())
    memory.write_text("f" * 64)
    assert hash_file(file) == "f" * 64
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert hash_file(file) not in (first, "f" * 64)


def test_a_broken_memory_is_ignored(tmp_path, own_cache):
    (tmp_path / "a").write_bytes(b"one")
    first = hash_file(tmp_path / "a")
    next((own_cache / "hashes").iterdir()).write_bytes(b"\xff torn")
    assert hash_file(tmp_path / "a") == first


def test_a_missing_file_is_a_model_error(tmp_path, own_cache):
    with pytest.raises(ModelError, match="Check the path"):
        hash_file(tmp_path / "missing")
