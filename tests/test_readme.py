"""What the README says is so: its tables, its links, its ten lines of code, its commands."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from seco_lab.arguments.parser import build_parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
COMMAND = re.compile(r"^(?:\.venv/bin/)?seco-lab (.+)$", re.MULTILINE)


def tool():
    spec = importlib.util.spec_from_file_location("readme_tool", ROOT / "tools" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_fresh():
    assert tool().filled(README) == README, "run python tools/readme.py"


def test_links_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data/README.md"]
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text())]
    assert len(links) > 40
    missing = [(str(page), link) for page, link in links if not (page.parent / link).exists()]
    assert not missing


def test_commands_parse():
    parser, pages = build_parser(), [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    lines = [line for page in pages for line in COMMAND.findall(page.read_text())]
    assert len(lines) > 30
    for line in lines:
        parser.parse_args(shlex.split(line.split("#")[0]))


@pytest.mark.slow
def test_ten_lines_run(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 14
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["table"].embedding.sizes["season"] >= 2
