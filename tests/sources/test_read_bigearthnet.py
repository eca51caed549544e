"""Files of BigEarthNet: both versions, 43 classes to 19, lists, and what can be wrong with a patch."""

import numpy as np
import pytest
from big_patches import SIZES, draw_labels, write_band, write_json, write_v1, write_v2

from seco_lab.sources import assemble, import_cube, layout_of, read_cube
from seco_lab.sources.bigearthnet_classes import CLASSES_19, CLASSES_43, LEFT_OUT, multi_hot
from seco_lab.store import open_cube


def read(path, **options):
    return read_cube(path, progress=False, **{"bands": "rgb", **options})


def shown(cube, patch):
    row = cube["labels"].values[cube["patch"].values.tolist().index(patch)]
    return [name for name, on in zip(CLASSES_19, row, strict=True) if on]


def test_the_two_lists_of_classes():
    assert (len(CLASSES_19), len(set(CLASSES_43)), len(LEFT_OUT)) == (19, 43, 11)
    assert multi_hot(LEFT_OUT).sum() == 0
    assert multi_hot(CLASSES_43).all()
    np.testing.assert_array_equal(np.stack([multi_hot([name]) for name in CLASSES_19]), np.eye(19))
    # Three of the old names and their new ones, from the table of the paper.
    for old, new in {
        "Peatbogs": "Inland wetlands",
        "Olive groves": "Permanent crops",
        "Transitional woodland/shrub": "Transitional woodland, shrub",
    }.items():
        assert CLASSES_19[int(multi_hot([old]).argmax())] == new
    with pytest.raises(LookupError, match="'Desert' is no class of BigEarthNet"):
        multi_hot(["Desert"])


def test_first_version(tmp_path):
    names = write_v1(tmp_path, [["Sea and ocean", "Airports"], ["Coniferous forest"]])
    assert layout_of(tmp_path) == layout_of(tmp_path / "BigEarthNet-v1.0") == "bigearthnet"
    cube = read(tmp_path)
    assert dict(cube.sizes) == {"patch": 2, "season": 1, "band": 3, "y": 120, "x": 120, "class": 19}
    assert shown(cube, names[0]) == ["Marine waters"]
    assert shown(cube, names[1]) == ["Coniferous forest"]
    assert str(cube["time"].values[0, 0])[:10] == "2017-01-11"
    assert (int(cube["epsg"][1]), float(cube["x0"][1]), float(cube["y0"][1])) == (32629, 601_200, 5_900_000)
    assert "split" not in cube.variables


def test_all_bands_come_onto_the_10_m_grid(tmp_path):
    write_v1(tmp_path, [["Coniferous forest"]], bands=tuple(SIZES))
    cube = read(tmp_path, bands="all")
    assert cube.sizes["band"] == 12
    image = cube["reflectance"].sel(band="B01").values[0, 0]
    np.testing.assert_array_equal(image, image[::6, ::6].repeat(6, 0).repeat(6, 1))
    # The grid is that of the 10 m bands, though B01 comes first.
    assert float(cube["x0"][0]) == 600_000


def test_lists_of_splits_snow_and_cloud(tmp_path):
    names = write_v1(tmp_path, draw_labels(6))
    (tmp_path / "train.txt").write_text("\n".join(names[:3]))
    (tmp_path / "val.csv").write_text(f"{names[3]}\n{names[5]},x\n")
    (tmp_path / "test.txt").write_text("bercy,rennes\n")
    (tmp_path / "patches_with_seasonal_snow.csv").write_text(names[1] + "\n")
    (tmp_path / "patches_with_cloud_and_shadow.csv").write_text(names[2] + "\n")
    cube = read(tmp_path)
    assert dict(zip(cube["patch"].values, cube["split"].values, strict=True)) == {
        names[0]: "train", names[3]: "val", names[4]: "none", names[5]: "val",
    }  # fmt: skip
    assert read(tmp_path, split="val").sizes["patch"] == 2
    with pytest.raises(ValueError, match=r"no split 'test' in .*: there are train, val"):
        read(tmp_path, split="test")


def test_second_version(tmp_path):
    names = write_v2(tmp_path, draw_labels(4), ["train", "validation", "test", "train"])
    extra = tmp_path / "BigEarthNet-S2" / names[0][:-6] / f"{names[0][:-6]}_99_99"
    write_band(extra, "B04", np.ones((120, 120), np.uint16))
    assert layout_of(tmp_path) == "bigearthnet"
    cube = read(tmp_path)
    assert sorted(cube["split"].values.tolist()) == ["test", "train", "train", "val"]
    assert cube.attrs["refused"] == [f"{extra.name} is not in metadata.parquet (snow, cloud or shadow)"]
    assert read(tmp_path, split="train").sizes["patch"] == 2


def test_traps_are_left_out_and_named(tmp_path):
    names = write_v1(tmp_path, draw_labels(7))
    folders = [tmp_path / "BigEarthNet-v1.0" / name for name in names]
    (folders[0] / f"{names[0]}_labels_metadata.json").unlink()
    write_json(folders[1], ["Desert"])
    write_band(folders[2], "B04", np.zeros((120, 120), np.uint16))
    write_band(folders[2], "B03", np.zeros((120, 120), np.uint16))
    write_band(folders[2], "B02", np.zeros((120, 120), np.uint16))
    write_band(folders[3], "B04", np.ones((60, 60), np.uint16))
    (folders[4] / f"{names[4]}_B02.tif").unlink()
    (folders[5] / f"{names[5]}_labels_metadata.json").write_text("{")
    cube = read(tmp_path)
    assert cube["patch"].values.tolist() == [names[6]]
    reasons = "\n".join(cube.attrs["refused"])
    for words in (
        f"{names[0]} lacks {names[0]}_labels_metadata.json, so its labels are unknown",
        f"{names[1]} has an unknown label: 'Desert' is no class of BigEarthNet",
        f"{names[2]} holds no data",
        f"{names[3]} has B04 of 60 x 60 px, BigEarthNet has 120 x 120",
        f"{names[4]} lacks {names[4]}_B02.tif",
        f"{names[5]} has a {names[5]}_labels_metadata.json that cannot be read",
    ):
        assert words in reasons


def test_block_by_block_to_disk(tmp_path, monkeypatch):
    write_v1(tmp_path / "big", draw_labels(5))
    monkeypatch.setattr(assemble, "_BLOCK_BYTES", 200_000)
    import_cube(tmp_path / "big", tmp_path / "b.zarr", bands="rgb", progress=False)
    stored, cube = open_cube(tmp_path / "b.zarr"), read(tmp_path / "big")
    np.testing.assert_array_equal(stored["labels"].values, cube["labels"].values)
    np.testing.assert_array_equal(stored["reflectance"].values, cube["reflectance"].values)
    assert stored["class"].values.tolist() == list(CLASSES_19)


@pytest.mark.real_data
def test_real_patches(real_data):
    cube = read(real_data / "bigearthnet_samples", bands="all")
    assert cube.sizes["patch"] == 6
    assert cube.attrs["refused"] == []
    found = {str(name)[-5:]: shown(cube, name) for name in cube["patch"].values}
    assert found["19_86"] == ["Coniferous forest", "Inland wetlands"]
    assert found["56_35"] == [
        "Complex cultivation patterns",
        "Land principally occupied by agriculture, with significant areas of natural vegetation",
        "Broad-leaved forest",
        "Transitional woodland, shrub",
    ]
    assert 32629 in cube["epsg"].values
    assert (cube["lat"].values > 35).all()
