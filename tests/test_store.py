"""Cubes on disk: one store for xarray and for the trainer, whole or old but never torn."""

import errno
import itertools
import os
import pickle
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from cubes import small_cube
from forks import Children

from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.store import MappedCube, append, open_cube, repack, save_cube, shards
from seco_lab.store.mapped import band_runs
from seco_lab.whole import hidden


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    """Four patches a shard, so that small cubes span several."""
    monkeypatch.setattr(shards, "MAX_SLOTS", 4)


def rich_cube(patches=10, first=0):
    cube = small_cube(
        patches,
        first=first,
        label=np.arange(patches),
        mask=np.full((patches, 6, 6), first, np.uint8),
        item_id=np.full((patches, 3), "scene"),
        split=["train"] * patches,
    )
    cube["time"].values[0, 0] = np.datetime64("NaT")
    return cube


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A cube of ten patches on disk, to be read only."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "MAX_SLOTS", 4)
        return save_cube(rich_cube(), tmp_path_factory.mktemp("stored") / "a.zarr")


@pytest.fixture(scope="module")
def stored_six(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "MAX_SLOTS", 4)
        return save_cube(rich_cube(6), tmp_path_factory.mktemp("six") / "a.zarr")


def joined(*cubes):
    return xr.concat(cubes, "patch", data_vars="minimal", coords="minimal")


def test_round_trip(stored):
    cube = rich_cube()
    xr.testing.assert_identical(open_cube(stored).load(), cube)


def test_plain_xarray_reads_the_same_pixels(stored):
    cube = rich_cube()
    for options in ({}, {"chunks": None}, {"consolidated": False}):
        plain = xr.open_zarr(stored, **options)
        np.testing.assert_array_equal(plain["reflectance"].values, cube["reflectance"].values)
        assert plain["patch"].values.tolist() == cube["patch"].values.tolist()
        np.testing.assert_array_equal(plain["time"].values, cube["time"].values)


def test_lazy_selections_agree_with_arrays(stored):
    cube = rich_cube()
    lazy, pixels = open_cube(stored)["reflectance"], cube["reflectance"].values
    np.testing.assert_array_equal(lazy.isel(patch=7, band=[2, 0]).values, pixels[7][:, [2, 0]])
    np.testing.assert_array_equal(
        lazy.isel(patch=[9, 1], season=1, y=slice(2, 5)).values, pixels[[9, 1], 1, :, 2:5]
    )
    assert lazy.isel(patch=slice(0)).values.shape == (0, 3, 3, 6, 6)


@pytest.mark.parametrize("bands", [(2, 1, 0), (0, 1, 2), (0, 2), (1,), (2, 0, 1), (0, 0)])
def test_mapped_reads_agree_with_a_plain_loop(stored, bands):
    cube = rich_cube()
    pixels, rng = cube["reflectance"].values, np.random.default_rng(5)
    rows, seasons = rng.integers(0, 10, 20), rng.integers(0, 3, (20, 2))
    top, left = rng.integers(0, 3, 20), rng.integers(0, 3, 20)
    read = MappedCube(stored).read(rows, seasons, bands, top=top, left=left, size_px=4)
    for i, t, c in itertools.product(range(20), range(2), range(len(bands))):
        wanted = pixels[rows[i], seasons[i, t], bands[c], top[i] : top[i] + 4, left[i] : left[i] + 4]
        np.testing.assert_array_equal(read[i, t, c], wanted)


def test_mapped_read_fills_the_buffer_it_is_given_and_keeps_its_own(stored):
    mapped = MappedCube(stored)
    out = np.empty((2, 1, 3, 6, 6), np.uint16)
    assert mapped.read([0, 1], [[0], [1]], (0, 1, 2), out=out) is out
    first = mapped.read([0, 1], [[0], [1]], (0, 1, 2))
    assert np.shares_memory(first, mapped.read([4], [[2]], (0,)))
    with pytest.raises(ValueError, match="out must be uint16"):
        mapped.read([0], [[0]], (0,), out=out)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([10], [[0]], (0,)), "row must lie in 0 to 9"),
        (([-1], [[0]], (0,)), "row must lie"),
        (([0], [[3]], (0,)), "season must lie in 0 to 2"),
        (([0], [[0]], (3,)), "band must lie in 0 to 2"),
    ],
)
def test_reads_outside_are_refused(stored, arguments, words):
    with pytest.raises(IndexError, match=words):
        MappedCube(stored).read(*arguments)
    with pytest.raises(IndexError, match="bottom edge"):
        MappedCube(stored).read([0], [[0]], (0,), top=[3], size_px=4)


def test_mapped_cube_travels_and_closes_old_maps(tmp_path, monkeypatch):
    monkeypatch.setattr("seco_lab.store.mapped.MAX_MAPS", 2)
    cube = rich_cube(16)
    save_cube(cube, tmp_path / "a.zarr")
    mapped = pickle.loads(pickle.dumps(MappedCube(tmp_path / "a.zarr")))
    for row in (0, 4, 8, 12, 1, 13, 5):
        np.testing.assert_array_equal(mapped.patch(row), cube["reflectance"].values[row])
    assert len(mapped._maps) == 2


def test_a_cube_is_found_again_from_another_working_folder_and_missed_when_it_is_gone(tmp_path, monkeypatch):
    cube = small_cube(patches=2)
    save_cube(cube, tmp_path / "here" / "c.zarr")
    monkeypatch.chdir(tmp_path / "here")
    mapped, lazy, late = MappedCube("c.zarr"), open_cube("c.zarr"), MappedCube("c.zarr")
    monkeypatch.chdir(tmp_path)
    wanted = cube["reflectance"].values
    assert np.array_equal(mapped.patch(1), wanted[1])
    assert np.array_equal(lazy["reflectance"].values, wanted)
    shutil.rmtree(tmp_path / "here" / "c.zarr")
    # A shard that was never written holds zeros; a cube that was moved away does not.
    with pytest.raises(FileNotFoundError, match=r"no cube at .*c\.zarr any more"):
        late.patch(1)


def test_memory_of_the_process_stays_bounded(tmp_path, monkeypatch):
    def mapped_kib():
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssFile"))

    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc to see how much is mapped")
    monkeypatch.setattr("seco_lab.store.mapped.MAX_MAPPED_BYTES", 2**22)
    cube = small_cube(24, size=128, bands=SENTINEL2_L2A.band_names)  # 28 MB
    save_cube(cube, tmp_path / "a.zarr")
    mapped, rows, before, peak = MappedCube(tmp_path / "a.zarr"), np.arange(24), mapped_kib(), 0
    for row in rows:
        read = mapped.read([row], [[0, 1, 2]], range(12))
        np.testing.assert_array_equal(read[0], cube["reflectance"].values[row])
        peak = max(peak, mapped_kib() - before)
    assert peak < 8 * 1024


def test_band_runs_cover_backwards_and_mixed_orders():
    assert band_runs((3, 2, 1)) == [(slice(3, 0, -1), slice(0, 3))]
    assert band_runs((2, 1, 0)) == [(slice(2, None, -1), slice(0, 3))]
    assert band_runs((0, 4)) == [(slice(0, 1, 1), slice(0, 1)), (slice(4, 5, 1), slice(1, 2))]


def test_checksum_of_the_standard():
    assert shards.crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("steps", [(1, 1, 1, 1, 1, 1), (3, 5, 2), (4, 4)])
def test_appended_patches_equal_a_whole_cube(tmp_path, steps):
    parts, first = [], 0
    for count in steps:
        parts.append(rich_cube(count, first))
        first += count
    save_cube(parts[0], tmp_path / "a.zarr")
    for part in parts[1:]:
        append(tmp_path / "a.zarr", part)
    xr.testing.assert_equal(open_cube(tmp_path / "a.zarr").load(), joined(*parts))
    plain = xr.open_zarr(tmp_path / "a.zarr", consolidated=False)
    np.testing.assert_array_equal(plain["reflectance"].values, joined(*parts)["reflectance"].values)
    save_cube(joined(*parts), tmp_path / "b.zarr")
    assert bytes_of(tmp_path / "a.zarr") == bytes_of(tmp_path / "b.zarr"), "however it came there"


def test_texts_of_numpy_and_of_any_length_join_what_is_there(tmp_path):
    """Names that a user gave come as texts of one length, and must cut neither those before nor be cut."""
    cubes = [rich_cube(2, first) for first in (0, 2, 4)]
    names = [["long-name-0", "long-name-1"], ["b", "c"], ["a longer name still", "d"]]
    for cube, some in zip(cubes, names, strict=True):
        cube.coords["patch"] = np.array(some)
    save_cube(cubes[0], tmp_path / "a.zarr")
    for cube in cubes[1:]:
        append(tmp_path / "a.zarr", cube)
    assert open_cube(tmp_path / "a.zarr")["patch"].values.tolist() == [*itertools.chain(*names)]


def bytes_of(store):
    return {file.relative_to(store): file.read_bytes() for file in store.rglob("*") if file.is_file()}


def test_a_cube_may_begin_empty(tmp_path):
    save_cube(rich_cube(3).isel(patch=slice(0)), tmp_path / "a.zarr")
    assert append(tmp_path / "a.zarr", rich_cube(3)) == 3
    xr.testing.assert_equal(open_cube(tmp_path / "a.zarr").load(), rich_cube(3))


def test_an_open_cube_keeps_its_length_while_the_store_grows(tmp_path):
    save_cube(rich_cube(3), tmp_path / "a.zarr")
    before, mapped = open_cube(tmp_path / "a.zarr"), MappedCube(tmp_path / "a.zarr")
    append(tmp_path / "a.zarr", rich_cube(5, first=3))
    xr.testing.assert_equal(before.load(), rich_cube(3))
    assert len(mapped) == 3


@pytest.mark.parametrize("fractions", [(24, 0), (0, 24)])
def test_times_are_kept_to_the_second_whatever_comes_before_and_behind(fractions, tmp_path):
    """Archives state milliseconds; with them xarray would take another unit for some of the rows."""
    blocks = [small_cube(2), small_cube(2, first=2)]
    for block, milliseconds in zip(blocks, fractions, strict=True):
        block["time"] = block["time"] + np.timedelta64(milliseconds, "ms")
    save_cube(blocks[0], tmp_path / "c.zarr")
    append(tmp_path / "c.zarr", blocks[1])
    times = open_cube(tmp_path / "c.zarr")["time"].values
    np.testing.assert_array_equal(times, np.concatenate([small_cube(2)["time"]] * 2))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (lambda: rich_cube(2, first=9), "already has patch 'p9'"),
        (lambda: small_cube(2, first=20), "only one has"),
        (lambda: rich_cube(2, first=20).isel(band=[0, 1]), "has the bands B04, B03, B02, the new"),
        (lambda: rich_cube(2, first=20).isel(season=[0, 1]), "per patch"),
        (lambda: rich_cube(2, first=20).assign_attrs(unit="seco_8bit"), "has unit 'dn', the new"),
        (
            lambda: rich_cube(2, first=20).pipe(
                lambda c: c.assign(reflectance=c["reflectance"].astype("u1"))
            ),
            "stores uint16, the new",
        ),
        (
            lambda: rich_cube(2, first=20).pipe(lambda c: c.assign(label=c["label"] + 0.5)),
            "keeps label as int64, which cannot hold 0.5",
        ),
    ],
)
def test_append_refuses_what_does_not_fit(stored, other, words):
    with pytest.raises(ValueError, match=words):
        append(stored, other())
    assert open_cube(stored).sizes["patch"] == 10


def test_existing_folders_are_kept_unless_asked(tmp_path):
    save_cube(rich_cube(3), tmp_path / "a.zarr")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_cube(rich_cube(4), tmp_path / "a.zarr")
    save_cube(open_cube(tmp_path / "a.zarr").isel(patch=[2]), tmp_path / "a.zarr", overwrite=True)
    assert open_cube(tmp_path / "a.zarr")["patch"].values.tolist() == ["p2"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


# ---- kill -9 and full disks


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def writer():
    """Processes that write cubes and die; see tests/killed_writer.py."""
    with Children(Path(__file__).with_name("killed_writer.py")) as children:
        yield children


KILLED = -signal.SIGKILL


@pytest.mark.slow
@needs_fork
def test_killed_at_any_change_of_the_disk_append_leaves_old_or_new(writer, tmp_path):
    old, more = small_cube(3), small_cube(3, first=3)
    new, lengths = joined(old, more), set()
    save_cube(old, tmp_path / "old.zarr")
    paths = {
        call: shutil.copytree(tmp_path / "old.zarr", tmp_path / f"{call}.zarr") for call in range(1, 92, 6)
    }
    ends = [writer.run("append", str(path), call) for call, path in paths.items()]
    assert set(ends) == {KILLED, 0}
    died = [end == KILLED for end in ends]
    assert died[0]
    assert not died[-1]  # so the moments in between are all there are
    for path in paths.values():
        found = open_cube(path).load()
        lengths.add(found.sizes["patch"])
        xr.testing.assert_equal(found, old if found.sizes["patch"] == 3 else new)
        np.testing.assert_array_equal(MappedCube(path).patch(2), old["reflectance"].values[2])
        # The next attempt heals what the dead one left.
        append(path, more if found.sizes["patch"] == 3 else small_cube(1, first=6))
        xr.testing.assert_equal(open_cube(path).isel(patch=slice(6)).load(), new)
    assert lengths == {3, 6}
    assert sum(died) > 8


def test_a_link_is_replaced_and_what_it_leads_to_stays(stored_six, tmp_path):
    for number, target in enumerate([stored_six, tmp_path / "nowhere"]):
        link = tmp_path / f"{number}.zarr"
        link.symlink_to(target)
        with pytest.raises(FileExistsError, match="overwrite=True"):
            save_cube(rich_cube(3), link)
        save_cube(rich_cube(3), link, overwrite=True)
        assert not link.is_symlink()
    assert open_cube(stored_six).sizes["patch"] == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.zarr", "1.zarr"]


@needs_fork
def test_killed_while_saving_leaves_no_cube_and_the_next_save_cleans_up(writer, tmp_path):
    assert [writer.run("save", str(tmp_path / "a.zarr"), call) for call in (1, 2, 3, 4)] == [KILLED] * 4
    with pytest.raises(FileNotFoundError, match="no cube at"):
        open_cube(tmp_path / "a.zarr")
    assert any(tmp_path.iterdir())
    save_cube(rich_cube(6), tmp_path / "a.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


@needs_fork
def test_killed_while_replacing_the_old_cube_comes_back(writer, tmp_path, monkeypatch):
    """Killed between the two renames: the old one has stepped aside, the new one is not in its place yet."""
    path, ended = tmp_path / "a [2].zarr", writer.start("limited", str(tmp_path / "b.zarr"), 5000)
    assert writer.end() == 0
    save_cube(rich_cube(3), path)
    with monkeypatch.context() as then:
        then.setattr(os, "getpid", lambda: ended)
        path.rename(hidden(path, "old"))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_cube(rich_cube(4), path)
    assert open_cube(path).sizes["patch"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["a [2].zarr"]


@pytest.mark.slow
@needs_fork
def test_killed_from_outside_at_random_moments(writer, tmp_path):
    rng, path, length = np.random.default_rng(0), tmp_path / "a.zarr", 0
    for _ in range(3):
        child = writer.start("grow", str(path))
        while not path.exists() or len(MappedCube(path)) <= max(length, 1):
            time.sleep(0.01)
        time.sleep(rng.uniform(0.05, 0.3))
        os.kill(child, signal.SIGKILL)
        assert writer.end() == KILLED
        cube = open_cube(path).load()
        assert cube.sizes["patch"] > length
        length = cube.sizes["patch"]
        for row in range(length):
            xr.testing.assert_equal(cube.isel(patch=[row]), small_cube(1, first=row))


def full_disk(monkeypatch, after):
    """Let the n-th sync find no space."""
    counter, sync = itertools.count(), os.fsync

    def fsync(handle):
        if next(counter) >= after:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("after", range(5))
def test_no_space_while_saving_leaves_nothing(tmp_path, monkeypatch, after):
    full_disk(monkeypatch, after)
    with pytest.raises(OSError, match=r"no space left for .*a\.zarr: its pixels need .* MiB are free"):
        save_cube(rich_cube(10), tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("after", range(0, 24, 4))
def test_no_space_while_appending_keeps_the_old_cube(stored_six, tmp_path, monkeypatch, after):
    shutil.copytree(stored_six, tmp_path / "a.zarr")
    size = (tmp_path / "a.zarr/reflectance/c/1/0/0/0/0").stat().st_size
    with monkeypatch.context() as context:
        full_disk(context, after)
        with pytest.raises(OSError, match="no space left"):
            append(tmp_path / "a.zarr", rich_cube(5, first=6))
    xr.testing.assert_equal(open_cube(tmp_path / "a.zarr").load(), rich_cube(6))
    assert (tmp_path / "a.zarr/reflectance/c/1/0/0/0/0").stat().st_size == size
    assert not (tmp_path / "a.zarr/reflectance/c/2").exists()
    assert append(tmp_path / "a.zarr", rich_cube(5, first=6)) == 11


@needs_fork
def test_a_real_limit_of_the_system_is_met_with_one_sentence(writer, tmp_path):
    assert writer.run("limited", str(tmp_path / "a.zarr"), 5000) == 0
    assert list(tmp_path.iterdir()) == []


# ---- stores that others made


def compressed(cube, path):
    cube.drop_encoding().to_zarr(path, zarr_format=3, consolidated=False)
    return path


def test_a_compressed_cube_opens_and_can_be_repacked(tmp_path):
    cube = rich_cube()
    path = compressed(cube, tmp_path / "z.zarr")
    xr.testing.assert_equal(open_cube(path).load(), cube)
    with pytest.raises(ValueError, match="repack"):
        MappedCube(path)
    with pytest.raises(ValueError, match="another tool"):
        append(path, rich_cube(2, first=20))
    repack(path, tmp_path / "a.zarr")
    np.testing.assert_array_equal(MappedCube(tmp_path / "a.zarr").patch(3), cube["reflectance"].values[3])


@pytest.mark.parametrize("location", ["start", "end"])
def test_raw_shards_of_another_writer_are_mapped_in_whatever_order(tmp_path, location):
    cube = rich_cube(9)
    path = compressed(cube.drop_vars("reflectance"), tmp_path / "z.zarr")
    array = zarr.open_group(path, mode="r+").create_array(
        "reflectance", shape=cube["reflectance"].shape, dtype="uint16", chunks=(1, 3, 3, 6, 6),
        shards={"shape": (4, 3, 3, 6, 6), "index_location": location}, compressors=None, filters=None,
        dimension_names=cube["reflectance"].dims,
    )  # fmt: skip
    for row in (7, 2, 0, 5, 1):
        array[row] = cube["reflectance"].values[row]
    mapped, wanted = MappedCube(path), cube["reflectance"].values.copy()
    wanted[[3, 4, 6, 8]] = 0  # never written
    for row in range(9):
        np.testing.assert_array_equal(mapped.patch(row), wanted[row])


def test_changes_made_through_zarr_are_seen_and_growth_is_refused(tmp_path):
    save_cube(rich_cube(6), tmp_path / "a.zarr")
    zarr.open_group(tmp_path / "a.zarr", mode="r+")["reflectance"][5] = 7
    assert (MappedCube(tmp_path / "a.zarr").patch(5) == 7).all()
    with pytest.raises(ValueError, match="another tool"):
        append(tmp_path / "a.zarr", rich_cube(2, first=20))


def test_damage_is_named(tmp_path):
    save_cube(rich_cube(6), tmp_path / "a.zarr")
    shard = tmp_path / "a.zarr/reflectance/c/1/0/0/0/0"
    raw = shard.read_bytes()
    shard.write_bytes(raw[:-10])
    with pytest.raises(ValueError, match="cut short"):
        MappedCube(tmp_path / "a.zarr").patch(5)
    shard.write_bytes(b"x" + raw[1:])
    with pytest.raises(ValueError, match="does not match its checksum"):
        MappedCube(tmp_path / "a.zarr").patch(5)


def test_what_is_no_cube_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no cube at"):
        open_cube(tmp_path / "none.zarr")
    with pytest.raises(FileNotFoundError, match="no cube at"):
        append(tmp_path / "none.zarr", rich_cube(1))
    with pytest.raises(ValueError, match=r"no zarr\.json"):
        open_cube(tmp_path)
    xr.Dataset({"x": ("x", [1])}).to_zarr(tmp_path / "x.zarr", zarr_format=3, consolidated=False)
    with pytest.raises(ValueError, match="variable 'reflectance'"):
        open_cube(tmp_path / "x.zarr")
    zarr.open_group(tmp_path / "g.zarr", mode="w").create_array("x", shape=(1,), dtype="u1")
    with pytest.raises(ValueError, match="but no cube"):
        open_cube(tmp_path / "g.zarr")
    with pytest.raises(ValueError, match="not a cube"):
        MappedCube(tmp_path / "g.zarr")


def test_a_cube_that_grows_while_it_is_opened_keeps_the_length_seen_first(tmp_path, monkeypatch):
    path = tmp_path / "cube.zarr"
    save_cube(small_cube(patches=3), path)
    opened = xr.open_zarr

    def grow_afterwards(*args, **options):
        monkeypatch.setattr(xr, "open_zarr", opened)
        cube = opened(*args, **options)
        append(path, small_cube(patches=2, first=3))
        return cube

    monkeypatch.setattr(xr, "open_zarr", grow_afterwards)
    cube = open_cube(path)
    assert cube.sizes["patch"] == 3
    np.testing.assert_array_equal(cube.reflectance.values, small_cube(patches=3).reflectance.values)


def test_a_cube_that_was_copied_in_part_is_told(stored_six, tmp_path):
    """Missing files mean fill values to Zarr: patches without data, without a date, without a name."""
    for name, files in {"pixels": "reflectance/c/1", "names": "patch/c"}.items():
        shutil.copytree(stored_six, tmp_path / name)
        shutil.rmtree(tmp_path / name / files)
    with pytest.warns(UserWarning, match=r"reflectance/c/1/.* is missing, its patches .* copied whole\?"):
        pixels = open_cube(tmp_path / "pixels")["reflectance"].values
    assert pixels[:4].any()
    assert not pixels[4:].any()
    with pytest.raises(ValueError, match=r"names/patch is damaged \(patches without a name\)"):
        open_cube(tmp_path / "names")


@pytest.mark.parametrize("name", ["lon", "patch"])
def test_a_damaged_file_is_named(stored_six, tmp_path, name):
    shutil.copytree(stored_six, tmp_path / "a.zarr")
    (chunk,) = (file for file in (tmp_path / "a.zarr" / name / "c").rglob("*") if file.is_file())
    chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"a\.zarr/{name} is damaged .* copied whole"):
        open_cube(tmp_path / "a.zarr")
