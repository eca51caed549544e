"""Run every script of bench/ in its own process and write what they measured to docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def machine() -> str:
    """One line that names processor, cores, memory, Python and the libraries that set the pace."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":")[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "zarr", "rasterio"))
    return (
        f"{cpu}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {libraries}"
    )


def run(script: Path) -> dict:
    """What one benchmark wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        subprocess.run([sys.executable, script, "--json", out], check=True, cwd=ROOT)
        return json.loads(out.read_text())


def table(rows: list[dict]) -> str:
    """Rows of equal keys as a Markdown table."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(cell(row.get(key, "")) for key in keys) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: object) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


def section(result: dict) -> str:
    text = f"## {result['name']}\n\n{table(result['rows'])}\n"
    if result.get("ratio") is not None:
        text += f"\nRatio: **{cell(result['ratio'])}**\n"
    for key in ("target", "note"):
        if key in result:
            text += f"\n{key.capitalize()}: {result[key]}\n"
    return text + f"\nCommand: `{result['command']}`\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="scripts of bench/ without .py; all of them by default")
    names = parser.parse_args().names
    scripts = [s for s in sorted((ROOT / "bench").glob("[a-z]*.py")) if not names or s.stem in names]
    store = ROOT / "docs" / "benchmarks.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    for script in scripts:
        results[script.stem] = {**run(script), "machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
        store.write_text(json.dumps(results, indent=1) + "\n")
    write_page(results)


def write_page(results: dict[str, dict]) -> None:
    """Put the tables into docs/benchmarks.md and leave the words around them."""
    page = ROOT / "docs" / "benchmarks.md"
    before, _, rest = page.read_text().partition(START)
    parts = [section(r) + f"\nMachine: {r['machine']}; {r['date']}\n" for _, r in sorted(results.items())]
    page.write_text(before + START + "\n\n" + "\n".join(parts) + "\n" + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
