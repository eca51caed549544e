"""One JupyterLab and one browser for all tests of this folder: starting them takes longer than most tests."""

import pytest

pytest.importorskip("playwright")
pytest.importorskip("jupyterlab")

from lab import chromium, running_lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running
