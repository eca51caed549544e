"""fMoW, GeoImageNet and NAIP as they lie on disk: what is read, what is refused, and why."""

import numpy as np
import pytest
from class_pictures import (
    KINDS,
    naip_pixels,
    picture,
    save,
    tell,
    write_fmow,
    write_geoimagenet,
    write_naip,
    write_naip_arrays,
    write_table,
)
from PIL import Image

from seco_lab.sources import layout_of, read_cube
from seco_lab.sources.fmow import FMOW_CLASSES, sequence_of
from seco_lab.sources.pictures import part_of, scaled


def read(path, **options):
    return read_cube(path, progress=False, **options)


def reasons(cube):
    return "\n".join(cube.attrs["refused"])


def test_original_pictures_are_cut_to_their_box(tmp_path):
    write_fmow(tmp_path, "train", places=2)
    assert layout_of(tmp_path) == "fmow"
    cube = read(tmp_path, size_px=16)
    assert cube.sizes["patch"] == 3 * 2 * 3, "the _msrgb twins are no pictures of their own"
    assert dict(cube.sizes) | {"x": 16, "y": 16, "season": 1} == dict(cube.sizes)
    assert cube.attrs["class_names"] == list(FMOW_CLASSES)
    first = cube.sel(patch="train/airport_1_2_rgb")
    red, green, blue = first["reflectance"].values[0].reshape(3, -1).mean(1)
    assert red > green + 60, "the class fills the box, grey noise lies around it"
    assert red > blue + 60
    assert FMOW_CLASSES[int(first["label"])] == "airport"
    assert (round(float(first["lon"]), 6), round(float(first["lat"]), 6)) == (10.01, 45)
    assert str(first["time"].values[0])[:19] == "2016-03-05T11:22:33"
    assert set(cube["split"].values) == {"train"}


def test_crops_are_taken_whole_and_need_no_json(tmp_path):
    write_fmow(tmp_path, "val", places=2, dates=1, crops=True)
    cube = read(tmp_path, size_px=16)
    assert cube.sizes["patch"] == 6
    assert np.isnan(cube["lon"].values).all()
    assert cube["patch"].values[0] == "val/airport_0_0_rgb_crop_0"
    assert cube["reflectance"].values[0, 0, 0].mean() > cube["reflectance"].values[0, 0, 2].mean() + 60


def test_places_are_numbered_anew_in_each_split(tmp_path):
    write_fmow(tmp_path, "train", places=1, dates=2)
    write_fmow(tmp_path, "val", places=1, dates=2)
    cube = read(tmp_path, size_px=8)
    sequences = {sequence_of(name) for name in cube["patch"].values}
    assert len(sequences) == 2 * 3
    assert read(tmp_path, size_px=8, split="val").sizes["patch"] == 6
    with pytest.raises(ValueError, match=r"no split 'test' in .*: there are train, val"):
        read(tmp_path, size_px=8, split="test")


def test_a_place_is_known_by_its_name():
    assert sequence_of("train/airport_hangar_12_3_rgb") == "train/airport_hangar_12"
    assert sequence_of("airport_0_3_rgb_crop_1") == "airport_0_crop_1"
    assert sequence_of("airport_0_3_rgb_crop_1") != sequence_of("airport_0_4_rgb_crop_0"), "another object"
    with pytest.raises(LookupError, match="not named as in fMoW"):
        sequence_of("p0001")


def test_what_cannot_be_used_is_told(tmp_path):
    write_fmow(tmp_path, "train", places=1, dates=1)
    folder = tmp_path / "train" / "barn" / "barn_0"
    box = (0, 0, 20, 20)
    save(picture("airport"), folder / "barn_0_0_rgb.jpg")
    tell(folder / "barn_0_1_rgb.json", "barn", (500, 500, 20, 20))
    save(picture("airport"), folder / "barn_0_1_rgb.jpg")
    tell(folder / "barn_0_2_rgb.json", "barn", box)
    save(picture("airport", grey=True), folder / "barn_0_2_rgb.jpg")
    tell(folder / "barn_0_3_rgb.json", "barn", box)
    (folder / "barn_0_3_rgb.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    tell(folder / "barn_0_4_rgb.json", "zoo", box)
    save(picture("airport"), folder / "barn_0_4_rgb.jpg")
    (folder / "barn_0_5_rgb.json").write_text("{")
    save(picture("airport"), folder / "barn_0_5_rgb.jpg")
    castle = tmp_path / "train" / "castle" / "castle_0"
    tell(castle / "castle_0_0_rgb.json", "castle", box)
    save(picture("airport"), castle / "castle_0_0_rgb.jpg")
    false = tmp_path / "train" / "false_detection" / "false_detection_0"
    save(picture("airport"), false / "false_detection_0_0_rgb.jpg")
    cube = read(tmp_path, size_px=8)
    assert cube.sizes["patch"] == 3
    told = reasons(cube)
    for number, words in enumerate(
        (
            "lacks barn_0_0_rgb.json, so nobody knows which part",
            "has a box (500.0, 500.0, 20.0, 20.0) outside of its 48 x 40 px",
            "is a picture of mode L, wanted RGB",
            "cannot be decoded, it may be truncated",
            "no box of class barn",
            "has a barn_0_5_rgb.json that cannot be read",
        )
    ):
        assert f"train/barn/barn_0/barn_0_{number}_rgb.jpg" in told
        assert words in told
    assert "has class 'castle', which is not among the 62 classes" in told
    assert "false_detection" not in told, "it is no class, and nobody misses it"


def test_tables_say_which_pictures_count_wherever_they_were_written(tmp_path):
    names = write_fmow(tmp_path, "train", places=2, dates=1, crops=True)
    labels = [KINDS.index(name.split("/")[1]) for name in names]
    write_table(tmp_path / "train_62classes.csv", names[:5], labels[:5], prefix="/atlas/u/somebody/fmow/")
    (tmp_path / "train_62classes.csv").open("a").write("2,/gone/tower_9_0_rgb_crop_0.jpg\n")
    cube = read(tmp_path, size_px=8)
    assert cube["patch"].values.tolist() == [f"train/{name.split('/')[-1][:-4]}" for name in names[:5]]
    assert "tower_9_0_rgb_crop_0.jpg is in train_62classes.csv, but there is no such image" in reasons(cube)
    write_table(tmp_path / "other.csv", names, [0] * 6)
    with pytest.raises(ValueError, match="label 0 stands for airport and for car_dealership"):
        read(tmp_path, csv=tmp_path / "other.csv")
    with pytest.raises(FileNotFoundError, match="no table of images at"):
        read(tmp_path, csv=tmp_path / "none.csv")


def test_the_middle_of_a_picture_keeps_its_shape():
    pixels = np.zeros((3, 20, 60), np.uint8)
    pixels[0, :, 20:40] = 200
    small = scaled(10)(pixels)
    assert small.shape == (3, 10, 10)
    assert (small[0, :, 1:-1] == 200).all()
    assert (small[0] > 150).all(), "a third as wide as the picture, and yet the whole patch"
    assert part_of(pixels, (55, -5, 20, 15)).shape == (3, 10, 5), "boxes end at the border"


def test_geoimagenet_knows_the_place_of_each_photograph(tmp_path):
    rows = write_geoimagenet(tmp_path, each=2)
    assert layout_of(tmp_path) == "geoimagenet"
    cube = read(tmp_path)
    assert dict(cube.sizes) == {"patch": 12, "season": 1, "band": 3, "y": 224, "x": 224}
    one = cube.sel(patch="train/n01/t1001")
    assert (float(one["lon"]), float(one["lat"]), int(one["label"])) == (-71.5, 41.25, 1)
    assert read(tmp_path, split="val")["split"].values.tolist() == ["val"] * 6
    # A place that is none, a line that is missing, a picture of another size, one without colours.
    rows[1] = rows[1].replace("40.25,", "400.25,")
    (tmp_path / "metadata.csv").write_text("\n".join(row for row in rows if "t2000" not in row))
    save(picture("airport", (100, 80)), tmp_path / "train" / "n01" / "t1000.jpg")
    save(picture("airport", (224, 224), grey=True), tmp_path / "train" / "n01" / "t1001.jpg")
    cube = read(tmp_path)
    assert cube.sizes["patch"] == 9
    assert np.isnan(cube.sel(patch="train/n00/t0000")["lon"])
    told = reasons(cube)
    assert "train/n02/t2000 is not in metadata.csv" in told
    assert "is 100 x 80 px, GeoImageNet has 224 x 224" in told
    assert "mode L" in told
    assert read(tmp_path, size_px=16).sizes["patch"] == 10


def test_a_table_of_places_as_spreadsheets_write_it(tmp_path):
    rows = write_geoimagenet(tmp_path, each=1, size=(8, 8))
    text = "\n".join(rows).replace(",", ", ").replace("Town", "Zürich")
    (tmp_path / "metadata.csv").write_bytes(b"\xef\xbb\xbf" + text.encode("latin-1"))
    (tmp_path / "train" / ".checkpoints").mkdir()
    assert layout_of(tmp_path) == "geoimagenet"
    cube = read(tmp_path, size_px=8)
    assert cube["lat"].values.tolist() == [40.25, 41.25, 42.25] * 2
    assert cube.attrs["class_names"] == ["n00", "n01", "n02"]
    save(picture("airport", (8, 8)), tmp_path / "train" / "n00" / "t0000.png")
    assert "n00/t0000.png is there as t0000.jpg as well" in reasons(read(tmp_path, size_px=8))
    (tmp_path / "metadata.csv").write_text("\n".join(rows).replace("t0000,", "t0000.jpg,"))
    assert "n00/t0000 is not in metadata.csv, whose ids are like t0000.jpg" in reasons(
        read(tmp_path, size_px=8)
    )


@pytest.mark.parametrize("text", ["id,latitude,lon\nx,1,2\n", None])
def test_a_table_of_places_must_be_one(tmp_path, text):
    write_geoimagenet(tmp_path, each=1, size=(8, 8))
    (tmp_path / "metadata.csv").unlink()
    if text:
        (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=r"lacks the column 'lat'|tells the place"):
        read(tmp_path, layout="geoimagenet")


def test_naip_tiles(tmp_path):
    rows = write_naip(tmp_path, each=4)
    assert layout_of(tmp_path) == "naip"
    cube = read(tmp_path)
    assert dict(cube.sizes) == {"patch": 12, "season": 1, "band": 4, "y": 20, "x": 20}
    assert cube.attrs["class_names"] == ["corn", "water", "1"]
    assert cube["reflectance"].dtype == np.uint8
    np.testing.assert_array_equal(cube["reflectance"].values[0, 0], naip_pixels("corn", seed=0))
    assert str(cube["time"].values[0, 0])[:10] == "2018-07-16"
    assert np.isfinite(cube["lon"].values).all()
    assert read(tmp_path, split="test").sizes["patch"] == 3
    (tmp_path / "labels.csv").write_text("\ufeff" + "\n".join(rows).replace(",", ", "), encoding="utf-8")
    assert read(tmp_path).identical(cube)
    more = [*rows, "tiles/gone.tif,corn,train", "tiles/m_0000_20180716.tif,,train"]
    kept = [row for row in more if "m_0000_20180716.tif,corn" not in row]
    (tmp_path / "labels.csv").write_text("\n".join(kept))
    told = reasons(read(tmp_path))
    assert "tiles/gone.tif is in labels.csv, but there is no such tile" in told
    assert "tiles/m_0000_20180716.tif has no class in labels.csv" in told
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"labels.csv with the columns filename and class"):
        read(tmp_path, layout="naip")


def test_numbered_arrays_count_from_one(tmp_path):
    write_naip_arrays(tmp_path)
    assert layout_of(tmp_path) == "naip"
    cube = read(tmp_path)
    assert cube["patch"].values.tolist() == [f"{n}tile" for n in range(1, 13)], "1, 2, ... 10, not 1, 10, 11"
    assert cube.attrs["class_names"] == ["1", "111"]
    infrared = cube["reflectance"].values[:, 0, 3].mean((1, 2))
    assert (infrared[cube["label"].values == 0] > infrared[cube["label"].values == 1].max()).all()
    np.save(tmp_path / "3tile.npy", np.full((20, 20, 5), 3000.0))
    np.save(tmp_path / "4tile.npy", np.zeros((20, 20), np.uint8))
    (tmp_path / "5tile.npy").write_bytes((tmp_path / "6tile.npy").read_bytes()[:300])
    told = reasons(read(tmp_path))
    assert "3tile.npy holds values from 3000 to 3000, NAIP has 0 to 255" in told
    assert "4tile.npy has shape (20, 20), wanted (height, width, 4 bands or more)" in told
    assert "5tile.npy cannot be read, it may be truncated" in told
    np.save(tmp_path / "y.npy", np.ones(11))
    with pytest.raises(ValueError, match=r"has 11 labels, so none for 12tile\.npy; tiles count from 1"):
        read(tmp_path)


def test_a_folder_of_pictures_of_anything_is_no_fmow(tmp_path):
    save(Image.new("RGB", (8, 8)), tmp_path / "holiday" / "beach_rgb.jpg")
    with pytest.raises(LookupError, match="no layout that is known"):
        layout_of(tmp_path)


@pytest.mark.real_data
def test_real_naip_scenes_as_tiles(real_data, tmp_path):
    """Ten years of one place; the table says which part of the scene a tile is."""
    import rasterio
    from rasterio.windows import Window

    rows = ["filename,class"]
    for path in sorted((real_data / "naip_10years_same_place").glob("*.tif"))[:4]:
        with rasterio.open(path) as scene:
            for part, top in (("north", 40), ("south", 500)):
                name = f"{path.stem}_{part}.tif"
                window = Window(100, top, 64, 64)
                where = {"width": 64, "height": 64, "transform": scene.window_transform(window)}
                profile = scene.profile | where
                with rasterio.open(tmp_path / name, "w", **profile) as tile:
                    tile.write(scene.read(window=window))
                rows.append(f"{name},{part}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    cube = read(tmp_path)
    assert cube.sizes["patch"] == 8
    assert cube.attrs["refused"] == []
    # North Dakota, 460 pixels of 5 m between both parts.
    north, south = (cube["lat"].values[cube["label"].values == n] for n in (0, 1))
    assert (north.mean() - south.mean()) * 111_000 == pytest.approx(2300, abs=30)
    assert str(cube["time"].values[0, 0])[:4] == "2009"
