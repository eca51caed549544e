"""Build the notebooks from their percent scripts, or check that they are fresh.

``notebooks/src/NN_topic.py`` is what people edit. Two notebooks come of it: ``notebooks/NN_topic.ipynb``, in
which everything between ``### BEGIN SOLUTION`` and ``### END SOLUTION`` is left for the reader to write, and
``notebooks/solutions/NN_topic.ipynb``, which is whole. Neither holds outputs; cell ids depend on the position
alone, so that building twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[1] / "notebooks"
SOLUTION = re.compile(r"^### BEGIN SOLUTION\n(.*?)^### END SOLUTION\n?", re.MULTILINE | re.DOTALL)
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def blanked(source: str) -> str:
    """The cell as the reader gets it, with a place to write where the solution stood."""
    return SOLUTION.sub("# your code here\n", source + "\n").rstrip("\n")


def solved(source: str) -> str:
    """The cell with its solution and without the marks."""
    return SOLUTION.sub(lambda match: match.group(1), source + "\n").rstrip("\n")


def build(script: Path, *, solve: bool) -> str:
    """The notebook of a percent script as text."""
    notebook = jupytext.read(script)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{script.stem.replace('_', '-')}-{number:02d}"
        cell.metadata = nbformat.NotebookNode()
        if cell.cell_type == "code":
            cell.source = (solved if solve else blanked)(cell.source)
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def targets() -> dict[Path, str]:
    """Every notebook that must exist, with its text."""
    found = {}
    for script in sorted((ROOT / "src").glob("[0-9][0-9]_*.py")):
        found[ROOT / f"{script.stem}.ipynb"] = build(script, solve=False)
        found[ROOT / "solutions" / f"{script.stem}.ipynb"] = build(script, solve=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a notebook is stale"
    )
    check = parser.parse_args().check
    wanted = targets()
    there = {*ROOT.glob("*.ipynb"), *(ROOT / "solutions").glob("*.ipynb")}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    orphans = sorted(there - set(wanted))
    for path in [*stale, *orphans]:
        print(("orphan" if path in orphans else "stale" if check else "wrote"), path.relative_to(ROOT.parent))
    if check:
        return 1 if stale or orphans else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(wanted[path])
    for path in orphans:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
