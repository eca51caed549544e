"""pyproject.toml, environment.yml and constraints.txt agree, and the wheel is whole."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch": "torch"}


def requirements(*extras: str) -> dict[str, str]:
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return dict(re.match(r"([\w.-]+)(.*)", line).groups() for line in lines)


def test_environment_lists_what_pyproject_lists():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    listed = dict(re.match(r"([\w.-]+)(.*)", line).groups() for line in conda if isinstance(line, str))
    assert listed.pop("python") == PROJECT["requires-python"]
    listed.pop("pip")
    assert {CONDA_NAMES.get(name, name): version for name, version in listed.items()} == requirements(
        "lab", "stac", "cluster", "earthengine", "umap", "index", "onnx"
    )


def test_constraints_pin_every_direct_dependency_within_its_range():
    pins = dict(
        line.lower().replace("_", "-").split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert pins["torch"] == "2.13.0"
    wanted = requirements(*PROJECT["optional-dependencies"])
    assert set(wanted) <= set(pins), f"not pinned: {set(wanted) - set(pins)}"
    for name, lower in wanted.items():
        assert version(pins[name]) >= version(lower.removeprefix(">=")), name


def test_pinned_packages_take_the_first_python_that_the_toolkit_takes():
    first = PROJECT["requires-python"].removeprefix(">=") + ".0"
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    for name in pins:
        try:
            wanted = metadata.metadata(name).get("Requires-Python")
        except metadata.PackageNotFoundError:  # of another system, or an extra that is not installed
            continue
        assert wanted is None or SpecifierSet(wanted).contains(first), f"{name} wants Python {wanted}"


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def test_every_direct_dependency_is_justified():
    text = (ROOT / "docs/decisions/dependencies.md").read_text()
    missing = [name for name in requirements(*PROJECT["optional-dependencies"]) if f"| {name} |" not in text]
    assert not missing


@pytest.mark.slow
def test_wheel_carries_its_assets_and_imports_elsewhere(tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            ROOT,
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    for folder, pattern in (("assets", "*"), ("viz", "*.js")):
        for path in (ROOT / "seco_lab" / folder).glob(pattern):
            assert f"seco_lab/{folder}/{path.name}" in names
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r});"
        "import seco_lab, seco_lab.places, seco_lab.viz; print(seco_lab.__file__)"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert str(tmp_path) in run.stdout, run.stderr
