"""A module imports only from layers below it, and heavy libraries stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "seco_lab"
LAYERS = [
    {"whole", "alone", "remote"},
    {"sensors", "input_spec", "places", "seasons", "batch"},
    {"cube", "store", "world", "nn", "views", "geoclusters", "sampling", "catalogs"},
    {"sources", "data", "methods"},
    {"gather", "fetch", "checkpoints", "diagnostics", "train", "embeddings", "neighbours", "search"},
    {"downstream"},
    {"explore"},
    {"viz"},
    {"commands", "arguments"},
    {"demo", "cli", "__main__"},
]
# Within a layer these pairs may import in this direction.
SIBLINGS = {
    ("store", "cube"),
    ("catalogs", "world"),
    ("sampling", "places"),
    ("seasons", "places"),
    ("fetch", "gather"),
    ("train", "checkpoints"),
    ("train", "diagnostics"),
    ("embeddings", "checkpoints"),
    ("embeddings", "neighbours"),
    ("search", "neighbours"),
    ("cli", "demo"),
    ("__main__", "cli"),
}
TORCH = {"batch", "nn", "views", "data", "methods", "checkpoints", "diagnostics", "train", "embeddings"}
TORCH |= {"neighbours", "downstream", "demo", "commands"}
XARRAY = {"cube", "store", "sources", "data", "gather", "fetch", "embeddings", "downstream", "viz"}
XARRAY |= {"demo", "commands"}
WIDGETS = {"leafmap", "ipyleaflet", "ipywidgets", "anywidget", "matplotlib", "IPython"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layer_of(part: str) -> int:
    for number, parts in enumerate(LAYERS):
        if part in parts:
            return number
    raise AssertionError(f"seco_lab/{part} has no layer: add it to LAYERS in {__file__}")


def imports_of(path: Path) -> set[tuple[str, str]]:
    """(package, part of seco_lab or '') of every import in a file, those within functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
            if node.module == "seco_lab":
                names = [f"seco_lab.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            found.add((package, rest.partition(".")[0] if package == "seco_lab" else ""))
    return found


def violations(path: Path) -> list[str]:
    part, found = part_of(path), []
    for package, other in imports_of(path):
        if package == "torch" and part not in TORCH:
            found.append(f"{part} imports torch")
        if package == "xarray" and part not in XARRAY:
            found.append(f"{part} imports xarray")
        if package in WIDGETS and part != "viz":
            found.append(f"{part} imports {package}")
        if package != "seco_lab" or other in ("", "__version__", part):
            continue
        if layer_of(other) >= layer_of(part) and (part, other) not in SIBLINGS:
            found.append(f"{part} (layer {layer_of(part)}) imports {other} (layer {layer_of(other)})")
    return found


def test_imports_point_downwards():
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
    assert len(paths) > 200
    assert {str(path): found for path in paths if (found := violations(path))} == {}


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("places.py", "import torch"),
        ("cube.py", "from seco_lab.train import TrainConfig"),
        ("methods/x.py", "def f():\n    import xarray"),
        ("train.py", "import matplotlib.pyplot"),
        ("data.py", "from seco_lab import methods"),
    ],
)
def test_planted_violation_is_caught(part, line, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / part
    path.parent.mkdir(exist_ok=True)
    path.write_text(line)
    assert len(violations(path)) == 1


def test_import_is_light():
    code = (
        "import sys, time; t = time.perf_counter(); import seco_lab; s = time.perf_counter() - t;"
        "heavy = {'torch', 'leafmap', 'xarray', 'numpy'} & set(sys.modules); print(heavy or '', s)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy, _, seconds = out.rpartition(" ")
    assert heavy.strip() == ""
    assert float(seconds) < 0.3
