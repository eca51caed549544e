import base64
import io

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from seco_lab.viz import colours
from seco_lab.viz.packing import pack_mercator, pack_plane
from seco_lab.viz.payload import quantised_vectors, scene_payload
from seco_lab.viz.scene import PCA, SIMILARITY, SPREAD, fit_square, scene_of
from seco_lab.viz.table import embedding_table


def embeddings(places=30, seasons=3, dims=8, seed=0):
    rng = np.random.default_rng(seed)
    days = np.datetime64("2020-01-10", "ns") + (np.arange(seasons) * 91 * 86_400_000_000_000).astype("m8[ns]")
    return xr.Dataset(
        {
            "embedding": (
                ("patch", "season", "dim"),
                rng.normal(size=(places, seasons, dims)).astype(np.float32),
            )
        },
        {
            "patch": [f"p{i}" for i in range(places)],
            "lon": ("patch", rng.uniform(-170, 170, places)),
            "lat": ("patch", rng.uniform(-60, 60, places)),
            "time": (("patch", "season"), np.tile(days, (places, 1))),
        },
    )


def cube_of(dataset, bands=("B04", "B03", "B02"), size=8):
    shape = (dataset.sizes["patch"], dataset.sizes["season"], len(bands), size, size)
    counts = np.random.default_rng(1).integers(1, 3000, shape).astype(np.uint16)
    return xr.Dataset(
        {"reflectance": (("patch", "season", "band", "y", "x"), counts)},
        {"patch": dataset["patch"].values, "band": list(bands)},
        {"sensor": "sentinel2-l2a", "unit": "dn"},
    )


def test_neighbours_agree_with_a_plain_loop():
    data = embeddings()
    scene = scene_of(data)
    found, cosine = scene.neighbours("embedding", 1, 4, k=5)
    rows = data["embedding"].values[:, 1].astype(np.float64)
    expected = {}
    for i, row in enumerate(rows):
        if i != 4:
            expected[i] = row @ rows[4] / np.linalg.norm(row) / np.linalg.norm(rows[4])
    best = sorted(expected, key=expected.get, reverse=True)[:5]
    assert found.tolist() == best
    np.testing.assert_allclose(cosine, [expected[i] for i in best], rtol=1e-5)


def test_neighbours_never_contain_the_place_or_a_broken_one():
    data = embeddings(places=4)
    data["embedding"][2] = np.nan
    scene = scene_of(data)
    assert sorted(scene.neighbours("embedding", 0, 1, k=9)[0].tolist()) == [0, 3]
    assert len(scene.neighbours("embedding", 0, 2, k=9)[0]) == 0
    assert "1 of 4 places have no usable vector" in " ".join(scene.problems)
    assert (scene.colours(PCA, "embedding", 0)[0][2] == colours.MISSING_RGB).all()


def test_one_place_is_shown_and_said_to_be_alone():
    scene = scene_of(embeddings(places=1))
    detail = scene.detail("embedding", 0, 0)
    assert detail["neighbours"] == []
    assert len(detail["path"]) == 3
    assert any("only one place" in sentence for sentence in scene.problems)


def test_missing_coordinates_are_said_and_the_plane_stays():
    scene = scene_of(embeddings().drop_vars(["lon", "lat"]))
    assert any("no lon and lat" in sentence for sentence in scene.problems)
    assert np.isfinite(scene.plane("embedding")).all()
    assert scene.detail("embedding", 0, 1)["neighbours"][0]["km"] is None


def test_a_cube_that_lacks_patches_gives_the_pictures_it_has():
    data = embeddings()
    scene = scene_of(data, cube_of(data).isel(patch=slice(10, None)))
    assert "lacks 10 of 30 places (p0, p1, p2" in " ".join(scene.problems)
    assert scene.strip(3) == ""
    assert scene.strip(12).startswith("data:image/jpeg;base64,")


def test_rows_of_a_shuffled_cube_are_matched_by_name():
    data = embeddings()
    cube = cube_of(data)
    assert scene_of(data, cube.isel(patch=slice(None, None, -1))).strip(5) == scene_of(data, cube).strip(5)


def test_a_foreign_cube_and_a_cube_without_rgb_are_named():
    data = embeddings()
    foreign = cube_of(data).assign_coords(patch=[f"q{i}" for i in range(30)])
    assert "not the one they were embedded from" in " ".join(scene_of(data, foreign).problems)
    infrared = cube_of(data, bands=("B08", "B11", "B12"))
    assert "needs bands B04, B03, B02" in " ".join(scene_of(data, infrared).problems)


def test_embeddings_without_seasons_and_further_spaces():
    data = embeddings()
    data["z0"] = data["embedding"][:, :, :4].rename(dim="dim_z0")
    table = embedding_table(data)
    assert set(table.spaces) == {"embedding", "z0"}
    assert embedding_table(data["embedding"].isel(season=0, drop=True)).seasons == 1


def test_wrong_shapes_are_refused_with_what_came():
    with pytest.raises(ValueError, match=r"dims \(patch, season, dim\), got loss \(step\)"):
        embedding_table(xr.Dataset({"loss": ("step", np.zeros(3))}))
    with pytest.raises(ValueError, match="no places"):
        embedding_table(embeddings().isel(patch=slice(0)))
    with pytest.raises(ValueError, match="needs 30 values, one per place, got 2"):
        embedding_table(embeddings(), columns={"kind": ["a", "b"]})


def test_colours_by_name_and_unknown_name():
    data = embeddings()
    data["kind"] = ("patch", np.array(["b", "a"] * 15))
    scene = scene_of(data)
    rgb, legend = scene.colours("kind", "embedding", 0)
    assert legend["names"] == ["a", "b"]
    assert colours.hex_of(rgb[0]) == legend["colours"][1]
    assert {PCA, SIMILARITY, SPREAD, "kind"} == set(scene.colour_options)
    with pytest.raises(LookupError, match="known are"):
        scene.colours("altitude", "embedding", 0)


def test_similarity_is_brightest_at_the_place_itself():
    scene = scene_of(embeddings())
    rgb, _ = scene.colours(SIMILARITY, "embedding", 0, selected=7)
    assert (rgb[7] == colours.colour_map()[255]).all()


def test_season_labels_tell_the_month():
    assert scene_of(embeddings()).table.season_labels()[1] == "2 · Apr 2020"


def test_plane_is_one_projection_for_all_seasons():
    data = embeddings()
    data["embedding"][:, 1] = data["embedding"][:, 0].values
    plane = scene_of(data).plane("embedding")
    np.testing.assert_allclose(plane[:, 0], plane[:, 1])


def test_given_plane_is_used_and_its_shape_checked():
    scene = scene_of(embeddings())
    scene.use_plane("embedding", np.stack([np.arange(30), np.zeros(30)], 1))
    assert (np.diff(scene.plane("embedding")[:, 0, 0]) > 0).all()
    with pytest.raises(ValueError, match=r"\(30, 3, 2\)"):
        scene.use_plane("embedding", np.zeros((3, 2)))


def test_fit_square_keeps_proportions_and_turns_y():
    fitted = fit_square(np.array([[0.0, 0.0], [10.0, 5.0], [np.nan, 0.0]], np.float32))
    np.testing.assert_allclose(fitted[:2], [[0.02, 0.74], [0.98, 0.26]], atol=1e-6)
    assert np.isnan(fitted[2]).any()


def test_packed_positions():
    plane = np.frombuffer(pack_plane(np.array([[0.0, 1.0], [np.nan, 0.5]])), "<u2").reshape(-1, 2)
    assert plane.tolist() == [[0, 65533], [65535, 65535]]
    mercator = np.frombuffer(pack_mercator(np.array([[0.0, 0.0], [np.nan, 1.0]])), "<f4").reshape(-1, 2)
    np.testing.assert_allclose(mercator, [[0.5, 0.5], [2, 2]])


def test_quantised_vectors_keep_cosines():
    rows = np.random.default_rng(0).normal(size=(40, 2, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    packed = quantised_vectors(rows).astype(np.float64)
    packed /= np.linalg.norm(packed, axis=-1, keepdims=True)
    worst = np.abs(packed[:, 0] @ packed[:, 0].T - rows[:, 0] @ rows[:, 0].T).max()
    assert worst < 0.01


def test_long_vectors_are_cut_to_their_principal_axes():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(60, 1, 20)) @ rng.normal(size=(20, 600))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
    packed = quantised_vectors(rows).astype(np.float64)
    assert packed.shape == (60, 1, 256)
    packed /= np.linalg.norm(packed, axis=-1, keepdims=True)
    assert np.abs(packed[:, 0] @ packed[:, 0].T - rows[:, 0] @ rows[:, 0].T).max() < 0.02


def test_payload_of_broken_data_is_json():
    import json

    data = embeddings(places=3)
    data["embedding"][1] = np.nan
    data["lon"][2] = np.nan
    payload = json.loads(json.dumps(scene_payload(scene_of(data), space="embedding"), allow_nan=False))
    assert payload["lon"][2] is None
    assert payload["count"] == 3


def test_pca_colours_do_not_depend_on_global_chance():
    rows = np.random.default_rng(0).normal(size=(50, 6))
    np.random.seed(1)  # noqa: NPY002
    first = colours.pca_rgb(rows)
    np.random.seed(2)  # noqa: NPY002
    assert (colours.pca_rgb(rows) == first).all()
    assert len(np.unique(first, axis=0)) > 40


def test_a_cube_of_fewer_seasons_shows_those_of_the_same_day():
    data = embeddings(places=4)
    cube = cube_of(data, bands=("B04", "B03", "B02", "B08"))
    whole = scene_of(data, cube)
    dated = cube.assign_coords(time=data["time"]).isel(season=[2, 0])
    scene = scene_of(data, dated)
    assert "the cube has 2 seasons, the embeddings have 3: pictures are shown of those" in scene.problems[0]
    tiles, wanted = (tiles_of(one.strip(1)) for one in (scene, whole))
    assert [np.abs(tile - full).mean() < 3 for tile, full in zip(tiles, wanted, strict=True)] == [1, 0, 1]
    assert np.ptp(tiles[1]) < 30, "a season that the cube lacks is plain grey"
    assert scene.ndvi(1) == [whole.ndvi(1)[0], None, whole.ndvi(1)[2]]
    undated = scene_of(data, cube.isel(season=[0, 1]))
    assert "of the first 2" in undated.problems[0]
    assert undated.ndvi(1) == [*whole.ndvi(1)[:2], None]


def tiles_of(strip):
    """The pictures of a strip of three, (3, H, W, 3), without the edges that a JPEG smears."""
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(strip.split(",")[1]))), int)
    return picture.reshape(64, 3, 64, 3).swapaxes(0, 1)[:, 16:48, 16:48]
