"""GeoTIFF patches with an index, and the offset that nobody wrote down."""

import numpy as np
import pytest
from official import write_tif

from seco_lab.sources import layout_of, read_cube
from seco_lab.sources.baseline import has_offset, without_offset

# The centre of a patch of 16 px at (500000, 4700000) in zone 31.
LON, LAT = 3.000973, 42.451567


def write_patches(root, shift=(0, 1000)):
    rng = np.random.default_rng(0)
    lines = ["file,lat,lon,epsg"]
    for number, offset in enumerate(shift):
        pixels = rng.integers(30, 4000, (12, 16, 16)) + offset
        write_tif(root / f"patch_{number}.tif", pixels.astype(np.uint16))
        lines.append(f"patch_{number}.tif,{LAT},{LON},32631")
    (root / "index.csv").write_text("\n".join(lines) + "\n")


def read(path, **options):
    return read_cube(path, progress=False, **options)


def test_offset_is_found_by_content_and_stated(tmp_path):
    write_patches(tmp_path)
    assert layout_of(tmp_path) == "index"
    cube = read(tmp_path)
    assert cube["item_id"].values[:, 0].tolist() == [
        "patch_0, offset of baseline 04.00 not found",
        "patch_1, offset of baseline 04.00 removed",
    ]
    assert cube["reflectance"].max() < 4000
    kept = read(tmp_path, offset="keep")
    np.testing.assert_array_equal(kept["reflectance"][1] - cube["reflectance"][1], 1000)
    assert read(tmp_path, offset="remove")["reflectance"][0].min() == 1
    with pytest.raises(ValueError, match="offset must be 'auto'"):
        read(tmp_path, offset="maybe")


def test_offset_rules_by_hand():
    assert not has_offset(np.array([0, 899, 5000]))
    assert has_offset(np.array([0, 900, 5000]))
    assert not has_offset(np.zeros(3))
    assert without_offset(np.array([0, 950, 1000, 1500], np.uint16)).tolist() == [0, 1, 1, 500]


def test_the_date_is_unknown_unless_given(tmp_path):
    write_patches(tmp_path)
    assert np.isnat(read(tmp_path)["time"].values).all()
    text = (tmp_path / "index.csv").read_text().splitlines()
    text = [text[0] + ",date,label"] + [f"{line},2022-03-0{i},{i}" for i, line in enumerate(text[1:], 1)]
    (tmp_path / "index.csv").write_text("\n".join(text))
    cube = read(tmp_path)
    assert cube["time"].values[1, 0] == np.datetime64("2022-03-02")
    assert cube["label"].values.tolist() == [1, 2]


def test_bad_patches_are_listed(tmp_path):
    write_patches(tmp_path, (0, 0, 0, 0, 0))
    raw = (tmp_path / "patch_1.tif").read_bytes()
    (tmp_path / "patch_1.tif").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "patch_2.tif").unlink()
    write_tif(tmp_path / "patch_3.tif", np.ones((11, 16, 16), np.uint16))
    index = (tmp_path / "index.csv").read_text().replace(f"patch_4.tif,{LAT}", "patch_4.tif,12.0")
    (tmp_path / "index.csv").write_text(index)
    missing, truncated, bands, place = read(tmp_path).attrs["refused"]
    assert missing == "patch_2.tif is in the index but not in the folder"
    assert truncated.startswith("patch_1.tif cannot be read, it may be truncated")
    assert bands == "patch_3.tif has 11 bands, wanted 12"
    assert place.startswith(
        "patch_4.tif lies at longitude 3.001, latitude 42.452, the index says 3.001, 12.0"
    )


@pytest.mark.real_data
def test_real_patches(real_data):
    cube = read(real_data / "s2_geotagged_patches_world")
    assert dict(cube.sizes) == {"patch": 11, "season": 1, "band": 12, "y": 256, "x": 256}
    assert cube.attrs["refused"] == []
    decided = [text.endswith("removed") for text in cube["item_id"].values[:, 0]]
    assert sum(decided) == 4
    assert cube["reflectance"].min() > 0
    assert len(set(cube["epsg"].values.tolist())) > 5
