import resource
from contextlib import contextmanager

import pytest
import torch

from roletune.errors import ResourceError, TrainingError
from roletune.records import LossPoint
from roletune.training import checkpoint
from roletune.training.checkpoint import TrainingState

STATE = TrainingState(key="k", step=3, curve=(LossPoint(step=3, epoch=0.1, tokens=4, seconds=0.1 + 0.2),))


def test_state_and_tensors_come_back_to_the_bit(tmp_path):
    tensors = {"master": torch.randn(7)}
    checkpoint.save(tmp_path, STATE, tensors)
    state, found = checkpoint.load(tmp_path, "k")
    assert state == STATE
    assert torch.equal(found["master"], tensors["master"])
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


def test_files_can_be_read_by_whom_the_umask_allows(tmp_path):
    checkpoint.save(tmp_path, STATE, {"master": torch.zeros(1)})
    (tmp_path / "other").touch()
    assert (tmp_path / checkpoint.FILE).stat().st_mode == (tmp_path / "other").stat().st_mode


def test_no_checkpoint_is_no_error(tmp_path):
    assert checkpoint.load(tmp_path, "k") is None


def test_the_checkpoint_of_another_training_is_refused(tmp_path):
    checkpoint.save(tmp_path, STATE, {"master": torch.zeros(1)})
    with pytest.raises(TrainingError, match="other data, settings or weights"):
        checkpoint.load(tmp_path, "another")


def test_a_file_that_is_no_checkpoint_is_refused_with_a_cure(tmp_path):
    (tmp_path / checkpoint.FILE).write_bytes(b"torn")
    with pytest.raises(TrainingError, match="Remove it"):
        checkpoint.load(tmp_path, "k")


@contextmanager
def small_files():
    """No file may grow beyond 4 kB, which fails as on a full disk; pytest's output may be a file too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_failing_write_leaves_the_old_checkpoint_and_no_litter(tmp_path):
    checkpoint.save(tmp_path, STATE, {"master": torch.zeros(1)})
    with small_files(), pytest.raises(ResourceError, match="run again"):
        checkpoint.save(tmp_path, STATE, {"master": torch.zeros(4096)})
    assert checkpoint.load(tmp_path, "k")[1]["master"].numel() == 1
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]


def test_a_folder_that_cant_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="can be written to"):
        checkpoint.save(tmp_path / "file" / "run", STATE, {"master": torch.zeros(1)})


def test_a_validation_that_is_not_better_is_counted():
    state = STATE.validated(2.0)
    assert (state.best_step, state.best_loss, state.without_gain) == (3, 2.0, 0)
    worse = state.model_copy(update={"step": 4}).validated(2.0)
    assert (worse.best_step, worse.without_gain) == (3, 1)
    assert worse.model_copy(update={"step": 5}).validated(1.9).without_gain == 0
