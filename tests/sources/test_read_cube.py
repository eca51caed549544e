"""One door for all layouts: recognition, options, bad files, folders larger than memory."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from official import write_eurosat, write_seco, write_series

from seco_lab.sources import LAYOUTS, assemble, import_cube, layout_of, read_cube
from seco_lab.store import MappedCube, open_cube, save_cube


def read(path, **options):
    return read_cube(path, progress=False, **options)


def test_what_is_not_known_is_answered_with_what_is(tmp_path):
    with pytest.raises(LookupError, match="is no layout that is known") as caught:
        read(tmp_path)
    for words in LAYOUTS.values():
        assert words in str(caught.value)
    with pytest.raises(FileNotFoundError, match="nothing at"):
        read(tmp_path / "none")
    with pytest.raises(LookupError, match="no reader for 'jp2'"):
        read(tmp_path, layout="jp2")


def test_a_zarr_cube_opens_lazily_with_bands_and_limit(tmp_path):
    write_series(tmp_path / "s", ("2020-01-01", "2020-06-01"))
    cube = read(tmp_path / "s", size_px=16, seasons=2)
    save_cube(cube, tmp_path / "a.zarr")
    assert layout_of(tmp_path / "a.zarr") == "zarr"
    rgb = read(tmp_path / "a.zarr", bands="rgb", limit=1)
    np.testing.assert_array_equal(rgb["reflectance"].values, cube["reflectance"].values[:1, :, [3, 2, 1]])
    with pytest.raises(ValueError, match="a Zarr cube has no option 'dates'"):
        read(tmp_path / "a.zarr", dates=["2020-01-01"])


def test_options_of_another_layout_are_refused(tmp_path):
    write_eurosat(tmp_path)
    with pytest.raises(
        ValueError, match=r"EuroSAT .* has no option 'seasons'; its options are csv, split, bands"
    ):
        read(tmp_path, seasons=3)
    with pytest.raises(TypeError, match="unexpected keyword"):
        read_cube(tmp_path, sesons=3)


def test_bands_are_chosen_by_name_everywhere(tmp_path):
    write_series(tmp_path, ("2020-01-01", "2020-06-01"))
    cube = read(tmp_path, size_px=16, seasons=2, bands="B11,B02")
    assert cube["reflectance"].values[0, 0, :, 0, 0].tolist() == [200, 110]
    with pytest.raises(LookupError, match="no band 'B10'"):
        read(tmp_path, size_px=16, bands=["B10"])


def test_imported_block_by_block_it_equals_the_cube_in_memory(tmp_path, monkeypatch):
    write_seco(tmp_path / "s", 7, bands=("B2", "B3", "B4"), previews=False)
    for file in (tmp_path / "s" / "000003").rglob("B3.tif"):
        file.write_bytes(b"nothing")
    monkeypatch.setattr(assemble, "_BLOCK_BYTES", 2 * 5 * 3 * 48 * 48)  # two locations
    refused = import_cube(tmp_path / "s", tmp_path / "a.zarr", size_px=48, progress=False)
    assert [bad.path[-6:] for bad in refused] == ["000003"]
    whole = read(tmp_path / "s", size_px=48)
    found = open_cube(tmp_path / "a.zarr").load()
    xr.testing.assert_equal(found, whole)
    assert len(MappedCube(tmp_path / "a.zarr")) == 6
    with pytest.raises(FileExistsError):
        import_cube(tmp_path / "s", tmp_path / "a.zarr", size_px=48, progress=False)


def test_more_than_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    write_seco(tmp_path, 2, bands=("B2",))
    monkeypatch.setattr(assemble.os, "sysconf", lambda name: 100)
    with pytest.raises(ValueError, match=r"seco_lab\.sources\.import_cube") as caught:
        read(tmp_path, size_px=48)
    assert "GiB" in str(caught.value)


def test_nothing_readable_is_said_with_the_first_reason(tmp_path):
    write_seco(tmp_path, 2, bands=("B2",))
    for file in tmp_path.rglob("B2.tif"):
        file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"none of 2 patches of .* can be read; .*000000 has a bad file"):
        read(tmp_path, size_px=48)
    with pytest.raises(ValueError, match="on_bad must be 'skip' or 'raise', got 'ignore'"):
        read(tmp_path, size_px=48, on_bad="ignore")


def test_importing_the_readers_is_light():
    code = (
        "import sys, seco_lab.sources; "
        "print(sorted({'torch', 'rasterio', 'xarray', 'PIL', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
