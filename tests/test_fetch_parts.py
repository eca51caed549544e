"""What fetching is made of: grids, shares by scene classification, the offset of 2022, jobs from tasks."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from archive import make_tasks

from seco_lab.catalogs import PlanetaryComputer, open_tasks, save_tasks
from seco_lab.fetch.grid import check_alike, on_the_grid, window_on
from seco_lab.fetch.jobs import Wanted, jobs_of, listing_of
from seco_lab.fetch.offset import offset_in, remove_offset
from seco_lab.fetch.quality import Quality, dark_ground, quality_of
from seco_lab.places import parts
from seco_lab.remote import CorruptError, UnsupportedError
from seco_lab.remote.tiff import TiffHeader

WANTED = Wanted(("B02", "B04"), 48, 20.0, 0.01)


def header(pixel_m=10.0, left=300000.0, top=5700000.0, side_px=1000, epsg=32633):
    none = np.zeros(0, np.int64)
    where = (pixel_m, left, -pixel_m, top)
    return TiffHeader(
        (1, side_px, side_px), (512, 512), np.dtype("<u2"), 8, 2, False, none, none, where, epsg, {}, "a.tif"
    )


@pytest.mark.parametrize("pixel_m", [10, 20, 60])
@pytest.mark.parametrize(("right", "down", "size_px"), [(60, 120, 48), (66, 6, 50), (7, 13, 64)])
def test_a_coarse_pixel_lies_where_the_ground_is(pixel_m, right, down, size_px):
    """Each pixel is that of the file whose square it lies in, off the file's own lattice too."""
    factor = pixel_m // 10
    x0, y0 = 300000.0 + 10 * right, 5700000.0 - 10 * down
    window = window_on(header(float(pixel_m)), x0, y0, size_px)
    rows = np.arange(window.top, window.top + window.height)[:, None]
    columns = np.arange(window.left, window.left + window.width)
    found = on_the_grid(rows * 1000 + columns, window, size_px)
    y, x = np.mgrid[down : down + size_px, right : right + size_px] // factor
    np.testing.assert_array_equal(found, y * 1000 + x)


def test_grids_that_do_not_fit_are_refused():
    with pytest.raises(UnsupportedError, match="do not lie on the grid of 10 m"):
        window_on(header(left=300004.0), 300060.0, 5700000.0, 48)
    with pytest.raises(UnsupportedError, match="pixels of 15 m"):
        window_on(header(15.0), 300060.0, 5700000.0, 48)
    with pytest.raises(UnsupportedError, match="does not reach to"):
        window_on(header(), 500000.0, 5700000.0, 48)
    half = {"B02": header(), "B05": header(20.0, side_px=500)}
    check_alike(half, 32633)
    with pytest.raises(CorruptError, match="lie on different tiles"):
        check_alike(half | {"B04": header(left=300010.0)}, 32633)
    with pytest.raises(CorruptError, match="lie on different tiles"):
        check_alike(half | {"B04": header(side_px=998)}, 32633)
    with pytest.raises(UnsupportedError, match="lies in EPSG:32633, its catalogue says EPSG:32634"):
        check_alike(half, 32634)


def test_shares_of_a_patch():
    classes = np.repeat(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], np.uint8), 5)
    found = quality_of(classes.reshape(6, 10))
    twelfth = pytest.approx(1 / 12)
    assert (found.shadow, found.snow, found.water, found.nodata) == (twelfth,) * 4
    assert found.cloud == pytest.approx(3 / 12)
    assert found.covered == pytest.approx(4 / 12)
    assert dark_ground(np.array([2, 4, 6, 5, 9])).tolist() == [True, True, True, False, False]
    with pytest.raises(ValueError, match="classes 0 to 11, got 255"):
        quality_of(np.array([[255]], np.uint8))


@pytest.mark.parametrize(
    ("quality", "word"),
    [
        (Quality(cloud=0.2, shadow=0.0, nodata=0.01), None),
        (Quality(cloud=0.15, shadow=0.06, nodata=0.0), "cloud"),
        (Quality(cloud=1.0, shadow=0.0, nodata=0.02), "no data"),
        (Quality(), None),
        (Quality(cloud=0.3), "cloud"),
    ],
)
def test_what_will_do(quality, word):
    complaint = quality.complaint(WANTED)
    assert (complaint and complaint[0]) == word


def patch(counts):
    return np.full((2, 10, 10), counts, np.uint16)


def test_dark_ground_tells_whether_the_offset_is_in_the_counts():
    dark = np.zeros((10, 10), bool)
    dark[:2] = True
    bright = patch(4000)
    for counts, answer in ((300, False), (1300, True)):
        seen = bright.copy()
        seen[:, :2] = counts
        assert offset_in(seen, ("B02", "B04"), dark) is answer
        seen[0, 0, :3] = 5  # a few pixels of negative reflectance, or a flipped bit, decide nothing
        assert offset_in(seen, ("B02", "B04"), dark) is answer
    assert offset_in(bright, ("B08", "B11"), dark) is None, "plants are bright there"
    assert offset_in(bright, ("B02", "B04"), None) is None
    few = np.zeros((10, 10), bool)
    few[0, :4] = True
    assert offset_in(bright, ("B02", "B04"), few) is None


@pytest.mark.parametrize(
    ("baseline", "applied", "content", "counts", "expected"),
    [
        ("03.01", None, True, 2000, (False, "baseline")),
        ("04.00", False, True, 2000, (True, "content")),
        ("04.00", True, False, 2000, (False, "content")),
        ("05.09", True, True, 2000, (True, "content, against the catalogue")),
        ("05.09", False, False, 2000, (False, "content, against the catalogue")),
        ("05.09", True, None, 2000, (False, "catalogue")),
        ("05.09", False, None, 2000, (True, "catalogue")),
        ("05.09", None, None, 500, (True, "baseline")),
        ("", None, None, 500, (False, "darkest count")),
        ("", None, None, 1500, (True, "darkest count")),
        ("", False, None, 500, (True, "catalogue")),
    ],
)
def test_who_decides_about_the_offset(baseline, applied, content, counts, expected):
    assert remove_offset(baseline, applied, content, patch(counts)) == expected


def test_jobs_keep_the_order_of_the_plan_and_of_the_candidates(tmp_path, monkeypatch):
    tasks = make_tasks("https://example.org", places=5)
    jobs = list(jobs_of(tasks))
    assert [job.patch for job in jobs] == tasks.patches
    assert [[one.rank for one in season] for season in jobs[0].seasons] == [[0, 1], [0, 1]]
    unknown = replace(tasks, table=tasks.table.assign(offset_applied=None))
    assert next(jobs_of(unknown)).seasons[0][0].offset_applied is None
    assert jobs[0].seasons[0][0].offset_applied is False
    monkeypatch.setattr(parts, "_ROWS", 7)  # of 20, four to a place
    stored = open_tasks(save_tasks(tasks, tmp_path / "tasks.parquet"))
    assert [len(part) for part in stored.parts()] == [4, 8, 4, 4]
    assert list(jobs_of(stored)) == jobs
    assert list(jobs_of(stored, [3, 1])) == [jobs[1], jobs[3]]
    assert list(jobs_of(stored, [])) == []
    listing = listing_of(stored)
    assert (list(listing.names), listing.seasons) == (tasks.patches, 2)
    assert (listing.lon[4], listing.lat[4]) == (12.0, 51.4)


def test_a_catalogue_can_be_sent_to_a_worker():
    again = pickle.loads(pickle.dumps(PlanetaryComputer("http://127.0.0.1:9/")))
    assert again.sign("https://example.org/a.tif") == "https://example.org/a.tif"
