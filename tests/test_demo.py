"""The demo from end to end, small: what a newcomer types first must end with a report."""

import json

import pytest

from seco_lab import demo
from seco_lab.cli import main

# So few pictures and steps say nothing.
pytestmark = pytest.mark.filterwarnings("ignore::seco_lab.train.guards.InputMismatchWarning")


@pytest.mark.slow
def test_the_demo_ends_with_a_report(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "BATCH", 8)
    monkeypatch.setattr(demo, "PATCH_PX", 24)
    monkeypatch.setattr(demo, "VIEW_PX", 24)
    monkeypatch.setattr(demo, "SEASONS", 3)
    monkeypatch.setattr("seco_lab.downstream.eurosat.PROBE_PX", 24)
    argv = ["demo", "--places", "40", "--minutes", "0.02", "--out", str(tmp_path / "demo"), "--json"]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert {"untrained", "floor", "coordinates"} <= set(told)
    assert "steps fitted into 0.02 minutes" in err
    page = (tmp_path / "demo" / "report.html").read_text()
    for words in ("colour statistics", "untrained network", "nearest place on the map"):
        assert words in page
    assert (tmp_path / "demo" / "first_look.png").read_bytes().startswith(b"\x89PNG")
    assert err.index("first_look.png") < err.index("3/6")  # long before the report
    # Other minutes train anew, on the cubes that are there.
    written = {path.stat().st_mtime_ns for path in (tmp_path / "demo" / "cube.zarr").rglob("*")}
    argv[argv.index("0.02")] = "0.01"
    assert main(argv) == 0
    assert "holds a demo of 0.02 minutes: its places are kept, it trains anew" in capsys.readouterr().err
    assert {path.stat().st_mtime_ns for path in (tmp_path / "demo" / "cube.zarr").rglob("*")} == written
    assert json.loads((tmp_path / "demo" / "run" / "run.json").read_text())["arguments"]["minutes"] == 0.01
