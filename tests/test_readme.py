"""What the README says is so: its tables, its links, its ten lines of code, its commands."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from seco_lab.arguments.parser import build_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def tool():
    spec = importlib.util.spec_from_file_location("readme_tool", ROOT / "tools" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_fresh():
    assert tool().filled(README) == README, "run python tools/readme.py"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/real_data.md", "docs/downstream.md", "data/README.md"]
)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    missing = [link for link in links if not ((ROOT / page).parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", ["README.md", "docs/real_data.md", "docs/downstream.md"])
def test_commands_parse(page):
    lines = re.findall(r"^(?:\.venv/bin/)?seco-lab (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert lines
    for line in lines:
        build_parser().parse_args(shlex.split(line.split("#")[0]))


@pytest.mark.slow
def test_ten_lines_run(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 14
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["table"].embedding.sizes["season"] >= 2
