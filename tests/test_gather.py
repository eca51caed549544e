import json
import os
import shutil
import signal
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import xarray as xr
from forks import Children
from gathering import TinySource, small_plan

from seco_lab.gather import estimate_bytes, gather, rejected_path
from seco_lab.places import AroundCities, Place, Plan, plan_of, plan_places
from seco_lab.seasons import random_phase
from seco_lab.store import MappedCube, open_cube


@pytest.fixture(scope="module")
def request_():
    return small_plan()


def run(plan, source, dates, out, **options):
    return gather(plan, source, dates, out, **{"size_px": 8, "batch": 14, "progress": False, **options})


def test_a_plan_becomes_a_cube(tmp_path, request_):
    plan, dates = request_
    report = run(plan, TinySource(), dates, tmp_path / "new" / "c.zarr", bands="rgb")
    cube = open_cube(report.path)
    assert (report.gathered, report.already, report.rejected) == (40, 0, 0)
    assert dict(cube.sizes) == {"patch": 40, "season": 2, "band": 3, "y": 8, "x": 8}
    assert cube["patch"].values.tolist() == plan.places["name"].tolist()
    assert (cube["time"].values == dates).all()
    assert cube["band"].values.tolist() == ["B04", "B03", "B02"]
    assert cube.attrs["plan_hash"] == plan.hash
    assert json.loads(cube.attrs["gather"])["sampler"] == "cities"
    assert not list(report.path.parent.glob(".*")), "no lock or partial file stays"


def test_a_second_run_loads_nothing(tmp_path, request_):
    plan, dates = request_
    run(plan, TinySource(), dates, tmp_path / "c.zarr")
    source = TinySource()
    report = run(plan, source, dates, tmp_path / "c.zarr")
    assert source.loaded == []
    assert (report.gathered, report.already) == (0, 40)


def test_blocks_do_not_matter(tmp_path):
    plan, dates = small_plan(6)
    one = open_cube(run(plan, TinySource(), dates, tmp_path / "a.zarr", batch=1).path)
    all_ = open_cube(run(plan, TinySource(), dates, tmp_path / "b.zarr", batch=100).path)
    xr.testing.assert_identical(one.load(), all_.load())


def test_places_without_imagery_are_given_up_with_a_reason(tmp_path, request_):
    plan, dates = request_
    names = plan.places["name"].tolist()
    source = TinySource(missing=[names[3], names[20]], holed=[names[5]])
    report = run(plan, source, dates, tmp_path / "c.zarr")
    assert (report.gathered, report.rejected) == (37, 3)
    rest = [n for i, n in enumerate(names) if i not in (3, 5, 20)]
    assert open_cube(report.path)["patch"].values.tolist() == rest
    table = gpd.read_parquet(report.rejected_path).set_index("name")
    assert table.loc[names[3], "why"] == f"no scene of {names[3]} between the dates"
    assert table.loc[names[5], "why"] == "no data in 100 % of a patch"
    again = TinySource()
    report = run(plan, again, dates, tmp_path / "c.zarr")
    assert again.loaded == [], "places given up are not tried again"
    assert (report.gathered, report.already, report.rejected) == (0, 37, 3)


def test_a_larger_plan_extends_the_cube(tmp_path):
    small, dates = small_plan(10)
    run(small, TinySource(), dates, tmp_path / "c.zarr")
    large, dates = small_plan(25)
    source = TinySource()
    report = run(large, source, dates, tmp_path / "c.zarr")
    assert (report.gathered, report.already) == (15, 10)
    assert len(source.loaded) == 15
    cube = open_cube(report.path)
    assert cube["patch"].values.tolist() == large.places["name"].tolist()
    assert cube.attrs["plan_hash"] == large.hash
    with pytest.raises(ValueError, match="another plan"):
        run(small, source, small_plan(10)[1], tmp_path / "c.zarr")


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path, request_):
    plan, dates = request_
    out = tmp_path / "c.zarr"
    with Children(Path(__file__).with_name("gathering.py")) as children:
        for _ in range(3):
            before, child = len(MappedCube(out)) if out.exists() else 0, children.start(str(out))
            while not out.exists() or len(MappedCube(out)) < before + 6:
                time.sleep(0.02)
            os.kill(child, signal.SIGKILL)
            assert children.end() == -signal.SIGKILL
    left = 40 - open_cube(out).sizes["patch"]
    assert 0 < left < 30, "it was killed half way"
    source = TinySource()
    report = run(plan, source, dates, out)
    assert report.gathered == len(source.loaded) == left
    clean = open_cube(run(plan, TinySource(), dates, tmp_path / "clean.zarr").path).load()
    xr.testing.assert_identical(open_cube(out).load(), clean)


def test_an_interrupted_run_goes_on(tmp_path, request_):
    plan, dates = request_

    def interrupt(source):
        if len(source.loaded) >= 14:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan, TinySource(before=interrupt), dates, tmp_path / "c.zarr")
    assert run(plan, TinySource(), dates, tmp_path / "c.zarr").already == 14


def test_two_writers(tmp_path, request_):
    plan, dates = request_

    def second(_):
        with pytest.raises(FileExistsError, match="another process is gathering"):
            run(plan, TinySource(), dates, tmp_path / "c.zarr")

    run(plan, TinySource(before=second), dates, tmp_path / "c.zarr", batch=40)


def test_a_full_disk_is_seen_before_the_start(tmp_path, request_, monkeypatch):
    plan, dates = request_
    needed = estimate_bytes(40, 2, 12, 8)
    assert needed == 40 * 2 * 12 * 8 * 8 * 2
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, int(1.1 * needed)))
    source = TinySource()
    with pytest.raises(OSError, match="MB free"):
        run(plan, source, dates, tmp_path / "c.zarr")
    assert source.loaded == []
    assert list(tmp_path.iterdir()) == []


def test_another_plan_dates_or_size_is_refused(tmp_path, request_):
    plan, dates = request_
    out = tmp_path / "c.zarr"
    run(plan, TinySource(), dates, out)
    other = plan_places(40, AroundCities(), seed=8)
    with pytest.raises(ValueError, match="gathered from another plan"):
        run(other, TinySource(), random_phase(other.place_list(), seasons=2), out)
    elsewhere = TinySource()
    elsewhere.seed = 5
    with pytest.raises(ValueError, match="source_seed None, now it is 5"):
        run(plan, elsewhere, dates, out)
    with pytest.raises(ValueError, match="for other dates"):
        run(plan, TinySource(), dates + np.timedelta64(1, "D"), out)
    with pytest.raises(ValueError, match="size_px 8, now it is 9"):
        run(plan, TinySource(), dates, out, size_px=9)
    with pytest.raises(ValueError, match="bands"):
        run(plan, TinySource(), dates, out, bands="rgb")


def test_bad_input(tmp_path, request_):
    plan, dates = request_
    out = tmp_path / "c.zarr"
    empty = Plan(plan.places.iloc[:0], plan.rejected, {})
    with pytest.raises(ValueError, match="plan is empty"):
        run(empty, TinySource(), dates[:0], out)
    with pytest.raises(ValueError, match="40 rows"):
        run(plan, TinySource(), dates[:3], out)
    with pytest.raises(LookupError, match="B77"):
        run(plan, TinySource(), dates, out, bands="B77")
    with pytest.raises(ValueError, match="how cloudy"):
        run(plan, TinySource(), dates, out, max_cloud_cover=20)
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="is no cube"):
        run(plan, TinySource(), dates, tmp_path / "x.zarr")
    assert (tmp_path / "x.zarr" / "mine.txt").read_text() == "precious"


def test_nothing_anywhere(tmp_path):
    plan = plan_of([Place("a", 1.0, 2.0), Place("b", 3.0, 4.0)])
    dates = random_phase(["a", "b"])
    out = tmp_path / "c.zarr"
    with pytest.raises(LookupError, match="none of the 2 places"):
        run(plan, TinySource(missing=["a", "b"]), dates, out)
    assert len(gpd.read_parquet(rejected_path(out))) == 2
    assert run(plan, TinySource(), dates, out).gathered == 2, "with no cube there, all are tried again"


def test_a_faulty_source_is_not_taken_for_missing_imagery(tmp_path, request_):
    plan, dates = request_

    class Faulty(TinySource):
        def load(self, places, dates, size_px, bands="all"):
            return super().load(places[:-1], dates[:-1], size_px, bands)

    with pytest.raises(ValueError, match="asked for 14 places"):
        run(plan, Faulty(), dates, tmp_path / "c.zarr")
