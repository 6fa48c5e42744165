import os
import stat
import tempfile

import pytest

from roletune.errors import ResourceError
from roletune.models.cache import _private_folder, cache_dir, cache_note


def test_the_variable_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("ROLETUNE_CACHE", str(tmp_path / "mine"))
    assert cache_dir() == tmp_path / "mine"
    assert cache_dir().is_dir()
    assert cache_note() == ""


def test_a_variable_that_names_a_file_is_refused_with_a_cure(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ROLETUNE_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(ResourceError, match="Set it to a folder of yours"):
        cache_dir()


def test_the_platforms_folder_is_used_when_there_is_a_home(tmp_path, monkeypatch):
    monkeypatch.delenv("ROLETUNE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert tmp_path in cache_dir().parents
    assert cache_note() == ""


@pytest.mark.parametrize("home", [None, "/proc/nowhere"])
def test_without_a_home_it_is_a_private_folder_and_says_so(home, tmp_path, monkeypatch):
    monkeypatch.delenv("ROLETUNE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    from roletune.models import cache

    cache._locate.cache_clear()
    assert cache_dir().parent == tmp_path
    assert stat.S_IMODE(cache_dir().stat().st_mode) == 0o700
    assert "ROLETUNE_CACHE" in cache_note()
    cache._locate.cache_clear()


@pytest.mark.parametrize("trap", ["link", "open folder"])
def test_a_folder_that_somebody_else_prepared_is_refused(trap, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = tmp_path / f"roletune-{os.getuid()}"
    if trap == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(ResourceError, match="not a private folder"):
        _private_folder()
