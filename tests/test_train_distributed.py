"""Several processes train as one does: real ones, over gloo, and what happens when one of them is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import together
import torch
from cubes import small_cube
from together import METHODS, Eight, command_line, everything, patient_run
from training import tiny_run

from seco_lab.cli import main
from seco_lab.nn.processes import join_processes
from seco_lab.store import save_cube
from seco_lab.train import read_metrics

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
SCRIPT = str(Path(together.__file__))
# Over 4 steps of 0.01; without standardised embeddings it stays below 5e-6.
TOLERANCE = 2e-4
LOST = "another process of this run ended or did not answer in time"


def environment(**more):
    root = str(Path(__file__).parents[1])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root, **more}


def torchrun(*words):
    return subprocess.Popen(
        [*TORCHRUN, *words], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found, and their folder."""
    folder = tmp_path_factory.mktemp("two")
    save_cube(small_cube(patches=12, size=40, seasons=3), folder / "cube.zarr")
    process = torchrun(SCRIPT, "compare", str(folder))
    out, told = process.communicate(timeout=240)
    assert process.returncode == 0, told
    (folder / "out").write_text(out)
    (folder / "told").write_text(told)
    found = [torch.load(folder / f"process{number}.pt", weights_only=False) for number in (0, 1)]
    return *found, folder


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """What one process finds."""
    return everything(tmp_path_factory.mktemp("one"))


def losses(curve):
    return [log["loss"] for log in curve["logs"]]


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_two_processes_draw_the_curve_of_one(one, two, name):
    alone, together_ = one["curves"][name], two[0]["curves"][name]
    assert losses(together_) == pytest.approx(losses(alone), rel=TOLERANCE)
    # Shares of rows fall on either side where two logits are equal, and top_n is taken in each process.
    for log, expected in zip(together_["logs"], alone["logs"], strict=True):
        same = [key for key in expected if key.startswith(("loss_", "change"))]
        assert [log[key] for key in same] == pytest.approx([expected[key] for key in same], rel=1e-3)
    for key, value in alone["state"].items():
        assert torch.allclose(together_["state"][key].float(), value.float(), rtol=1e-3, atol=1e-3), key


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_all_processes_hold_the_same_bits(two, name):
    first, second = (process["curves"][name] for process in two[:2])
    assert losses(first) == losses(second)
    assert all(torch.equal(value, second["state"][key]) for key, value in first["state"].items())


@pytest.mark.slow
@pytest.mark.parametrize("what", ["shuffled", "parts"])
def test_own_statistics_still_make_one_network_and_one_queue(two, one, what):
    first, second = (process[what] for process in two[:2])
    assert all(torch.equal(value, second["state"][key]) for key, value in first["state"].items())
    assert first["state"]["queues.0.pointer"] == one[what]["state"]["queues.0.pointer"]
    assert losses(first) != pytest.approx(losses(one[what]), rel=TOLERANCE)
    assert sum(losses(first)) == pytest.approx(sum(losses(one[what])), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("views", ["MoCoViews", "TemporalViews", "SeasonalViews"])
def test_shares_are_the_rows_of_the_very_batch(one, two, views):
    for step in (0, 1):
        images, index, made = one["cube"][views][step]
        parts = [process["cube"][views][step] for process in two[:2]]
        assert all(len(part[0]) == 4 for part in parts)
        assert torch.equal(torch.cat([part[0] for part in parts]), images)
        assert torch.equal(torch.cat([part[1] for part in parts]), index)
        for name, view in made.items():
            assert torch.allclose(torch.cat([part[2][name] for part in parts]), view, atol=1e-5)


@pytest.mark.slow
def test_keys_are_normalised_with_the_rows_they_were_dealt_to(two):
    rows = torch.arange(8.0)[:, None] ** 2
    in_eval, in_train = (torch.cat(parts) for parts in zip(*(p["cards"] for p in two[:2]), strict=True))
    assert torch.allclose(in_eval, rows, rtol=1e-4)
    expected = torch.empty(8, 1)
    for hand in (slice(0, None, 2), slice(1, None, 2)):
        part = rows[hand]
        expected[hand] = (part - part.mean()) / (part.var(correction=0) + 1e-5).sqrt()
    assert torch.allclose(in_train, expected, atol=1e-5)


@pytest.mark.slow
def test_loss_that_is_no_number_stops_all_together(one, two):
    assert "pixels of patches" in one["spoiled"][0]
    assert [process["spoiled"] for process in two[:2]] == [one["spoiled"]] * 2


@pytest.mark.slow
def test_processes_that_differ_are_refused(two):
    for process in two[:2]:
        said = process["refused"]
        assert "process 1 was started differently from process 0 (config.seed: 0 -> 1)" in said["seed"]
        assert "first weights" in said["weights"]
        assert "8 cannot be cut into equal parts for 2 processes with accumulate 3" in said["rows"]
        assert "leaves one row at a time" in said["one row"]
        assert "already holds a run" in said["claimed"]
        assert "process 0 finds a run after 3 steps" in said["disk"]
        assert "process 1 no run: all processes must see the same folder" in said["disk"]


@pytest.mark.slow
def test_checkpoint_of_two_goes_on_in_one(two):
    first, _, folder = two
    assert sorted(os.listdir(folder / "run")) == ["checkpoint.pt", "metrics.csv"]
    assert read_metrics(folder / "run")["step"] == [1, 2, 3]
    run = tiny_run(folder / "run", batches=Eight(), steps=5)
    assert run.resume()
    assert run.step == 3
    assert all(torch.equal(value, first["kept"][key]) for key, value in run.method.state_dict().items())
    assert [log.step for log in run] == [4, 5]


def wait_for_rows(folder, process, rows):
    """Until the run has saved some steps."""
    for _ in range(600):
        time.sleep(0.1)
        path = folder / "run" / "metrics.csv"
        if path.exists() and path.read_text().count("\n") > rows:
            return
        assert process.poll() is None, process.communicate()[1]
    raise AssertionError("the run makes no progress")


def finish_alone(folder):
    run = patient_run(folder / "run", save_every_minutes=5)
    assert run.resume()
    assert 0 < run.step < 40
    for _ in run:
        pass
    assert read_metrics(folder / "run")["step"] == list(range(1, 41))


@pytest.mark.slow
def test_killed_worker_ends_the_run_and_one_process_finishes_it(tmp_path):
    process = torchrun(SCRIPT, "train_slowly", str(tmp_path))
    wait_for_rows(tmp_path, process, 5)
    os.kill(int((tmp_path / "pid1").read_text()), signal.SIGKILL)
    killed = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert time.monotonic() - killed < 30
    finish_alone(tmp_path)


@pytest.mark.slow
def test_worker_that_hangs_is_lost_after_the_timeout(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    workers = [
        subprocess.Popen(
            [sys.executable, SCRIPT, "train_slowly", str(tmp_path)],
            env=environment(
                RANK=number, WORLD_SIZE="2", LOCAL_RANK=number, MASTER_ADDR="127.0.0.1", MASTER_PORT=port
            ),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in ("0", "1")
    ]
    try:
        wait_for_rows(tmp_path, workers[0], 3)
        workers[1].send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        _, told = workers[0].communicate(timeout=60)
        assert workers[0].returncode != 0
        # The timeout is 10 s; the rest is for the end of Python on a busy machine.
        assert time.monotonic() - stopped < 31
        assert f"ProcessLostError: {LOST}" in told
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    finish_alone(tmp_path)


@pytest.mark.slow
def test_command_line_under_torchrun(two, capsys):
    folder = two[2]
    (line,) = (folder / "out").read_text().strip().splitlines()
    assert json.loads(line)["steps"] == 2
    assert (folder / "told").read_text().count("2 steps done") == 1
    assert read_metrics(folder / "cli")["step"] == [1, 2]
    assert main([*command_line(folder), "--resume"]) == 0
    assert "all 2 steps of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "options", "words"),
    [
        (
            {"WORLD_SIZE": "2"},
            {},
            "got WORLD_SIZE without RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT: start with",
        ),
        ({"RANK": "2"}, {}, "RANK must lie between 0 and WORLD_SIZE - 1, got 2 of 2"),
        ({"RANK": "one"}, {}, "RANK must be a whole number, got 'one'"),
        ({}, {"backend": "nccl"}, "NCCL was asked for, but it needs CUDA and the device is 'cpu'; use gloo"),
        ({}, {"device": "cuda"}, "device 'cuda' is not at hand on this machine; use 'auto' or 'cpu'"),
        ({}, {"device": "mps"}, "several processes can train on CUDA GPUs or CPUs, not on 'mps'; use 'cpu'"),
        ({}, {"backend": "mpi"}, "backend must be one of auto, gloo, nccl, got 'mpi'"),
    ],
)
def test_bad_surroundings_are_one_sentence(variables, options, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    whole = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "::1", "MASTER_PORT": "1"}
    for name, value in (variables if variables == {"WORLD_SIZE": "2"} else {**whole, **variables}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=words):
        join_processes(**{"device": "cpu", **options})


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    whole = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "::1", "MASTER_PORT": "1"}
    for name, value in whole.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="a GPU of its own: this is process 2 on a machine with 1; start it"):
        join_processes("auto")


def test_one_process_alone_joins_nobody(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert join_processes("auto") == "auto"
    assert not torch.distributed.is_initialized()
