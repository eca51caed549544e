import os

import pytest

from seco_lab.whole import whole_file


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "new folder" / "a.json"
    with whole_file(path) as partial:
        partial.write_text("old")
    with whole_file(path) as partial:
        partial.write_text("new")
        assert partial.parent == path.parent, "a rename across disks would copy"
        assert partial.suffix == ".json"
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.json"]


def test_after_an_error_nothing_is_left_beside_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")

    def interrupted():
        with whole_file(path) as partial:
            partial.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    with whole_file(tmp_path / "a.npy") as partial:
        name = partial.name
        partial.write_text("x")
    (tmp_path / name).write_text("half of something long")
    with whole_file(tmp_path / "a.npy") as partial:
        partial.write_text("whole")
    assert (tmp_path / "a.npy").read_text() == "whole"


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.json"):
        pass
