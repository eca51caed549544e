"""Shared fixtures: where real data lie, and a network that is closed but for this machine."""

import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _folder(variable: str, default: Path, what: str) -> Path:
    folder = Path(os.environ.get(variable, default))
    if not folder.is_dir():
        pytest.skip(f"{what} not found at {folder}; set {variable} to their folder")
    return folder


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """With SECO_LAB_NO_SKIP set (CI), a test that skips itself fails, unless it needs hardware."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("SECO_LAB_NO_SKIP"):
        if not item.get_closest_marker("hardware"):
            report.outcome = "failed"
            report.longrepr = f"skipped, but nothing may be skipped here: {report.longrepr[2]}"


@pytest.fixture(scope="session")
def real_data() -> Path:
    return _folder("SECO_LAB_REAL_DATA", SHARED / "data", "real satellite data")


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    return _folder("SECO_LAB_REFERENCE", SHARED / "reference", "reference numbers of the official code")


@pytest.fixture(scope="session")
def archive_root(tmp_path_factory) -> Path:
    """The small archive of ``archive.py``; nobody may change its files."""
    from archive import write_archive

    return write_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """What the command line keeps for the next question stays out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Tiny tensors gain nothing from threads, and lose up to 30 times on a machine that is busy otherwise."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _closed_network(monkeypatch):
    """Any attempt to leave the machine fails the test that makes it."""
    connect = socket.socket.connect

    def guarded(self, address, *args):
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"tests must not use the network, tried {address}")
        return connect(self, address, *args)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _disturbed_chance(request):
    """Global generators differ from test to test, so that code that leans on them is found out."""
    seed = abs(hash(request.node.nodeid)) % 2**31
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002


@pytest.fixture
def interruptible():
    """Tests that were started in the background inherit a deaf SIGINT from the shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
