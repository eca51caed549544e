"""A practice archive, searched and fetched as a real one: by the command line, as a source, by a cluster."""

import functools
import json
import os
import signal
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from fault_server import FaultServer
from fetching import fetched, fingerprint
from loops import run

from seco_lab.catalogs import open_catalog, open_tasks
from seco_lab.cli import main
from seco_lab.cube import check_cube
from seco_lab.fetch import ArchiveSource, read_provenance
from seco_lab.gather import gather
from seco_lab.places import AroundCities, Place, plan_places, save_plan
from seco_lab.remote import CogReader
from seco_lab.remote.disk import DiskParts
from seco_lab.seasons import random_phase
from seco_lab.sources.practice import write_practice_archive
from seco_lab.store import open_cube
from seco_lab.world.climate import days_of
from seco_lab.world.render import View, render

SEED = 4


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """Two places, two seasons, three passes each."""
    folder = tmp_path_factory.mktemp("practice")
    plan = plan_places(2, AroundCities(std_km=30), seed=SEED)
    dates = random_phase(plan.place_list(), seasons=2, seed=SEED, reference="2022-06-01")
    bands = ["B04", "B03", "B02", "B05", "B01"]
    archive = write_practice_archive(
        folder / "archive", plan.place_list(), dates, bands=bands, side_px=120, progress=False
    )
    return plan, dates, archive


def options(practice, out):
    plan, _, archive = practice
    save_plan(plan, out.parent / "p.parquet")
    when = ["--seasons", "2", "--seed", str(SEED), "--reference-date", "2022-06-01", "--size-px", "48"]
    return ["gather", str(out.parent / "p.parquet"), "--source", str(archive), "--out", str(out), *when]


def test_an_archive_holds_what_the_world_shows(practice):
    plan, _, archive = practice
    scenes = open_catalog(archive)._scenes
    late = [scene for scene in scenes if scene.baseline == "04.00"]
    early = [scene for scene in scenes if scene.baseline == "03.01"]
    assert late
    assert early
    for scene in (late[0], early[0]):
        opened = run(CogReader(DiskParts()).open(scene.assets["B01"].href)).header
        assert opened.transform == (
            60.0,
            scene.assets["B01"].transform[2],
            -60.0,
            scene.assets["B01"].transform[5],
        )
        assert opened.shape == (1, 20, 20)
    again = write_practice_archive(
        archive, plan.place_list(), practice[1], bands=["B04", "B03", "B02", "B05", "B01"], side_px=120,
        progress=False,
    )  # fmt: skip
    assert len(open_catalog(again)) == len(scenes)
    with pytest.raises(ValueError, match="a side that is a multiple of 6"):
        write_practice_archive(archive, plan.place_list(), practice[1], side_px=100)


def test_the_command_line_gathers_from_it_and_a_second_time_asks_nothing(practice, tmp_path, capsys):
    out = tmp_path / "c.zarr"
    command = [*options(practice, out), "--bands", "B04,B05,B01", "--max-cloud", "60", "--json"]
    assert main(command) == 0
    said = capsys.readouterr()
    found = json.loads(said.out.splitlines()[-1])
    assert found["gathered"] + found["rejected"] + found["without_scenes"] == 2
    assert found["requests"] > 0
    assert "all as fetched" in said.err
    cube, source = open_cube(out), read_provenance(out)
    check_cube(cube)
    assert cube["band"].values.tolist() == ["B04", "B05", "B01"]
    assert (cube["cloud_cover"].values <= 60).all()
    assert set(source["offset_removed"]) <= {True, False}
    assert float(cube["reflectance"].isel(band=0).median()) < 6000
    assert main(command) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (again["requests"], again["already"]) == (0, found["gathered"])
    before = open_tasks(tmp_path / "c.zarr.tasks.parquet").about
    assert main([*command, "--bands", "B04"]) == 2
    assert open_tasks(tmp_path / "c.zarr.tasks.parquet").about == before
    assert "was begun with bands ['B04', 'B05', 'B01'], now it is ['B04']" in capsys.readouterr().err
    save_plan(plan_places(3, AroundCities(std_km=30), seed=SEED), tmp_path / "p.parquet")
    assert main(command) == 0
    longer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert longer == {**again, "without_scenes": again["without_scenes"] + 1}, "the archive knows two places"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--source", "sentinel-hub"], "unknown source 'sentinel-hub': wanted simulated, earth-search"),
        (
            ["--source", "simulated", "--snap", "block"],
            "--snap means nothing here: the simulated world has no",
        ),
        (["--reference-date", "2019-06-01"], "no place has a scene in every season; most often (2): "),
        (["--max-cloud", "130"], "max_cloud is a percentage from 0 to 100"),
    ],
)
def test_bad_input_is_one_sentence(change, words, practice, tmp_path, capsys):
    assert main([*options(practice, tmp_path / "c.zarr"), *change]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("seco-lab gather: ")
    assert words in told


def test_a_catalogue_is_a_source_like_any_other(practice, tmp_path):
    plan, dates, archive = practice
    source = ArchiveSource(open_catalog(archive), max_cloud=100)
    cube = source.load(plan.place_list(), dates, 48, "rgb")
    check_cube(cube)
    assert cube["patch"].values.tolist() == plan.places["name"].tolist()
    report = gather(plan, source, dates, tmp_path / "g.zarr", size_px=48, bands="rgb", progress=False)
    np.testing.assert_array_equal(open_cube(report.path)["reflectance"], cube["reflectance"])
    with pytest.raises(LookupError, match="place 'nowhere': "):
        source.load([Place("nowhere", 0.0, 0.0)], dates[:1], 48, "rgb")


def test_pixels_are_those_of_the_simulated_world(practice):
    from seco_lab.world.frame import canvas
    from seco_lab.world.scene import build_scene

    plan, dates, archive = practice
    cube = ArchiveSource(open_catalog(archive), max_cloud=100).load(plan.place_list(), dates, 48, "rgb")
    one = cube.isel(patch=0)
    scene = next(s for s in open_catalog(archive)._scenes if s.item_id == one["item_id"].values[0])
    a, _, left, _, _, top = scene.assets["B04"].transform
    frame, row, column = canvas(0, int(one["epsg"]), left, top, 120)
    view = View(ArchiveSource.sensor, ("B04", "B03", "B02"), (row, column, 120))
    day = days_of(np.array([scene.time.astype("datetime64[D]")]))
    (truth,), _ = render(build_scene(frame, None), day, view)
    down, right = int((top - one["y0"]) / a), int((one["x0"] - left) / a)
    truth = truth[:, down : down + 48, right : right + 48]
    np.testing.assert_array_equal(one["reflectance"][0], np.maximum(truth, 1))


@pytest.mark.slow
def test_workers_of_a_cluster_fill_one_cube_and_one_may_die(archive_root, tmp_path):
    distributed = pytest.importorskip("distributed")
    with FaultServer(archive_root) as server, _shared_imports():
        fetched(server.url, tmp_path / "alone.zarr", places=24)
        server.latency_s = 0.02
        local = functools.partial(
            distributed.LocalCluster,
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
        )
        with local() as cluster, distributed.Client(cluster) as client:
            workers = [worker["pid"] for worker in client.run(_about).values()]
            assert len(set(workers)) == 2
            until = server.requests + 60

            def kill():
                while server.requests < until:
                    time.sleep(0.005)
                os.kill(workers[0], signal.SIGKILL)

            killer = threading.Thread(target=kill)
            killer.start()
            report = fetched(server.url, tmp_path / "c.zarr", places=24, cluster=client)
            killer.join()
    assert (report.failed, report.gathered) == (0, 23)
    assert fingerprint(tmp_path / "c.zarr") == fingerprint(tmp_path / "alone.zarr")


@contextmanager
def _shared_imports():
    """Workers, also the one that replaces the dead, are forked from a process that has done the imports."""
    import dask
    from distributed.utils import get_mp_context

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        context = get_mp_context()
        context.set_forkserver_preload(["distributed", "seco_lab.fetch.cluster"])
        yield


def _about():
    return {"pid": os.getpid()}
