"""Every notebook runs from a clean kernel, offline and fast, with its exercises blank and solved."""

import importlib.util
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/solutions/*.ipynb")])
SECONDS = 180


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: "-".join(p.parts[-2:]))
def test_runs(path, work, monkeypatch):
    monkeypatch.setenv("SECO_LAB_FAST", "1")
    monkeypatch.setenv("SECO_LAB_WORK", str(work))
    # Small tensors gain nothing from threads, and lose many times over on a machine that is busy otherwise.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # A kernel that reaches for the network fails at once instead of hanging.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    client.execute(env=dict(os.environ))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: "-".join(p.parts[-2:]))
def test_has_the_form_of_a_lesson(path):
    cells = nbformat.read(path, 4).cells
    for word in ("You will", "Needs", "Gives", "Time"):
        assert word in cells[0].source, f"the first cell lacks '{word}'"
    codes = code_cells(path)
    assert "assert" in codes[-1], "the last code cell checks nothing"
    assert all(not cell.get("outputs") for cell in cells)
    long = [code.splitlines()[0] for code in codes if len(code.splitlines()) > 20]
    assert not long, f"cells over 20 lines: {long}"
    assert not re.search(r"(?m)^\s*[!%]\s*(pip|conda)", "\n".join(codes)), "installation does not belong here"


def test_built_notebooks_are_fresh():
    spec = importlib.util.spec_from_file_location("notebooks_tool", ROOT / "tools" / "notebooks.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    stale = [
        path.name for path, text in tool.targets().items() if not path.exists() or path.read_text() != text
    ]
    assert not stale, f"run make notebooks: {stale}"


def test_blank_and_solved_differ_only_in_solutions():
    spec = importlib.util.spec_from_file_location("notebooks_tool", ROOT / "tools" / "notebooks.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    cell = "x = 1\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION\nprint(x)"
    assert tool.blanked(cell) == "x = 1\n# your code here\nprint(x)"
    assert tool.solved(cell) == "x = 1\nx = 2\nprint(x)"
