import errno
import os
import pickle
import resource

import pytest
import torch
from training import SPEC, resnet_method, same_state, tiny_run

from seco_lab.checkpoints import (
    describe_changes,
    export_weights,
    files,
    load_checkpoint,
    load_encoder,
    save_checkpoint,
    save_encoder,
)
from seco_lab.nn.encoders import encoder_named, resnet18


def test_content_comes_back(tmp_path):
    path = tmp_path / "deep" / "a.pt"
    save_checkpoint(path, {"x": torch.arange(3), "words": {"a": [1, 2.5, None]}})
    for mapped in (False, True):
        content = load_checkpoint(path, mapped=mapped)
        assert content["x"].tolist() == [0, 1, 2]
        assert content["words"] == {"a": [1, 2.5, None]}
    assert os.listdir(path.parent) == ["a.pt"]


class Malicious:
    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return (os.mkdir, (str(self.proof),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch.save, lambda o, path: path.write_bytes(pickle.dumps(o))])
def test_code_in_a_file_does_not_run(tmp_path, write):
    path, proof = tmp_path / "evil.pt", tmp_path / "ran"
    write({"format": "seco_lab", "x": Malicious(proof)}, path)
    with pytest.raises(ValueError, match="not opened for safety"):
        load_checkpoint(path)
    assert not proof.exists()


def test_every_truncation_is_one_sentence(tmp_path):
    path = tmp_path / "a.pt"
    save_checkpoint(path, {"x": torch.zeros(500)})
    whole = path.read_bytes()
    for length in (0, 1, 40, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        for mapped in (False, True):
            with pytest.raises(ValueError, match=r"a\.pt is (not a whole checkpoint|damaged)"):
                load_checkpoint(path, mapped=mapped)


def test_foreign_files_are_named(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="not of this toolkit"):
        load_checkpoint(path)
    path.write_text("no weights at all")
    with pytest.raises(ValueError, match="is damaged, or holds more"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "missing.pt")


def test_later_versions_ask_for_an_update(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_VERSION", 99)
    save_checkpoint(tmp_path / "a.pt", {})
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"written by seco_lab .*: update it"):
        load_checkpoint(tmp_path / "a.pt")


def test_full_disk_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.pt"
    save_checkpoint(path, {"x": torch.zeros(10)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match=r"cannot save .*the checkpoint before it is intact") as caught:
            save_checkpoint(path, {"x": torch.zeros(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
    assert os.listdir(tmp_path) == ["a.pt"]
    assert len(load_checkpoint(path)["x"]) == 10


@pytest.mark.parametrize("ending", ["pth", "safetensors", "onnx"])
def test_full_disk_while_exporting(ending, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=rf"cannot save .*x\.{ending}: .*; nothing was written"):
            export_weights(encoder_named("resnet18-narrow").eval(), SPEC, tmp_path / f"x.{ending}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(tmp_path.iterdir())


def test_full_disk_at_the_last_moment(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device; nothing was written, make room"):
        save_checkpoint(tmp_path / "a.pt", {"x": 1})
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_saved_is_no_full_disk(tmp_path):
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save_checkpoint(tmp_path / "a.pt", {"x": lambda: None})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["resnet18-narrow", "resnet50-narrow"])
def test_encoder_and_contract_travel_together(tmp_path, name):
    encoder = encoder_named(name, seed=3).train()
    save_encoder(tmp_path / "e.pt", encoder, SPEC)
    again, spec = load_encoder(tmp_path / "e.pt")
    assert same_state(encoder, again)
    assert again.name == name
    assert spec == SPEC
    assert not any(part.training for part in again.modules())


def test_encoder_of_a_run_is_the_query_encoder(tmp_path):
    run = tiny_run(tmp_path / "run", method=resnet_method(), steps=3)
    for _ in run:
        pass
    for source in (run.folder, run.folder / "checkpoint.pt"):
        encoder, spec = load_encoder(source)
        assert same_state(encoder, run.method.encoder)
        assert spec == SPEC


def test_contract_of_other_bands_is_refused(tmp_path):
    with pytest.raises(ValueError, match="takes 4 bands, its contract names 3: B04, B03, B02"):
        save_encoder(tmp_path / "e.pt", resnet18(4, width=4), SPEC)


def test_changes_are_named_with_both_values():
    stored = {"config": {"lr": 0.03, "seed": 1}, "same": [1], "gone": 2}
    wanted = {"config": {"lr": 0.1, "seed": 1}, "same": [1]}
    assert describe_changes(stored, wanted) == ["config.lr: 0.03 -> 0.1", "gone: 2 -> None"]
