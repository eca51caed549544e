import gc
import weakref

import numpy as np
import pytest
import torch
from cubes import small_cube

from seco_lab.batch import Batches
from seco_lab.data import CubeBatches, input_spec_for, split_cube
from seco_lab.data import batches as batches_module
from seco_lab.data import readers as readers_module
from seco_lab.data.feeds import KeptFeed, ReadFeed
from seco_lab.data.readers import ArrayReader, in_memory
from seco_lab.data.ring import Ring
from seco_lab.nn.inputs import standardise, to_unit_range
from seco_lab.store import MappedCube, append, open_cube, save_cube


@pytest.fixture(scope="module")
def cube():
    return small_cube(23, 5, ("B02", "B03", "B04", "B08"), size=12)


@pytest.fixture
def stored(cube, tmp_path):
    save_cube(cube, tmp_path / "cube.zarr")
    return tmp_path / "cube.zarr"


def wanted_images(cube, batch, bands, crop=None):
    """What the batch should hold, found by its index and dates alone."""
    positions = [list(cube["band"].values).index(band) for band in bands]
    days = cube["time"].values.astype("datetime64[D]").astype(np.int64)
    images = []
    for row, dates in zip(batch.index.tolist(), batch.time.tolist(), strict=True):
        seasons = [int(np.flatnonzero(days[row] == day)[0]) for day in dates]
        images.append(cube["reflectance"].values[row][seasons][:, positions])
    return np.stack(images)


def same(a, b):
    fields = ("images", "index", "lonlat", "time")
    return all(np.array_equal(getattr(a, name).numpy(), getattr(b, name).numpy()) for name in fields)


def test_a_batch_is_what_the_cube_holds(cube):
    batches: Batches = CubeBatches(cube, 6, seasons=3)
    assert (batches.bands, batches.unit, batches.sensor) == (("B04", "B03", "B02"), "dn", "sentinel2-l2a")
    assert batches.steps_per_epoch == 3
    batch = batches[1]
    assert batch.images.shape == (6, 3, 3, 12, 12)
    assert batch.images.dtype == torch.uint16
    np.testing.assert_array_equal(batch.images.numpy(), wanted_images(cube, batch, batches.bands))
    np.testing.assert_array_equal(batch.lonlat[:, 0], cube["lon"].values[batch.index])
    np.testing.assert_array_equal(batch.lonlat[:, 1], cube["lat"].values[batch.index])
    assert all(len(set(dates)) == 3 for dates in batch.time.tolist())


def test_patches_that_come_while_a_cube_is_opened_wait_for_the_next_time(cube, stored, monkeypatch):
    def grow_afterwards(path):
        opened = open_cube(path)
        append(path, small_cube(2, 5, ("B02", "B03", "B04", "B08"), size=12, first=50))
        return opened

    monkeypatch.setattr(readers_module, "open_cube", grow_afterwards)
    batches = CubeBatches(stored, 6, seasons=3)
    assert batches.samples == 23
    assert same(batches[2], CubeBatches(cube, 6, seasons=3)[2])


@pytest.mark.parametrize("crop", [None, 7])
@pytest.mark.parametrize("seasons", [1, 2])
def test_every_way_of_reading_gives_the_same_in_any_order(cube, stored, crop, seasons, monkeypatch):
    options = {"seasons": seasons, "crop_px": crop, "bands": "B08,B02", "seed": 4}
    reference = CubeBatches(cube, 5, **options)
    lazy = open_cube(stored)
    ways = [CubeBatches(stored, 5, **options), CubeBatches(MappedCube(stored), 5, **options)]
    ways.append(CubeBatches(lazy, 5, **options))
    monkeypatch.setattr(batches_module, "_LOADED_BYTES", 0)
    ways.append(CubeBatches(lazy, 5, **options))
    wanted = {step: reference[step] for step in range(12)}
    for way in ways:
        for step in (0, 1, 2, 9, 3, 3, 11, 10, 0):
            torch.manual_seed(step)
            assert same(way[step], wanted[step])


def test_pixels_kept_on_the_device_are_the_same(cube):
    batches = CubeBatches(cube, 5, seasons=3, crop_px=7, bands=("B08", "B02"))
    rows = np.array([3, 1, 22, 7, 9, 11])
    kept = KeptFeed(ArrayReader(cube["reflectance"].values), rows, [3, 0], torch.device("cpu"))
    read = ReadFeed(ArrayReader(cube["reflectance"].values), [3, 0], torch.device("cpu"), None)
    picked = batches._pick(0)
    picked.rows[:] = [9, 3, 22, 3, 11]
    assert torch.equal(kept.get(0, picked).view(torch.int16), read.get(0, picked).view(torch.int16))
    assert kept.get(0, picked).dtype == torch.uint16


def test_an_epoch_visits_every_patch_once_and_the_next_in_another_order(cube):
    batches = CubeBatches(cube, 4, seasons=2, rows=np.arange(3, 23))
    epochs = [
        torch.cat([batches[5 * epoch + step].index for step in range(5)]).tolist() for epoch in range(2)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(3, 23))
    assert epochs[0] != epochs[1]
    assert [batch.index.tolist() for batch in batches] == [epochs[0][i : i + 4] for i in range(0, 20, 4)]


def test_with_one_season_every_image_is_a_sample(cube):
    batches = CubeBatches(cube, 23, seasons=1)
    assert batches.samples == 115
    seen = {(i, t) for b in batches for i, t in zip(b.index.tolist(), b.time[:, 0].tolist(), strict=True)}
    assert len(seen) == 115


def test_other_seeds_other_batches_and_the_official_draw(cube):
    assert not same(CubeBatches(cube, 5, seasons=2)[0], CubeBatches(cube, 5, seasons=2, seed=1)[0])
    official = CubeBatches(cube, 23, seasons=3, with_replacement=True)
    assert any(len(set(dates)) < 3 for dates in official[0].time.tolist())
    assert CubeBatches(cube, 2, seasons=7, with_replacement=True)[0].images.shape[1] == 7


def test_a_patch_comes_back_with_other_seasons(cube):
    batches = CubeBatches(cube, 23, seasons=2)
    drawn = [batch.time[batch.index.argsort()] for batch in (batches[0], batches[1])]
    assert 0.5 < (drawn[0] != drawn[1]).any(1).float().mean() <= 1


def test_images_without_any_data_are_left_out():
    share = np.zeros((6, 3))
    share[0] = 1
    share[1, 2] = 1
    cube = small_cube(6, 3, nodata_share=share)
    assert CubeBatches(cube, 2, seasons=1).samples == 14
    assert CubeBatches(cube, 2, seasons=3).samples == 4
    two = CubeBatches(cube, 5, seasons=2)
    assert two.samples == 5
    for epoch in range(8):
        batch = two[epoch]
        gone = cube["time"].values.astype("datetime64[D]").astype(int)[1, 2]
        assert gone not in batch.time[batch.index == 1]


def test_crops_are_shared_by_the_seasons_and_reach_the_borders(cube):
    marked = cube.copy(deep=True)
    marked["reflectance"][:] = (np.arange(12)[:, None] * 100 + np.arange(12) + 1).astype(np.uint16)
    batches = CubeBatches(marked, 20, seasons=2, crop_px=9)
    corners = []
    for step in range(20):
        images = batches[step].images.to(torch.int32)
        assert (images[:, 0] == images[:, 1]).all()
        corners += (images[:, 0, 0, 0, 0] - 1).tolist()
    assert {c // 100 for c in corners} == {c % 100 for c in corners} == {0, 1, 2, 3}


def test_a_batch_that_is_kept_never_changes(stored):
    batches = CubeBatches(stored, 5, seasons=3)
    held = [batches[step] for step in range(12)]
    copies = [batch.images.clone() for batch in held]
    views = [batch.images[1:, 0] for batch in held[:6]]
    parts = [view.clone() for view in views]
    del held[:6]
    gc.collect()
    for step in range(12, 40):
        batches[step].images.view(torch.int16).fill_(-1)
    assert all(torch.equal(batch.images, copy) for batch, copy in zip(held, copies[6:], strict=True))
    assert all(torch.equal(view, part) for view, part in zip(views, parts, strict=True))


def test_buffers_are_used_again(stored):
    batches = CubeBatches(stored, 5, seasons=3)
    for step in range(60):
        batch = batches[step]
        assert batch.images.shape[0] == 5
    rings = list(batches._feed._rings.values())
    assert len(rings) == 1
    assert rings[0].made <= 6


def test_a_ring_gives_out_memory_only_once_nobody_holds_it():
    ring = Ring((2, 3), np.dtype(np.uint16))
    buffer = ring.take()
    part = ring.lend(buffer)[1:]
    assert ring.take() is not buffer
    del part
    assert ring.take() is buffer


def test_jumping_about_leaves_no_buffers_behind(stored):
    batches = CubeBatches(stored, 5, seasons=3)
    for step in np.random.default_rng(0).integers(0, 500, 60):
        batches[int(step)]
    assert next(iter(batches._feed._rings.values())).made <= 12


def test_the_thread_ends_with_the_batches(stored):
    batches = CubeBatches(stored, 5, seasons=3)
    batches[0]
    (thread,) = batches._feed._pool._threads
    assert thread.is_alive()
    del batches
    for _ in range(50):
        gc.collect()  # more than once: the thread may be reading at first
        thread.join(0.1)
        if not thread.is_alive():
            break
    assert not thread.is_alive()


def test_a_cube_is_let_go_with_its_batches_at_once(stored):
    batches = CubeBatches(stored, 8, seasons=3)
    batches[0]
    feed = weakref.ref(batches._feed)
    batches._feed._pool.shutdown()  # what the thread still held is another matter
    gc.collect()
    gc.disable()
    try:
        del batches
        assert feed() is None
    finally:
        gc.enable()


def test_an_error_in_the_thread_reaches_the_caller(stored, monkeypatch):
    batches = CubeBatches(stored, 5, seasons=3)
    batches[0]

    def broken(*args, **kwargs):
        raise OSError("disk gone")

    monkeypatch.setattr(batches._feed._reader, "read", broken)
    with pytest.raises(OSError, match="disk gone"):
        [batches[step] for step in range(1, 9)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"batch_size": 24, "seasons": 2},
            ValueError,
            "a batch of 24 needs at least as many patches, the data have 23",
        ),
        (
            {"batch_size": 116, "seasons": 1},
            ValueError,
            "116 needs at least as many images, the data have 115",
        ),
        ({"batch_size": 0, "seasons": 1}, ValueError, "use batches of 1 to 115"),
        ({"batch_size": 4, "seasons": 6}, ValueError, "6 seasons of each patch are wanted, the cube has 5"),
        ({"batch_size": 4, "seasons": 2, "bands": "B4"}, LookupError, "no band 'B4'"),
        (
            {"batch_size": 4, "seasons": 2, "bands": "B11"},
            LookupError,
            "the cube has B02, B03, B04, B08 and lacks B11",
        ),
        (
            {"batch_size": 4, "seasons": 2, "crop_px": 13},
            ValueError,
            "13 px does not fit into patches of 12 x 12",
        ),
        ({"batch_size": 1, "seasons": 2, "rows": [23]}, ValueError, "different numbers from 0 to 22"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(cube, options, error, message):
    size = options.pop("batch_size")
    with pytest.raises(error, match=message):
        CubeBatches(cube, size, **options)


def test_no_cube_and_negative_steps(cube, tmp_path):
    with pytest.raises(FileNotFoundError, match="no cube at"):
        CubeBatches(tmp_path / "missing.zarr", 2, seasons=1)
    with pytest.raises(IndexError, match="count from 0"):
        CubeBatches(cube, 2, seasons=1)[-1]


def test_the_contract_is_measured_without_missing_pixels():
    cube = small_cube(40, 3, size=32)
    pixels = cube["reflectance"].values
    pixels[:, :, :, :, :16] = 0
    spec = input_spec_for(cube, size_px=16)
    assert (spec.bands, spec.unit, spec.size_px, spec.pixel_size_m) == (("B04", "B03", "B02"), "dn", 16, 10.0)
    real = pixels[..., 16:].astype(float)
    for band in range(3):
        low, high = np.quantile(real[:, :, band], [0.02, 0.98])
        assert abs(spec.low[band] - low) < 60
        assert abs(spec.high[band] - high) < 60
    x = standardise(to_unit_range(torch.from_numpy(pixels[..., 16:]), spec, "dn"), spec)
    assert x.mean((0, 1, 3, 4)).abs().max() < 0.02
    assert (x.std((0, 1, 3, 4)) - 1).abs().max() < 0.02


def test_the_contract_depends_on_its_arguments_alone(stored, cube):
    first = input_spec_for(cube, bands="all", size_px=8, seed=3)
    np.random.seed(5)  # noqa: NPY002
    assert input_spec_for(stored, bands="all", size_px=8, seed=3) == first
    assert first.bands == ("B02", "B03", "B04", "B08")
    assert input_spec_for(cube, size_px=8, rows=[0, 1]) != input_spec_for(cube, size_px=8, rows=[2, 3])


def test_flat_and_empty_cubes():
    flat = small_cube(3, 2)
    flat["reflectance"][:] = 500
    spec = input_spec_for(flat, size_px=6)
    assert spec.low == (500.0,) * 3
    assert spec.std == (1.0,) * 3
    flat["reflectance"][:] = 0
    with pytest.raises(ValueError, match="none of the pixels"):
        input_spec_for(flat, size_px=6)


def test_a_split_keeps_neighbours_together_and_stays_when_the_cube_grows():
    cube = small_cube(300)
    rng = np.random.default_rng(0)
    centres = rng.uniform([-170, -60], [170, 60], (100, 2)).repeat(3, 0)
    cube["lon"][:], cube["lat"][:] = (centres + rng.normal(0, 1e-4, (300, 2))).T
    train, val = split_cube(cube, shares=(0.7, 0.3))
    assert sorted([*train, *val]) == list(range(300))
    assert 0.55 < len(train) / 300 < 0.85
    groups = [set(part // 3) for part in (train, val)]
    assert len(groups[0] & groups[1]) <= 1  # a block's border may run between neighbours
    grown = cube.isel(patch=np.arange(299, 99, -1))
    assert set(grown["patch"].values[split_cube(grown, shares=(0.7, 0.3))[1]]) <= set(
        cube["patch"].values[val]
    )
    assert not np.array_equal(split_cube(cube, shares=(0.7, 0.3), seed=1)[1], val)


def test_a_split_that_leaves_a_part_empty_is_refused():
    cube = small_cube(4)
    cube["lon"][:], cube["lat"][:] = 10.0, 50.0
    with pytest.raises(ValueError, match="1 blocks of 25 km are too few"):
        split_cube(cube)
    with pytest.raises(ValueError, match="sum to 1"):
        split_cube(cube, shares=(0.5, 0.2))
    cube["lon"][:] = np.nan
    assert sum(len(part) for part in split_cube(cube, shares=(0.5, 0.5), seed=2)) == 4


def test_an_array_in_memory_is_not_copied(cube):
    batches = CubeBatches(cube, 4, seasons=2)
    assert in_memory(batches._feed._reader)
    assert np.shares_memory(batches._feed._reader.pixels, cube["reflectance"].values)
