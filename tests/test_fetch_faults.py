"""Whatever disturbs a run, cube and provenance are those of a run that nothing disturbed."""

import os
import random
import signal
import time
from pathlib import Path

from fault_server import FaultServer
from fetching import fetched, fingerprint
from forks import Children

from seco_lab.remote import retries

SHARES = {"429": 0.05, "503": 0.03, "reset": 0.03, "truncate": 0.02, "flip": 0.002}
KILLS = 8


def test_faults_and_kills_change_nothing(archive_root, tmp_path, monkeypatch):
    """5 % of 429, 3 % of 503, 3 % of resets, 2 % of short bodies, 0.2 % of flipped bits, eight kill -9."""
    monkeypatch.setattr(retries, "_FIRST_WAIT_S", 0.05)
    clean, out, chance = tmp_path / "clean" / "c.zarr", tmp_path / "c.zarr", random.Random(1)
    with FaultServer(archive_root) as server, Children(Path(__file__).with_name("fetching.py")) as children:
        fetched(server.url, clean)
        server.shares, server.latency_s = SHARES, 0.01
        killed = 0
        for _ in range(KILLS):
            until, child = server.requests + chance.randint(5, 40), children.start(server.url, str(out))
            while server.requests < until:
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
            killed += children.end() == -signal.SIGKILL
        fetched(server.url, out)
        faults, server.shares, before = server.faults(), {}, server.requests
        report = fetched(server.url, out)
    assert killed == KILLS
    assert {"429", "503", "reset", "truncate"} <= set(faults)
    assert (report.gathered, server.requests - before) == (0, 0), "a run that has finished asks nothing"
    assert fingerprint(out) == fingerprint(clean)
