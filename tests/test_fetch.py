"""From tasks to a cube: true pixels, the right scenes, reasons for what is given up, clear refusals."""

import asyncio
import ctypes
import errno
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from archive import (
    BANDS,
    DATES,
    TILES,
    corners,
    make_tasks,
    name_of,
    true_patch,
    write_halves,
)
from fault_server import FaultServer, Rule
from fetching import fetched, fingerprint

from seco_lab.catalogs import open_tasks, save_tasks
from seco_lab.fetch import (
    estimate,
    fetch,
    journal_path,
    provenance_path,
    read_costs,
    read_provenance,
    read_rejected,
    verify,
)
from seco_lab.fetch import ledger as ledger_module
from seco_lab.fetch.journal import Journal
from seco_lab.fetch.local import LocalReading, Pace
from seco_lab.remote import UnreachableError, Unsigned, retries
from seco_lab.store import open_cube
from seco_lab.whole import hidden


@pytest.fixture(scope="module")
def done(archive_root, tmp_path_factory):
    """A finished cube of 11 places; one of the 12 was given up."""
    return fetched(archive_root, tmp_path_factory.mktemp("done") / "c.zarr").path


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_WAIT_S", 0.01)


def run(tasks, out, **options):
    return fetch(tasks, out, signer=Unsigned(), progress=False, **options)


def check_like(done, out, *, images):
    """The same pixels from the same scenes as in an undisturbed run, of which this one is the beginning."""
    columns = ["patch", "season", "item_id", "sha256"]
    ours, theirs = read_provenance(out)[columns], read_provenance(done)[columns]
    assert len(ours) == images
    pd.testing.assert_frame_equal(ours, theirs.iloc[:images])


def test_every_pixel_is_the_true_one_on_the_right_grid(done):
    cube, source = open_cube(done), read_provenance(done)
    assert cube.sizes["patch"] == 11
    assert cube["band"].values.tolist() == list(BANDS)
    for patch, tile, column, row in corners(12):
        for image in source[source["patch"] == patch].itertuples():
            one = cube.sel(patch=patch).isel(season=image.season)
            date = str(image.time.date())
            np.testing.assert_array_equal(one["reflectance"], true_patch(tile, date, column, row))
            assert (image.column_px, image.row_px) == (column, row)
            epsg, left, top = TILES[tile]
            assert (one["epsg"], one["x0"], one["y0"]) == (epsg, left + 10 * column, top - 10 * row)
            assert str(one["time"].values) == f"{date}T10:20:30.000000000"
            assert one["item_id"] == image.item_id == f"S2A_{tile}_{date}"
    assert set(source["baseline"]) == {"03.00", "04.00"}
    removed = source.set_index("baseline")["offset_removed"]
    assert removed["04.00"].all()
    assert not removed["03.00"].any()
    assert list(source["patch"].unique()) == cube["patch"].values.tolist(), "in the order of the plan"


def test_centres_are_those_of_the_patches(done):
    from pyproj import Transformer

    cube = open_cube(done).isel(patch=0)
    to_utm = Transformer.from_crs(4326, int(cube["epsg"]), always_xy=True)
    x, y = to_utm.transform(float(cube["lon"]), float(cube["lat"]))
    assert (x, y) == pytest.approx((float(cube["x0"]) + 240, float(cube["y0"]) - 240), abs=0.01)


def as_nobody(work):
    """Do it in a thread without the power that lets an administrator of Linux write anywhere."""

    def give_up_power():
        if sys.platform == "linux" and os.geteuid() == 0:
            libc = ctypes.CDLL(None)
            header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
            libc.capget(header, sets)
            for one in range(2):  # DAC_OVERRIDE and DAC_READ_SEARCH, effective and permitted
                sets[one] &= ~0b110
            libc.capset(header, sets)

    with ThreadPoolExecutor(1, initializer=give_up_power) as thread:
        return thread.submit(work).result()


@pytest.fixture
def read_only(tmp_path):
    """Makes a folder and what is in it such that nobody may write there."""
    yield lambda folder: subprocess.run(["chmod", "-R", "a-w", folder], check=True)
    subprocess.run(["chmod", "-R", "u+w", tmp_path], check=True)


@pytest.mark.parametrize("killed", [False, True])
def test_a_cube_on_a_disk_that_may_only_be_read(done, read_only, tmp_path, killed):
    copy = tmp_path / "a b?" / done.name
    shutil.copytree(done.parent, copy.parent)
    if killed:  # what is not yet in the journal itself lies beside it
        with Journal(journal_path(copy)) as journal:
            journal.begin({"places": 13})
            shutil.copytree(copy.parent, tmp_path / "as it lies")
        copy = tmp_path / "as it lies" / done.name
        copy.with_name(f"{journal_path(copy).name}-shm").unlink()
    read_only(copy.parent)
    before = sorted(os.listdir(copy.parent))
    assert not as_nobody(lambda: os.access(copy.parent, os.W_OK))
    assert not as_nobody(lambda: verify(copy)).damaged
    if killed:
        with pytest.raises(OSError, match=r"left by a run that was killed.* copy the cube"):
            as_nobody(lambda: read_costs(copy))
    else:
        pd.testing.assert_frame_equal(as_nobody(lambda: read_costs(copy)), read_costs(done))
    assert sorted(os.listdir(copy.parent)) == before


def test_costs_of_what_is_no_journal(done, tmp_path):
    journal_path(tmp_path / "c.zarr").touch()
    with pytest.raises(ValueError, match="no journal of fetching"):
        read_costs(tmp_path / "c.zarr")


def test_the_next_scene_is_taken_where_the_first_will_not_do(done):
    source = read_provenance(done).set_index(["patch", "season"])
    edge = source.loc[("place-002", 1)]
    assert (edge["rank"], edge["passed_over"]) == (1, "no data in 100.0 % of the patch")
    assert edge["item_id"].endswith(DATES[1])
    assert (source["rank"].drop(index=("place-002", 1)) == 0).all()


def test_a_place_that_is_cloudy_in_every_scene_is_given_up_with_the_reason(done):
    (gone,) = read_rejected(done).itertuples()
    assert (gone.name, gone.why, gone.continent) == ("place-001", "cloud", "Europe")
    assert gone.detail == ("season 1: cloud over 100.0 % of the patch, then cloud over 100.0 % of the patch")
    assert "place-001" not in open_cube(done)["patch"].values


def test_a_cloudy_place_costs_no_band(archive_root, tmp_path):
    with FaultServer(archive_root) as server:
        tasks = make_tasks(server.url, places=2)
        cloudy = replace(tasks, table=tasks.table[tasks.table["patch"] == "place-001"])
        with pytest.raises(LookupError, match="none of the 1 places could be had"):
            run(cloudy, tmp_path / "c.zarr")
        assert {path.rsplit("/")[-1] for path, _, _ in server.log} == {"SCL.tif"}


def test_leaving_at_the_moment_at_which_the_reading_ends(monkeypatch):
    loop_ended, run_loop = threading.Event(), asyncio.run

    def lingering(work):
        run_loop(work)
        loop_ended.set()
        time.sleep(0.2)  # the loop is closed, its thread alive

    monkeypatch.setattr(asyncio, "run", lingering)
    with LocalReading([], None, Unsigned(), Pace()):
        assert loop_ended.wait(10)


def test_cloud_is_allowed_when_asked_for(archive_root, tmp_path):
    tasks = make_tasks(str(archive_root), places=2)
    own = tasks.rejected.drop(columns=["continent", "stratum"])  # as of a user's own table of places
    report = run(replace(tasks, rejected=own), tmp_path / "c.zarr", max_cloud=100)
    assert (report.gathered, report.rejected) == (2, 0)
    assert open_cube(report.path)["cloud_cover"].values[1].tolist() == [0, 100]
    assert verify(report.path).rejected_share["kept"].to_dict() == {"Europe": 2}


def test_headers_are_read_once_whatever_the_number_of_places(archive_root, tmp_path):
    with FaultServer(archive_root) as server:
        report = fetched(server.url, tmp_path / "c.zarr", places=6)
        headers = [path for path, _, size in server.log if size >= 4096 or path.endswith("SCL.tif")]
        assert len(server.log) == report.requests
        assert report.bytes == server.bytes
        assert headers
        costs = read_costs(report.path)
        assert costs["requests"].sum() == len(server.log)
        assert set(costs["state"]) == {"stored", "rejected"}


def test_a_second_run_asks_nothing_and_a_new_process_would_not_either(archive_root, done, tmp_path):
    shutil.copytree(done.parent, tmp_path / "d")
    before = fingerprint(tmp_path / "d" / "c.zarr")
    with FaultServer(archive_root) as server:
        tasks = make_tasks(str(archive_root))
        report = run(tasks, tmp_path / "d" / "c.zarr")
        assert server.requests == 0
    assert (report.gathered, report.already, report.rejected, report.requests) == (0, 11, 1, 0)
    assert fingerprint(tmp_path / "d" / "c.zarr") == before
    assert not list((tmp_path / "d").glob(".*")), "no lock or partial file stays"
    assert journal_path(done).stat().st_size < 200_000, "no pixels stay in the journal"


@pytest.mark.parametrize("where", ["before the cube", "after the cube"])
def test_an_end_between_journal_and_cube_loses_nothing(where, archive_root, done, tmp_path, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    out = tmp_path / "c.zarr"
    with monkeypatch.context() as broken:
        if where == "before the cube":
            broken.setattr(ledger_module, "append", die)
        else:
            broken.setattr(Journal, "stored", lambda self, patches: die() if patches else None)
        with pytest.raises(KeyboardInterrupt):
            fetched(archive_root, out)
    assert fetched(archive_root, out).failed == 0
    assert fingerprint(out) == fingerprint(done)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_goes_through_and_leaves_a_state_to_go_on_from(archive_root, done, tmp_path):
    # From the middle on the server is silent, so that nothing can end before the interrupt.
    with FaultServer(archive_root, rules=[Rule("stall", after=25)]) as server:
        import _thread

        def interrupt_in_the_middle():
            while server.requests < 25:
                time.sleep(0.005)
            _thread.interrupt_main()

        threading.Thread(target=interrupt_in_the_middle, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            fetched(server.url, tmp_path / "c.zarr")
        asked = server.requests
        server.rules.clear()
        assert [thread for thread in threading.enumerate() if thread.name == "fetching"] == []
        fetched(server.url, tmp_path / "c.zarr")
        assert asked < server.requests


def test_scenes_that_are_gone_or_locked_or_odd(archive_root, tmp_path):
    first, second = f"33UUP/{DATES[0]}", f"33UUP/{DATES[2]}"
    with FaultServer(archive_root, rules=[Rule("404", f"{first}/SCL")]) as server:
        run(make_tasks(server.url, places=1), tmp_path / "a.zarr")
        image = read_provenance(tmp_path / "a.zarr").iloc[0]
        assert (image["rank"], image["item_id"]) == (1, f"S2A_33UUP_{DATES[2]}")
        assert image["passed_over"].endswith(f"{first}/SCL.tif is not there (404)")
    with FaultServer(
        archive_root, rules=[Rule("404", f"{first}/B05"), Rule("404", f"{second}/B01")]
    ) as server:
        with pytest.raises(LookupError, match="none of the 1 places could be had"):
            run(make_tasks(server.url, places=1), tmp_path / "b.zarr")
        (gone,) = read_rejected(tmp_path / "b.zarr").itertuples()
        assert gone.why == "gone"
    with FaultServer(archive_root, rules=[Rule("403", "33UUP")]) as server:
        report = run(make_tasks(server.url, places=1), tmp_path / "c.zarr")
        assert (report.failed, report.rejected) == (1, 0), "another day access may be allowed"
        server.rules = []
        assert run(make_tasks(server.url, places=1), tmp_path / "c.zarr").gathered == 1


def test_a_file_replaced_in_mid_run_starts_the_place_anew(archive_root, tmp_path):
    mine = tmp_path / "archive"
    shutil.copytree(archive_root, mine)
    name = name_of("33UUP", DATES[0], "B02")

    class Replacing(Unsigned):
        """Replaces a file after its header was asked for."""

        asked = 0

        def sign(self, href):
            if href.endswith(name):
                Replacing.asked += 1
                if Replacing.asked == 2:
                    shutil.copy(archive_root / name_of("33UUP", DATES[0], "B04"), mine / name)
            return href

    with FaultServer(mine) as server:
        tasks = make_tasks(server.url, places=1)
        report = fetch(tasks, tmp_path / "c.zarr", signer=Replacing(), progress=False)
    cube = open_cube(report.path)["reflectance"][0, 0].values
    np.testing.assert_array_equal(cube[0], cube[1])
    assert Replacing.asked > 2


def test_a_header_damaged_on_the_way_does_not_cost_the_scene(archive_root, done, tmp_path):
    """The left edge moves by a kilometre or two, or the pixels become twice as large."""
    content = (archive_root / name_of("33UUP", DATES[0], "SCL")).read_bytes()
    edge, scale = content.index(struct.pack("<d", 300000.0)), content.index(struct.pack("<d", 20.0) * 2)
    bits = [8 * edge + 44, 8 * (scale + 6) + 4]
    with FaultServer(
        archive_root, rules=[Rule(f"bit-{bit}", "33UUP/2021-03-01/SCL", times=1) for bit in bits]
    ) as server:
        fetched(server.url, tmp_path / "c.zarr", places=5)
        assert sum(server.faults().get(f"bit-{bit}", 0) for bit in bits) == 2
    check_like(done, tmp_path / "c.zarr", images=8)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", r"answered with a web page instead of .*; what was read is kept, the same command goes on"),
        ("500", r"answered 500"),
    ],
)
def test_a_run_of_failures_ends_in_one_sentence_and_goes_on_later(
    fault, words, archive_root, done, tmp_path, monkeypatch
):
    monkeypatch.setattr("seco_lab.fetch.reading.SEVERAL", 3)
    out = tmp_path / "c.zarr"
    with FaultServer(archive_root) as server:
        server.rules = [Rule(fault, after=60)]
        with pytest.raises(UnreachableError, match=words) as caught:
            fetched(server.url, out)
        assert "\n" not in str(caught.value)
        assert server.bytes < 2_000_000
        server.rules = []
        fetched(server.url, out)
    check_like(done, out, images=22)


def test_places_that_fail_hold_up_no_other_and_are_put_in_order_when_they_come(
    archive_root, tmp_path, monkeypatch
):
    out, bad = tmp_path / "c.zarr", Rule("500", "33UUP/2021-03-01")
    with FaultServer(archive_root, rules=[bad]) as server:
        report = fetched(server.url, out, places=6)
        assert (report.gathered, report.failed) == (2, 3)
        assert re.search(
            r"; 3 could not be read now \(place-0..: .*33UUP.* answered 500.*\): the same", str(report)
        )
        assert open_cube(out)["patch"].values.tolist() == [f"place-{n:03d}" for n in (3, 5)]
        server.rules, asked = [], server.requests
        with monkeypatch.context() as small:  # room for what is left, none for a second copy
            small.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
            report = fetched(server.url, out, places=6)
        assert (report.gathered, report.already, report.failed, report.in_order) == (3, 2, 0, False)
        assert "places that came late lie at its end" in str(report)
        assert open_cube(out)["patch"].values.tolist() == [f"place-{n:03d}" for n in (3, 5, 0, 2, 4)]
        assert all("33UUP" in path for path, _, _ in server.log[asked:])
        asked = server.requests
        assert fetched(server.url, out, places=6).in_order
        assert server.requests == asked
        fetched(server.url, tmp_path / "clean" / "c.zarr", places=6)
    assert fingerprint(out) == fingerprint(tmp_path / "clean" / "c.zarr")


def test_a_kill_while_places_are_put_in_order(archive_root, done, tmp_path, monkeypatch):
    """The moment at which the old cube has stepped aside and the new one is not in its place yet."""
    shutil.copytree(done.parent, tmp_path / "d")
    out, ended = tmp_path / "d" / "c.zarr", subprocess.Popen(["true"])
    ended.wait()
    before = fingerprint(out)
    with monkeypatch.context() as then:
        then.setattr(os, "getpid", lambda: ended.pid)
        out.rename(hidden(out, "old"))
    assert fetched(archive_root, out).requests == 0
    assert fingerprint(out) == before


def test_a_bad_stretch_ends_no_run_and_is_left_out_when_asked_for(archive_root, tmp_path):
    """Nine places beside one another whose files are lost; the server is well."""
    out, lost = tmp_path / "c.zarr", [f"place-{n:03d}" for n in range(3, 12)]
    with FaultServer(archive_root, rules=[Rule("500", "/lost/")]) as server:
        tasks = make_tasks(server.url, places=17)
        away = tasks.table["assets"].str.replace(server.url, f"{server.url}/lost")
        bad = tasks.table["patch"].isin(lost)
        tasks = replace(tasks, table=tasks.table.assign(assets=tasks.table["assets"].mask(bad, away)))
        report = run(tasks, out, leave_out_failed=True, pace=Pace(places=3))
        assert (report.gathered, report.failed, report.rejected) == (7, 0, 10)
        assert read_rejected(out).set_index("why")["name"]["unreachable"].tolist() == lost
        asked = server.requests
        assert run(tasks, out).gathered == 0
        assert server.requests == asked


def test_a_stretch_of_places_is_judged_by_places_elsewhere(archive_root, tmp_path, monkeypatch):
    monkeypatch.setattr("seco_lab.fetch.reading.SEVERAL", 3)
    with FaultServer(archive_root, rules=[Rule("500")]) as server:
        with pytest.raises(UnreachableError, match=r"^3 places in a row, and 3 elsewhere, could not be read"):
            fetched(server.url, tmp_path / "c.zarr", pace=Pace(places=1))
        tried = set(read_costs(tmp_path / "c.zarr")["patch"])
        assert tried == {f"place-{n:03d}" for n in (0, 1, 2, 3, 6, 9)}
        with pytest.raises(UnreachableError, match=r"^3 places all over the plan could not be read"):
            estimate(make_tasks(server.url), tmp_path / "e.zarr", signer=Unsigned())


def test_a_longer_plan_goes_on_with_the_cube_of_a_shorter_one(archive_root, tmp_path, monkeypatch):
    out, clean = tmp_path / "c.zarr", tmp_path / "clean" / "c.zarr"
    with FaultServer(archive_root) as server:
        fetched(server.url, out, places=5)
        shutil.copytree(out, tmp_path / "short.zarr")
        with monkeypatch.context() as broken:
            broken.setattr("seco_lab.gather.ledger.set_attributes", _die)
            with pytest.raises(KeyboardInterrupt):
                fetched(server.url, out)
        report = fetched(server.url, out)
        assert (report.gathered, report.already, report.rejected) == (7, 4, 1)
        assert set(read_costs(out)["attempts"]) == {1}, "what was there is not asked for again"
        fetched(server.url, clean)
        edited = make_tasks(server.url, places=24)
        edited.table.loc[edited.table["patch"] == "place-004", "x0"] += 60
        with pytest.raises(
            ValueError, match="a plan of 12 places, and this one of 24 does not begin with those"
        ):
            run(edited, out)
        with pytest.raises(ValueError, match="begun with places 12, now it is 5"):
            fetched(server.url, out, places=5)
        with pytest.raises(ValueError, match=r"begun with bands \['B02', 'B04', 'B05', 'B01'\], now it is"):
            run(make_tasks(server.url, places=24, bands=["B02"]), out)
        asked = server.requests
        assert fetched(server.url, out).requests == 0
        assert server.requests == asked
    assert fingerprint(out) == fingerprint(clean)
    short, long = open_cube(tmp_path / "short.zarr"), open_cube(out)
    xr.testing.assert_equal(long.isel(patch=slice(0, 4)).load(), short.load())


def _die(*_):
    raise KeyboardInterrupt


def test_two_halves_of_a_scene_that_a_datastrip_cuts_make_one_image(archive_root, tmp_path):
    mine, ((_, tile, column, row),) = tmp_path / "archive", corners(1)
    shutil.copytree(archive_root, mine)
    write_halves(mine, tile, DATES[0], 10 * row + 170)
    tasks = make_tasks(str(mine), places=1)
    upper, *rest = [tasks.table.iloc[[i]] for i in range(len(tasks.table))]
    whole = upper["assets"].iloc[0]
    names = {name: whole.replace(f"{DATES[0]}/", f"{DATES[0]}-{name}/") for name in ("upper", "lower")}
    lower = upper.assign(item_id="lower", baseline="04.00", assets=names["lower"])
    table = pd.concat([lower, upper.assign(item_id="upper", assets=names["upper"]), *rest])
    report = run(replace(tasks, table=table), tmp_path / "c.zarr")
    image = read_provenance(report.path).iloc[0]
    np.testing.assert_array_equal(
        open_cube(report.path)["reflectance"][0, 0], true_patch(tile, DATES[0], column, row)
    )
    assert (image["item_id"], image["rank"], image["nodata_share"]) == ("lower", 0, 0)
    (other,) = json.loads(image["joined"])
    assert (other["item_id"], other["baseline"], other["offset_removed"]) == ("upper", "03.00", False)
    assert image["offset_removed"]
    assert other["filled_share"] == pytest.approx(17 / 48, abs=0.05)
    assert set(json.loads(other["versions"])) == {*BANDS, "SCL"}
    assert (read_provenance(report.path)["joined"][1:] == "").all()
    assert verify(report.path).damaged == ()
    alone = replace(tasks, table=pd.concat([lower, *rest]))
    assert run(alone, tmp_path / "alone.zarr").gathered == 1
    passed = read_provenance(tmp_path / "alone.zarr")["passed_over"][0]
    assert re.fullmatch(r"no data in \d\d\.\d % of the patch", passed), "half of it was not enough"


def test_signatures_that_expire_in_mid_run(archive_root, done, tmp_path):
    import time

    class Short(Unsigned):
        """Every fifth signature has expired already."""

        count = renewed = 0

        def sign(self, href):
            self.count += 1
            return f"{href}?se={time.time() + (30 if self.count % 5 else -1)}"

        def resign(self, href):
            self.renewed += 1
            return f"{href}?se={time.time() + 30}"

    signer = Short()
    with FaultServer(archive_root, signed=True) as server:
        fetch(make_tasks(server.url, places=5), tmp_path / "c.zarr", signer=signer, progress=False)
    assert signer.renewed > 10
    check_like(done, tmp_path / "c.zarr", images=8)
    assert "se=" not in read_provenance(tmp_path / "c.zarr").to_csv()


def test_another_request_is_refused(archive_root, done, tmp_path):
    shutil.copytree(done.parent, tmp_path / "d")
    out, tasks = tmp_path / "d" / "c.zarr", make_tasks(str(archive_root))
    other = replace(tasks, about={**tasks.about, "plan_hash": "q" * 16})
    with pytest.raises(ValueError, match=r"begun with plan hash plan-of-12, now it is qqqqqqqqqqqqqqqq; ch"):
        run(other, out)
    edited = replace(tasks, table=tasks.table.assign(x0=tasks.table["x0"] + 60))
    with pytest.raises(ValueError, match="begun with tasks hash"):
        run(edited, out)
    with pytest.raises(ValueError, match=r"begun with max cloud 20.0, now it is 30"):
        run(tasks, out, max_cloud=30)
    with pytest.raises(ValueError, match="a percentage from 0 to 100 and max_nodata_share a share"):
        run(tasks, out, max_nodata_share=3)
    journal_path(out).unlink()
    with pytest.raises(FileExistsError, match=r"has no journal .* beside it"):
        run(tasks, out)
    journal_path(out).write_text("not a database, but long enough to be looked at as one")
    with pytest.raises(ValueError, match="is no journal of fetching"):
        run(tasks, out)
    with pytest.raises(ValueError, match="no places: the tasks are empty"):
        run(replace(tasks, table=tasks.table.iloc[:0]), tmp_path / "e.zarr")
    with pytest.raises(ValueError, match="'place-000' of the tasks has no scene in season 0 of 2"):
        run(replace(tasks, table=tasks.table.iloc[2:]), tmp_path / "f.zarr")


def test_a_cube_that_was_removed_is_fetched_again_and_one_cut_short_is_refused(archive_root, done, tmp_path):
    shutil.copytree(done.parent, tmp_path / "d")
    out, tasks = tmp_path / "d" / "c.zarr", make_tasks(str(archive_root))
    shutil.rmtree(out)
    assert run(tasks, out).gathered == 11
    from seco_lab.store import save_cube

    save_cube(open_cube(out).isel(patch=slice(0, 9)).load(), out, overwrite=True)
    with pytest.raises(ValueError, match=r"do not belong together \(2 places are missing"):
        run(tasks, out)


def test_two_writers(archive_root, tmp_path):
    from seco_lab.gather.ledger import only_writer

    with (
        only_writer(tmp_path / "c.zarr"),
        pytest.raises(FileExistsError, match="another process is gathering"),
    ):
        fetched(archive_root, tmp_path / "c.zarr")


def test_a_full_disk(archive_root, done, tmp_path, monkeypatch):
    out = tmp_path / "c.zarr"
    with monkeypatch.context() as small:  # room for the 440 kB of the cube, not for what waits in the journal
        small.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 600_000))
        with pytest.raises(OSError, match=r"the cube needs 0.9 MB more .* 0.6 MB free; take fewer"):
            fetched(archive_root, out)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as small:
        small.setattr("seco_lab.store.write.write_pixels", full)
        with pytest.raises(OSError, match="no space left for"):
            fetched(archive_root, out)

    opened = Journal.__enter__

    def narrow(self):
        journal = opened(self)
        (pages,) = journal._file.execute("PRAGMA page_count").fetchone()
        journal._file.execute(f"PRAGMA max_page_count = {pages + 5}")
        return journal

    with monkeypatch.context() as small:
        small.setattr(Journal, "__enter__", narrow)
        with pytest.raises(
            OSError, match=r"no space left for .*journal.db; free some and give the same command"
        ):
            fetched(archive_root, tmp_path / "narrow.zarr")

    with monkeypatch.context() as small:
        small.setattr(Journal, "tidy", full)  # it copies the journal, and is no part of what was asked for
        fetched(archive_root, out)
    for path in (out, tmp_path / "narrow.zarr"):
        fetched(archive_root, path)
        assert fingerprint(path) == fingerprint(done)


def test_the_estimate_is_a_start_that_is_not_wasted(archive_root, done, tmp_path):
    out, tasks = tmp_path / "c.zarr", make_tasks(str(archive_root))
    with FaultServer(archive_root) as server:
        tasks = make_tasks(server.url)
        found = estimate(tasks, out, signer=Unsigned())
        asked = server.requests
        assert (found.places, found.left, found.pilot) == (12, 4, 8)
        assert found.least_bytes <= found.bytes <= found.most_bytes
        assert found.disk_bytes == 4 * 2 * 4 * 48 * 48 * 2
        report = run(tasks, out)
        assert report.gathered <= 4
        real = server.requests - asked
        assert 0.3 * real < found.requests < 3 * real
        again = estimate(tasks, out, signer=Unsigned())
        assert (again.left, again.requests, server.requests) == (0, 0, asked + real)
    assert str(again) == "all 12 places have been tried: nothing is left to read"
    assert "places just read" in str(found)
    check_like(done, out, images=22)


def test_a_second_look(done, tmp_path):
    found = verify(done)
    assert (found.places, found.hashed, found.damaged) == (11, 22, ())
    assert found.rejected.loc["cloud", "Europe"] == 1
    assert found.rejected_share.loc["Europe", "given_up"] == 1
    assert found.darkest["03.00"] == pytest.approx(found.darkest["04.00"], abs=100), "the offset is gone"
    assert sum(found.histograms["04.00"]) > 0
    assert "all as fetched" in str(found)
    shutil.copytree(done.parent, tmp_path / "d")
    shard = next((tmp_path / "d" / "c.zarr" / "reflectance").rglob("0/0/0/0/0"))
    raw = bytearray(shard.read_bytes())
    raw[-1] ^= 1
    shard.write_bytes(raw)
    found = verify(tmp_path / "d" / "c.zarr")
    assert found.damaged == (("place-011", 1),)
    with pytest.raises(FileNotFoundError, match="fetched from a catalogue"):
        verify(tmp_path / "none.zarr")


def test_tasks_from_their_file(archive_root, tmp_path):
    file = save_tasks(make_tasks(str(archive_root), places=3), tmp_path / "tasks.parquet")
    assert open_tasks(file).hash == make_tasks(str(archive_root), places=3).hash
    report = run(file, tmp_path / "c.zarr")
    assert report.gathered == 2
    assert json.loads(open_cube(report.path).attrs["fetch"])["tasks_hash"] == open_tasks(file).hash
    assert provenance_path(report.path).exists()


def test_without_a_scene_classification_the_bands_tell(archive_root, tmp_path):
    tasks = make_tasks(str(archive_root), places=1, bands=("B02", "B04"))
    assets = [
        json.dumps({k: v for k, v in json.loads(a).items() if k != "SCL"}) for a in tasks.table["assets"]
    ]
    report = run(replace(tasks, table=tasks.table.assign(assets=assets)), tmp_path / "c.zarr")
    image = read_provenance(report.path).iloc[1]
    assert image["cloud_share"] == 0
    assert np.isnan(image["snow_share"])
    assert image["offset_source"] == "catalogue"
