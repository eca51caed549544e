import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from seco_lab import whole
from seco_lab.whole import hidden, remove_leftovers, whole_file


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


def test_several_may_write_to_one_path_at_once(tmp_path):
    path = tmp_path / "a.npy"
    with whole_file(path) as first, whole_file(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first", "the last to end stays"
    assert os.listdir(tmp_path) == ["a.npy"]


def killed_in_the_midst(path):
    """Name that a process left which was killed while it wrote."""
    code = (
        "import os, sys, seco_lab.whole as w\n"
        "with w.whole_file(sys.argv[1]) as p:\n"
        "    p.write_text('half'); print(p.name, flush=True); os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    return path.with_name(run.stdout.strip())


def test_what_a_killed_process_left_is_removed_by_the_next_writer(tmp_path):
    path = tmp_path / "a [1].npy"
    left = killed_in_the_midst(path)
    others = [tmp_path / left.name.replace("a [1]", name) for name in ("b", "a 1")]
    for other in others:
        other.write_text("of another file")
    assert left.read_text() == "half"
    with whole_file(path) as partial:
        partial.write_text("whole")
        assert not left.exists()
    assert path.read_text() == "whole"
    assert all(other.exists() for other in others)


@pytest.mark.parametrize("part", ["machine", "life"])
def test_who_cannot_be_asked_is_told_from_who_is_dead(part, tmp_path, monkeypatch):
    """A process of another machine on the same disk, and an earlier one that had our number."""
    path = tmp_path / "a.json"
    with monkeypatch.context() as elsewhere:
        if part == "machine":
            elsewhere.setattr(whole, "_machine", lambda: "elsewhere")
        else:
            elsewhere.setattr(whole, "_LIFE", "earlier")
        folder = hidden(path, "partial")
    (folder / "c").mkdir(parents=True)
    remove_leftovers(path)
    assert folder.exists() == (part == "machine")
    if part == "machine":
        os.utime(folder, (0, 0))
        remove_leftovers(path)
        assert folder.exists(), "something was written into it a moment ago"
        os.utime(folder / "c", (0, 0))
        os.utime(folder, (0, 0))
        remove_leftovers(path)
        assert not folder.exists()


def test_a_machine_without_a_network_card_is_one_machine(monkeypatch):
    """Python then draws an address for each process, with the bit of a group set."""
    drawn = iter([0x0100_0000_0001, 0x0300_0000_0002])
    monkeypatch.setattr(whole.uuid, "getnode", lambda: next(drawn))
    assert whole._machine.__wrapped__() == whole._machine.__wrapped__()


def test_a_file_that_cannot_be_replaced_for_a_moment(tmp_path, monkeypatch):
    """As on Windows while somebody reads it."""
    refusals, replace = iter([PermissionError(13, "in use")] * 2), Path.replace

    def busy(self, target):
        for error in refusals:
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    with whole_file(tmp_path / "a.json") as partial:
        partial.write_text("whole")
    assert (tmp_path / "a.json").read_text() == "whole"


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as failed, whole_file(tmp_path / "a.json") as partial:
        partial.joinpath("b").touch()
    assert failed.value.filename == str(partial / "b")
    with pytest.raises(FileNotFoundError, match=re.escape(f"'{tmp_path / 'a.json'}'")):  # nothing was written
        with whole_file(tmp_path / "a.json"):
            pass
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_in_the_words_of_the_system(tmp_path):
    with pytest.raises(OSError, match=r"No space left on device: .*a\.json") as failed:
        with whole_file(tmp_path / "a.json"):
            raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: ...")
    assert failed.value.filename == str(tmp_path / "a.json")


def test_a_disk_that_syncs_no_folders(tmp_path, monkeypatch):
    """As some network disks; the file itself is synced."""
    sync = os.fsync

    def only_files(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", only_files)
    with whole_file(tmp_path / "a.json") as partial:
        partial.write_text("whole")
    assert (tmp_path / "a.json").read_text() == "whole"


def test_a_folder_that_may_only_be_read_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError) as failed, whole_file(tmp_path / "a.json"):
        pytest.fail("libraries would say so in words of their own")
    assert failed.value.filename == str(tmp_path / "a.json")
