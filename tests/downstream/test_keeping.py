"""Answers kept on disk: shared folders, full disks, other versions."""

import numpy as np
import pytest

from seco_lab.downstream import keeping
from seco_lab.downstream.keeping import kept, trim_cache

QUESTION = ["features", np.arange(3)]


def seven():
    return np.array([7.0])


def test_two_runs_may_be_at_the_same_answer(tmp_path, monkeypatch):
    save, others = np.save, []

    def slowly(path, values):
        save(path, values)
        if not others:  # another run asks, computes and writes the same before this one has done so
            others.append("asks")
            others.append(kept(tmp_path, QUESTION, seven))

    monkeypatch.setattr(keeping.np, "save", slowly)
    assert kept(tmp_path, QUESTION, seven) == others[1] == 7
    assert kept(tmp_path, QUESTION, lambda: pytest.fail("it was kept")) == 7
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_costs_no_answer(tmp_path, monkeypatch):
    def full(path, values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping.np, "save", full)
    with pytest.warns(UserWarning, match="is not kept for the next question: .*No space left"):
        assert kept(tmp_path, QUESTION, seven) == 7
    assert not list(tmp_path.iterdir())


def test_another_version_computes_anew(tmp_path, monkeypatch):
    kept(tmp_path, QUESTION, seven)
    monkeypatch.setattr(keeping, "__version__", "another")
    assert kept(tmp_path, QUESTION, lambda: seven() + 1) == 8


def test_tidying_up_beside_another_run(tmp_path):
    kept(tmp_path, QUESTION, seven)
    (tmp_path / "gone.npy").symlink_to("deleted by the other run")
    assert trim_cache(tmp_path, 0) == 1
