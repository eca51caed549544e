"""EuroSAT: folder, zip, table; pictures and thirteen bands."""

import zipfile

import numpy as np
import pytest
from official import write_eurosat, write_tif
from PIL import Image

from seco_lab.sources import layout_of, read_cube

HEADER = "filename,class,label,split,latitude,longitude\n"


@pytest.fixture
def folder(tmp_path):
    return write_eurosat(tmp_path / "set")


def zipped(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.rglob("*.jpg")):
            archive.write(file, file.relative_to(folder.parent))
    return target


def read(path, **options):
    return read_cube(path, progress=False, **options)


def test_folder_gives_labels_in_the_official_order(folder):
    for path in (folder, folder.parent):
        assert layout_of(path) == "eurosat"
        cube = read(path)
        assert dict(cube.sizes) == {"patch": 6, "season": 1, "band": 3, "y": 64, "x": 64}
        names = dict(zip(cube["patch"].values.tolist(), cube["label"].values.tolist(), strict=True))
        assert names["AnnualCrop_1"] == 0
        assert names["Forest_2"] == 1
        assert names["River_1"] == 8
        assert len(cube.attrs["class_names"]) == 10
        assert cube.attrs["unit"] == "eurosat_jpeg"


def test_bands_are_red_green_blue(folder):
    cube = read(folder)
    assert cube["band"].values.tolist() == ["B04", "B03", "B02"]
    river = cube["reflectance"].sel(patch="River_1")[0].values.astype(float).mean(axis=(1, 2))
    np.testing.assert_allclose(river, [50, 60, 200], atol=3)


def test_zip_equals_folder(folder, tmp_path):
    cube = read(zipped(folder, tmp_path / "e.zip"))
    np.testing.assert_array_equal(cube["reflectance"].values, read(folder)["reflectance"].values)


def test_table_gives_split_place_and_order(folder, tmp_path):
    (tmp_path / "z").mkdir()
    zipped(folder, tmp_path / "z" / "e.zip")
    table = tmp_path / "z" / "e.csv"
    rows = ["River_2.jpg,River,8,val,45.5,3.0"]
    rows += [f"Forest_{number}.jpg,Forest,1,train,46,4" for number in (1, 9)]
    table.write_text(HEADER + "\n".join(rows))
    for path in (table, tmp_path / "z"):
        cube = read(path)
        assert cube["patch"].values.tolist() == ["River_2", "Forest_1"]
        assert cube["split"].values.tolist() == ["val", "train"]
        assert cube["lon"].values.tolist() == [3.0, 4.0]
        assert cube["epsg"].values.tolist() == [32631, 32631]
        assert cube.attrs["refused"] == ["Forest_9.jpg is in the table, but there is no such image"]
    assert read(table, split="val")["patch"].values.tolist() == ["River_2"]
    with pytest.raises(ValueError, match=r"no split 'test' in .*: there are train, val"):
        read(table, split="test")
    with pytest.raises(ValueError, match="no such image; pass on_bad='skip'"):
        read(table, on_bad="raise")


def test_table_elsewhere(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no table of images at"):
        read(folder, csv=tmp_path / "none.csv")
    (tmp_path / "t.csv").write_text(HEADER + "River_2.jpg,River,8,val,45.5,3.0\n")
    assert read(folder, csv=tmp_path / "t.csv").sizes["patch"] == 1
    with pytest.raises(ValueError, match=r"no split 'val' in .*: there are none"):
        read(folder, split="val")


def test_without_table_the_place_is_unknown(folder):
    cube = read(folder)
    assert np.isnan(cube["lon"].values).all()
    assert (cube["epsg"].values == 0).all()
    assert "split" not in cube.coords


def test_bad_pictures_are_listed(folder):
    jpeg = folder / "River" / "River_1.jpg"
    (folder / "River" / "River_3.jpg").write_bytes(jpeg.read_bytes()[:200])
    Image.new("L", (64, 64), 9).save(folder / "River" / "River_4.jpg")
    Image.new("RGB", (32, 64), (9, 9, 9)).save(folder / "River" / "River_5.jpg")
    Image.new("RGB", (64, 64)).save(folder / "River" / "River_6.jpg")
    cube = read(folder)
    assert cube.sizes["patch"] == 6
    reasons = {text.split(" ", 1)[0][-11:]: text.split(" ", 1)[1] for text in cube.attrs["refused"]}
    assert "may be truncated" in reasons["River_3.jpg"]
    assert reasons["River_4.jpg"] == "is a picture of mode L, wanted RGB"
    assert reasons["River_5.jpg"] == "is 64 x 32 px, EuroSAT has 64 x 64"
    assert reasons["River_6.jpg"] == "holds no data: all pixels are 0"


def test_limit_takes_images_of_all_classes(folder):
    assert set(read(folder, limit=3)["label"].values.tolist()) == {0, 1, 8}


def test_thirteen_bands_with_b8a_last_are_put_in_order(tmp_path):
    # Band k of the file is k + 1 everywhere; EuroSAT's order ends B10, B11, B12, B8A.
    pixels = np.broadcast_to(np.arange(1, 14, dtype=np.uint16)[:, None, None], (13, 64, 64))
    write_tif(tmp_path / "Forest_1.tif", pixels)
    write_tif(tmp_path / "River_1.tif", pixels[:12])
    cube = read(tmp_path)
    value = dict(
        zip(cube["band"].values.tolist(), cube["reflectance"].values[0, 0, :, 0, 0].tolist(), strict=True)
    )
    assert value["B8A"] == 13
    assert value["B09"] == 9
    assert value["B12"] == 12
    assert cube.attrs["sensor"] == "sentinel2-l1c"
    assert cube.attrs["unit"] == "dn"
    assert cube["epsg"].item() == 32631
    assert cube["x0"].item() == 500_000
    assert cube.attrs["refused"] == ["River_1.tif has 12 bands, wanted 13"]


@pytest.mark.real_data
def test_real_thirteen_bands(real_data):
    cube = read(real_data / "eurosat_ms_samples")
    assert cube.sizes["patch"] == 5
    median = cube["reflectance"].median(("patch", "season", "y", "x")).to_series()
    assert median["B10"] < 50  # cirrus: no ground
    assert abs(median["B8A"] / median["B08"] - 1) < 0.2  # neighbours in the spectrum
    assert cube["label"].values.tolist() == [0, 0, 0, 1, 1]


@pytest.mark.slow
@pytest.mark.real_data
def test_real_pictures_and_table(real_data):
    cube = read(real_data / "eurosat_rgb", limit=500)
    assert cube.sizes["patch"] == 500
    assert set(cube["split"].values.tolist()) == {"train", "val"}
    assert cube.attrs["refused"] == []
    assert len(np.unique(cube["label"].values)) == 10
    assert np.isfinite(cube["lon"].values).all()
    # Red, green, blue: forest is greener than red, sea and lake bluer than red.
    rgb = cube["reflectance"].mean(("y", "x")).values[:, 0]
    forest, sea = rgb[cube["label"].values == 1].mean(0), rgb[cube["label"].values == 9].mean(0)
    assert forest[1] > forest[0]
    assert sea[2] > sea[0]
