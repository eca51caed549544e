"""Write the tables of the README from the code: modules from docstrings, notebooks from first cells."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ORDER = (
    *("sensors", "input_spec", "places", "seasons", "cube", "store", "world", "sources", "catalogs"),
    *("remote", "gather", "fetch"),
    *("batch", "data", "views", "nn", "geoclusters", "methods", "train", "checkpoints"),
    *("diagnostics", "embeddings", "neighbours", "search", "downstream", "explore", "viz"),
)


def module_path(name: str) -> Path:
    """The file that holds a module's docstring."""
    package = ROOT / "seco_lab" / name / "__init__.py"
    return package if package.exists() else ROOT / "seco_lab" / f"{name}.py"


def modules() -> str:
    """One row a module: its name and the first sentence of its docstring."""
    rows = ["| module | what it does |", "|---|---|"]
    for name in ORDER:
        if module_path(name).exists():
            line = (ast.get_docstring(ast.parse(module_path(name).read_text())) or "").split("\n\n")[0]
            rows.append(f"| `{name}` | {' '.join(line.split()).rstrip('.')} |")
    return "\n".join(rows)


def notebooks() -> str:
    """One row a notebook: number and topic, what the reader will do, minutes."""
    rows = ["| notebook | you will | minutes |", "|---|---|---|"]
    for script in sorted((ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py")):
        first = script.read_text().split("# %%")[1]
        text = " ".join(line.lstrip("# ").strip() for line in first.splitlines()[1:]).replace("<br>", "")
        will = re.search(r"\*\*You will:?\*\*:?\s*(.+?)\s*(?=\*\*Needs)", text)
        minutes = re.search(r"\*\*Time:?\*\*:?\D*(\d+)", text)
        if not will or not minutes:
            raise ValueError(
                f"the first cell of {script.name} must hold **You will**, **Needs** and **Time** (minutes)"
            )
        link = f"[{script.stem}](notebooks/{script.stem}.ipynb)"
        rows.append(f"| {link} | {will[1].strip('-| ').rstrip('.')} | {minutes[1]} |")
    return "\n".join(rows)


def filled(text: str) -> str:
    """The README with both tables as they should be."""
    for name, make in (("modules", modules), ("notebooks", notebooks)):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if begin not in text or end not in text:
            raise ValueError(f"README.md lacks {begin} or {end}")
        text = text.partition(begin)[0] + f"{begin}\n{make()}\n{end}" + text.partition(end)[2]
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a table is stale")
    check = parser.parse_args().check
    page = ROOT / "README.md"
    text = page.read_text()
    if check:
        return int(filled(text) != text)
    page.write_text(filled(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
