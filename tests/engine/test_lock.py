"""Two pipelines never work in one folder, and a dead one leaves the folder free."""

import os
import signal
import subprocess
import sys

import pytest

from roletune.engine.lock import project_lock
from roletune.errors import ResourceError

HOLDER = """
import sys, time
from pathlib import Path
from roletune.engine.lock import project_lock
with project_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_in_use_is_refused_until_its_user_is_gone_even_by_kill(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ResourceError, match=f"Another roletune is working on {tmp_path}"), project_lock(tmp_path):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with project_lock(tmp_path):
        pass


def test_a_folder_is_free_after_the_block_whatever_happened_in_it(tmp_path):
    with pytest.raises(KeyError), project_lock(tmp_path / "new"):
        raise KeyError
    with project_lock(tmp_path / "new"), pytest.raises(ResourceError), project_lock(tmp_path / "new"):
        pass


def test_a_folder_that_can_not_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ResourceError, match="Check that you may write"), project_lock(tmp_path / "file" / "folder"):
        pass
