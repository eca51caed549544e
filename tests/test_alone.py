import errno
import os
import shutil

import pytest

from seco_lab.alone import alone_in, claim_folder, release_folder
from seco_lab.gather.ledger import only_writer
from seco_lab.store.files import locked

fcntl = pytest.importorskip("fcntl")


def free(folder):
    """Whether another process could claim it: two open files exclude each other as two processes do."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def test_a_claim_holds_until_it_is_released_and_leaves_nothing(tmp_path):
    claim_folder(tmp_path)
    claim_folder(tmp_path)  # the same process again
    assert not free(tmp_path)
    release_folder(tmp_path)
    release_folder(tmp_path)
    assert free(tmp_path)
    assert os.listdir(tmp_path) == []


def test_work_ends_with_its_folder_gone(tmp_path):
    parts, opened = tmp_path / "parts", len(os.listdir("/dev/fd"))
    parts.mkdir()
    with alone_in(parts):
        with alone_in(parts):
            assert not free(parts)
        assert not free(parts)
        shutil.rmtree(parts)
    assert len(os.listdir("/dev/fd")) == opened
    release_folder(parts)


def test_what_is_claimed_meanwhile_stays_claimed(tmp_path):
    parts, other = tmp_path / "parts", tmp_path / "other"
    parts.mkdir()
    other.mkdir()
    with alone_in(parts):
        claim_folder(other)
    assert free(parts)
    assert not free(other)
    release_folder(other)


def test_a_disk_without_locks_refuses_nobody(tmp_path, monkeypatch):
    def flock(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with alone_in(tmp_path):
        claim_folder(tmp_path)
    with locked(tmp_path), only_writer(tmp_path / "cube.zarr"):
        pass
