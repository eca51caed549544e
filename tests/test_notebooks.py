"""Every notebook runs from a clean kernel, offline and fast, with its exercises blank and solved."""

import ast
import importlib.util
import re
from contextlib import closing
from pathlib import Path

import nbformat
import notebook_kernels
import pytest
from forks import Children
from nbclient import NotebookClient
from notebook_kernels import ForkedKernel

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/solutions/*.ipynb")])
SECONDS = 180


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def kernels():
    with Children(notebook_kernels.__file__) as kernels:
        yield kernels


def code_cells(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def parsed(code: str) -> ast.Module:
    return ast.parse(re.sub(r"(?m)^%.*", "", code))


def names_in(*nodes: ast.AST) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def left_open(blank: str) -> set[str]:
    """Names that an exercise sets to None for the reader to fill."""
    assignments = [node for node in ast.walk(parsed(blank)) if isinstance(node, ast.Assign)]
    return names_in(*(t for node in assignments if "None" in ast.unparse(node.value) for t in node.targets))


def solved_cells(blank: nbformat.NotebookNode, solved: nbformat.NotebookNode) -> list[int]:
    """Cells that a reader who comes back with the solutions runs: those, and all that use what they give."""
    names, found = set(), []
    for number, (was, now) in enumerate(zip(blank.cells, solved.cells, strict=True)):
        if was.source != now.source:
            names |= left_open(was.source)
            found.append(number)
        elif was.cell_type == "code" and names & names_in(parsed(was.source)):
            found.append(number)
    return found


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda p: p.stem)
def test_runs(path, work, kernels, monkeypatch):
    monkeypatch.setenv("SECO_LAB_FAST", "1")
    monkeypatch.setenv("SECO_LAB_WORK", str(work))
    # A kernel that reaches for the network fails at once instead of hanging.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    blank = nbformat.read(path, 4)
    solved = nbformat.read(path.parent / "solutions" / path.name, 4)
    again = solved_cells(blank, solved)
    assert again, "a notebook without an exercise"
    # One kernel runs the blank notebook, then what solving changes.
    with closing(ForkedKernel(kernels, ROOT / "notebooks")) as kernel:
        client = NotebookClient(blank, timeout=SECONDS, km=kernel)
        with client.setup_kernel():
            for number, cell in enumerate(blank.cells):
                client.execute_cell(cell, number)
            for number in again:
                blank.cells[number].source = solved.cells[number].source
                client.execute_cell(blank.cells[number], number)


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
