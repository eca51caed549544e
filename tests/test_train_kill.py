"""A run that is killed at any moment ends in the very weights and metrics of one that is left alone."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training import same_state, tiny_run

from seco_lab.train import read_metrics

STEPS = 150
SCRIPT = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parent)!r})
torch.set_num_threads(1)
from training import tiny_run
# Saving at nearly every step makes it likely that the end comes in the middle of a checkpoint.
run = tiny_run(sys.argv[1], steps={STEPS}, save_every_minutes=0.02 / 60)
run.resume()
print("ready", flush=True)
for log in run:
    pass
"""


def start(folder):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, folder], stdout=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_killed_run_resumes_to_the_bit(tmp_path):
    folder, chance, kills = tmp_path / "killed", random.Random(0), 0
    for _ in range(2):
        process = start(folder)
        while not (folder / "checkpoint.pt").exists():
            time.sleep(0.005)
        time.sleep(chance.uniform(0.05, 0.4))
        process.kill()
        kills += process.wait() != 0
    assert kills > 0
    killed, alone = tiny_run(folder, steps=STEPS), tiny_run(tmp_path / "alone", steps=STEPS)
    assert killed.resume()
    for run in (killed, alone):
        for _ in run:
            pass
    assert same_state(killed.method, alone.method)
    assert sorted(os.listdir(folder)) == ["checkpoint.pt", "metrics.csv"]
    ours, theirs = read_metrics(folder), read_metrics(alone.folder)
    assert ours["step"] == list(range(1, STEPS + 1))
    for name in ("loss", "lr", "epoch", "top1_all", "top1_season", "top1_augmentation"):
        assert ours[name] == theirs[name]
