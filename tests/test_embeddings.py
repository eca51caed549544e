"""Vectors of a cube: right preparation, an encoder left alone, files that survive a kill."""

import copy
import os
import signal
import subprocess
import sys
import time
import types
import warnings
from dataclasses import replace

import geopandas
import labelled
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import xarray as xr
from labelled import RGB, SPEC, counts, embed_slowly, plain_cube, tiny_encoder

from seco_lab.embeddings import (
    EmbeddingInputWarning,
    cube_hash,
    embed,
    embed_to,
    embedding_spec,
    module_hash,
    open_embeddings,
    project,
    save_embeddings,
)
from seco_lab.nn.encoders import resnet18
from seco_lab.store import open_cube, save_cube


@pytest.fixture(scope="module")
def cube():
    return plain_cube(counts(6, 3, 3, 16), label=[0, 1, 2, 0, 1, 2], class_names=["a", "b", "c"])


def test_embed_agrees_with_a_plain_loop(cube):
    encoder = tiny_encoder()
    found = embed(encoder, cube, SPEC, batch_size=4, device="cpu")
    assert found["embedding"].dims == ("patch", "season", "dim")
    assert found["embedding"].dtype == np.float32
    encoder.eval()
    for p in range(6):
        for s in range(3):
            x = torch.tensor(cube["reflectance"].values[p, s].astype(np.float32)) / 4000
            with torch.no_grad():
                wanted = encoder(((x.clamp(0, 1) - 0.5) / 0.29)[None])[0]
            np.testing.assert_allclose(found["embedding"].values[p, s], wanted, rtol=1e-3, atol=1e-4)
    assert (found["patch"].values == cube["patch"].values).all()
    assert (found["time"].values == cube["time"].values).all()
    assert embedding_spec(found) == SPEC
    assert found["label"].values.tolist() == [0, 1, 2, 0, 1, 2]


def test_the_encoder_is_left_alone(cube):
    encoder = tiny_encoder().train()
    encoder.bn1.eval()
    before, modes = copy.deepcopy(encoder.state_dict()), [m.training for m in encoder.modules()]
    strides = [p.stride() for p in encoder.parameters()]
    embed(encoder, cube, SPEC, device="cpu")
    assert [m.training for m in encoder.modules()] == modes
    assert [p.stride() for p in encoder.parameters()] == strides
    assert all(p.requires_grad for p in encoder.parameters())
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_batch_size_does_not_matter(cube):
    one, other = (embed(tiny_encoder(), cube, SPEC, batch_size=b, device="cpu") for b in (1, 7))
    np.testing.assert_allclose(one["embedding"], other["embedding"], rtol=1e-4, atol=1e-5)


def test_bands_are_found_by_name():
    pixels = counts(3, 1, 3, 16)
    straight = embed(tiny_encoder(), plain_cube(pixels), SPEC, device="cpu")
    turned = embed(tiny_encoder(), plain_cube(pixels[:, :, ::-1], bands=RGB[::-1]), SPEC, device="cpu")
    np.testing.assert_allclose(straight["embedding"], turned["embedding"], rtol=1e-5)


def test_units_are_converted(cube):
    share = plain_cube((cube["reflectance"].values * 1e-4).astype(np.float32), unit="reflectance")
    one, other = (embed(tiny_encoder(), c, SPEC, device="cpu")["embedding"] for c in (cube, share))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_unknown_conversion_names_both_sides():
    picture = plain_cube(counts(2, 1, 3, 16).astype(np.uint8), unit="uint8")
    with pytest.raises(ValueError, match=r"expects 'dn' and the data are 'uint8'"):
        embed(tiny_encoder(), picture, SPEC, device="cpu")


def test_missing_band_names_both_sides():
    cube = plain_cube(counts(2, 1, 2, 16), bands=("B03", "B02"))
    with pytest.raises(LookupError, match=r"expects bands B04, B03, B02; the data have B03, B02"):
        embed(tiny_encoder(), cube, SPEC, device="cpu")


def test_reflectance_called_dn_warns():
    wrong = plain_cube(np.random.default_rng(0).random((4, 1, 3, 16, 16), np.float32) * 0.4, unit="dn")
    with pytest.warns(EmbeddingInputWarning, match=r"B04 has mean -1\.72 and std 0\.00"):
        embed(tiny_encoder(), wrong, SPEC, device="cpu")


def test_fitting_data_do_not_warn(cube):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed(tiny_encoder(), cube, SPEC, device="cpu")


def test_other_sizes_are_resized():
    pixels = np.repeat(np.repeat(counts(3, 1, 3, 16), 2, axis=3), 2, axis=4)
    large = embed(tiny_encoder(), plain_cube(pixels), SPEC, device="cpu")
    small = embed(tiny_encoder(), plain_cube(pixels), replace(SPEC, size_px=32), device="cpu")
    assert large["embedding"].shape == small["embedding"].shape
    assert not np.allclose(large["embedding"], small["embedding"], rtol=1e-2)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_season_without_data_keeps_its_row(kind):
    pixels = counts(3, 2, 3, 16).astype(kind)
    pixels[1, 0] = np.nan if kind is np.float32 else 0
    pixels[2, 1, :, :4] = np.nan if kind is np.float32 else 0
    found = embed(tiny_encoder(), plain_cube(pixels), SPEC, device="cpu")["embedding"].values
    assert np.isnan(found[1, 0]).all()
    assert np.isnan(found).any(-1).sum() == 1


def test_head_is_applied(cube):
    head = torch.nn.Linear(32, 5)
    found = embed(tiny_encoder(), cube, SPEC, head=head, device="cpu")
    assert found.sizes["dim"] == 5
    plain = embed(tiny_encoder(), cube, SPEC, device="cpu")["embedding"].values
    with torch.no_grad():
        np.testing.assert_allclose(found["embedding"], head(torch.tensor(plain)), rtol=1e-3, atol=1e-3)


def test_bf16_is_close(cube):
    one, other = (
        embed(tiny_encoder(), cube, SPEC, precision=p, device="cpu")["embedding"].values.ravel()
        for p in ("float32", "bf16")
    )
    assert np.corrcoef(one, other)[0, 1] > 0.999


def test_empty_cube_is_refused(cube):
    with pytest.raises(ValueError, match="no patches"):
        embed(tiny_encoder(), cube.isel(patch=slice(0)), SPEC, device="cpu")


def test_more_seasons_than_a_batch(cube):
    assert embed(tiny_encoder(), cube, SPEC, batch_size=2, device="cpu").sizes["season"] == 3


def test_hashes_tell_apart(cube):
    assert module_hash(tiny_encoder(seed=0)) == module_hash(tiny_encoder(seed=0))
    assert module_hash(tiny_encoder(seed=0)) != module_hash(tiny_encoder(seed=1))
    other = cube.copy(deep=True)
    other["reflectance"][4, 2, 2, 15, 15] += 1
    assert cube_hash(cube) == cube_hash(cube.copy(deep=True))
    assert cube_hash(cube) != cube_hash(other)
    assert cube_hash(cube, pixels=False) == cube_hash(other, pixels=False)


def test_table_roundtrip(cube, tmp_path):
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    save_embeddings(found, tmp_path / "e.parquet")
    again = open_embeddings(tmp_path / "e.parquet")
    xr.testing.assert_identical(found, again[list(found.data_vars)].transpose("patch", "season", "dim"))
    with pytest.raises(FileExistsError):
        save_embeddings(found, tmp_path / "e.parquet")
    save_embeddings(found, tmp_path / "e.parquet", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["e.parquet"]


def test_table_is_geoparquet(cube, tmp_path):
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    save_embeddings(found, tmp_path / "e.parquet")
    table = geopandas.read_parquet(tmp_path / "e.parquet")
    assert len(table) == 18
    assert table.crs.to_epsg() == 4326
    np.testing.assert_allclose(table.geometry.x, table["lon"])
    row = table[(table["patch"] == "p0004") & (table["season"] == 2)].iloc[0]
    np.testing.assert_array_equal(row["embedding"], found["embedding"].values[4, 2])
    kind = pq.read_schema(tmp_path / "e.parquet").field("embedding").type
    assert kind == pa.list_(pa.float32(), 32)


def test_unknown_places_and_dates_survive(tmp_path):
    cube = plain_cube(counts(3, 2, 3, 16))
    cube["lon"][1], cube["lat"][1], cube["time"][2, 1] = np.nan, np.nan, np.datetime64("NaT", "ns")
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    save_embeddings(found, tmp_path / "e.parquet")
    xr.testing.assert_identical(found, open_embeddings(tmp_path / "e.parquet"))
    assert geopandas.read_parquet(tmp_path / "e.parquet").geometry.isna().sum() == 2


def test_further_spaces_and_columns_are_kept(cube, tmp_path):
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    found["season_space"] = (("patch", "season", "k"), np.arange(36, dtype=np.float32).reshape(6, 3, 2))
    found = found.assign_coords(
        cluster=("patch", np.arange(6)), clear=(("patch", "season"), np.ones((6, 3), int))
    )
    save_embeddings(found, tmp_path / "e.parquet")
    xr.testing.assert_identical(found, open_embeddings(tmp_path / "e.parquet"))
    pq.write_table(pq.read_table(tmp_path / "e.parquet").take([4]), tmp_path / "f.parquet")
    part = open_embeddings(tmp_path / "f.parquet")
    assert part["clear"].values[0, 1] == 1
    assert np.isnan(part["clear"].values[0, 0])
    with pytest.raises(ValueError, match="no place for 'odd'"):
        save_embeddings(found.assign_coords(odd=(("patch", "k"), np.ones((6, 2)))), tmp_path / "g.parquet")
    assert not list(tmp_path.glob("*g.parquet*"))


def test_lazy_cube_from_disk(cube, tmp_path):
    save_cube(cube, tmp_path / "c.zarr")
    opened = open_cube(tmp_path / "c.zarr")
    found = embed(tiny_encoder(), opened, SPEC, batch_size=5, device="cpu")
    wanted = embed(tiny_encoder(), cube, SPEC, batch_size=5, device="cpu")
    np.testing.assert_array_equal(found["embedding"], wanted["embedding"])
    again = open_embeddings(embed_to(tiny_encoder(), opened, SPEC, tmp_path / "e.parquet", progress=False))
    np.testing.assert_array_equal(found["patch"], again["patch"])
    assert cube_hash(opened) == cube_hash(cube)


def test_filtered_table_leaves_gaps(cube, tmp_path):
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    save_embeddings(found, tmp_path / "e.parquet")
    table = pq.read_table(tmp_path / "e.parquet")
    pq.write_table(table.take([4, 3, 17]), tmp_path / "f.parquet")
    again = open_embeddings(tmp_path / "f.parquet")
    assert again["patch"].values.tolist() == ["p0001", "p0005"]
    np.testing.assert_array_equal(again["embedding"].values[0, 1], found["embedding"].values[1, 1])
    assert np.isnan(again["embedding"].values[1, 0]).all()


@pytest.mark.parametrize("lists", ["fixed", "free"])
def test_vectors_that_another_program_left_empty_are_missing(cube, tmp_path, lists):
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    save_embeddings(found, tmp_path / "e.parquet")
    table = pq.read_table(tmp_path / "e.parquet")
    place = table.column_names.index("embedding")
    # Half of them, where the rest would fill every row with half a vector.
    vectors = [vector if row % 2 else None for row, vector in enumerate(table["embedding"].to_pylist())]
    kind = table["embedding"].type if lists == "fixed" else pa.list_(pa.float32())
    holed = table.set_column(place, "embedding", pa.array(vectors, kind))
    pq.write_table(holed, tmp_path / "f.parquet")
    wanted = found["embedding"].values.copy()
    wanted.reshape(18, -1)[::2] = np.nan
    np.testing.assert_array_equal(open_embeddings(tmp_path / "f.parquet")["embedding"], wanted)
    uneven = [[1.0], *vectors[1:]]
    pq.write_table(
        table.set_column(place, "embedding", pa.array(uneven, pa.list_(pa.float32()))), tmp_path / "g.parquet"
    )
    with pytest.raises(ValueError, match="wanted vectors of one length, got lengths from 1 to 32"):
        open_embeddings(tmp_path / "g.parquet")
    pq.write_table(table.slice(0, 0), tmp_path / "h.parquet")
    with pytest.raises(ValueError, match="holds no embeddings: the table has no rows"):
        open_embeddings(tmp_path / "h.parquet")


@pytest.mark.parametrize(
    ("content", "words"), [(b"nonsense", "not a whole Parquet"), (None, "lacks the columns")]
)
def test_other_files_are_refused(tmp_path, content, words):
    path = tmp_path / "x.parquet"
    path.write_bytes(content) if content else pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ValueError, match=words):
        open_embeddings(path)


def test_embed_to_equals_embed(cube, tmp_path):
    found = embed(tiny_encoder(), cube, SPEC, device="cpu")
    path = embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", part_patches=4, progress=False)
    again = open_embeddings(path)
    np.testing.assert_allclose(again["embedding"], found["embedding"], rtol=1e-4, atol=1e-5)
    xr.testing.assert_equal(again["time"], found["time"])
    assert embedding_spec(again) == SPEC
    assert [p.name for p in tmp_path.iterdir()] == ["e.parquet"]


def test_embed_to_refuses_work_of_another_encoder(cube, tmp_path):
    path = embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", progress=False)
    assert embed_to(tiny_encoder(), cube, SPEC, path, progress=False) == path
    with pytest.raises(FileExistsError, match="embeddings of another encoder"):
        embed_to(tiny_encoder(seed=1), cube, SPEC, path, progress=False)
    embed_to(tiny_encoder(seed=1), cube, SPEC, path, overwrite=True, progress=False)
    assert open_embeddings(path).attrs["encoder_hash"] == module_hash(tiny_encoder(seed=1))


@pytest.mark.slow
def test_embed_to_survives_kill(tmp_path):
    path, parts = tmp_path / "e.parquet", tmp_path / "e.parquet.parts"
    process = subprocess.Popen([sys.executable, labelled.__file__, str(path), "0.2"])
    deadline = time.monotonic() + 120
    while len(list(parts.glob("*.npy"))) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    kept = {p.name: p.stat().st_mtime_ns for p in parts.glob("*.npy")}
    (parts / ".0000000036.npy.0-1-0-0.partial.npy").write_bytes(b"half")
    embed_slowly(path, 0)
    again = open_embeddings(path)
    whole = embed_slowly(tmp_path / "whole.parquet", 0)
    np.testing.assert_array_equal(again["embedding"], open_embeddings(whole)["embedding"])
    assert 3 <= len(kept) < 10
    assert not parts.exists()


def test_kept_parts_are_not_computed_again(cube, tmp_path, monkeypatch):
    from seco_lab.embeddings import resume

    monkeypatch.setattr(resume, "write_parts", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", part_patches=2, progress=False)
    monkeypatch.undo()
    (tmp_path / "e.parquet.parts" / "0000000002.npy").unlink()
    computed = []
    monkeypatch.setattr(resume, "image_blocks", _remember(resume.image_blocks, computed))
    embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", part_patches=2, progress=False)
    assert computed == [2]


def test_parts_that_nobody_vouches_for_are_not_taken(cube, tmp_path):
    wanted = open_embeddings(embed_to(tiny_encoder(), cube, SPEC, tmp_path / "w.parquet", progress=False))
    # As a process leaves it that was killed while it removed the parts of another encoder.
    parts = tmp_path / "e.parquet.parts"
    parts.mkdir()
    np.save(parts / "0000000000.npy", np.zeros_like(wanted["embedding"].values))
    found = embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", progress=False)
    np.testing.assert_array_equal(open_embeddings(found)["embedding"], wanted["embedding"])


def test_one_process_at_a_time_makes_a_table(cube, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    parts = tmp_path / "e.parquet.parts"
    parts.mkdir()
    (parts / "0000000000.npy").write_bytes(b"of the other one")
    other = os.open(parts, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(FileExistsError, match="another process works in"):
        embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", progress=False)
    assert (parts / "0000000000.npy").exists()
    os.close(other)


def test_a_cube_made_anew_from_other_pixels_is_another_cube(cube, tmp_path):
    path = embed_to(tiny_encoder(), cube, SPEC, tmp_path / "e.parquet", progress=False)
    anew = cube.assign(reflectance=cube["reflectance"] + 1)
    with pytest.raises(FileExistsError, match="embeddings of another cube"):
        embed_to(tiny_encoder(), anew, SPEC, path, progress=False)


def _remember(function, starts):
    def wrapped(*args, start, **options):
        starts.append(start)
        return function(*args, start=start, **options)

    return wrapped


def test_pca_finds_the_long_axis():
    chance = np.random.default_rng(0)
    x = chance.normal(size=(500, 1)) * [[3.0, 4.0, 0.0]] + chance.normal(size=(500, 3)) * 0.01 + 7
    found = project(x, 1)[:, 0]
    wanted = (x - x.mean(0)) @ [0.6, 0.8, 0.0]
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_pca_sign_and_shape():
    x = np.random.default_rng(1).normal(size=(20, 5, 8)).astype(np.float32)
    x[3, 2] = np.nan
    found = project(x, 3)
    assert found.shape == (20, 5, 3)
    assert np.isnan(found).all(-1).sum() == 1
    np.testing.assert_allclose(project(x[::-1], 3)[::-1], found, atol=1e-5)


def test_umap_missing_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match="pip install 'seco-lab"):
        project(np.eye(10), 2, "umap")


def test_umap_is_asked_for_what_it_needs(monkeypatch):
    """A stand-in: the real one compiles for a minute."""
    asked = {}

    class FakeUmap:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, x):
            return x[:, :2] * 2

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=FakeUmap))
    x = np.random.default_rng(0).normal(size=(8, 4))
    x[5] = np.nan
    found = project(x, 2, "umap", seed=3)
    assert asked == {"n_components": 2, "n_neighbors": 6, "random_state": 3, "n_jobs": 1}
    np.testing.assert_allclose(found[:5], x[:5, :2] * 2, rtol=1e-6)
    assert np.isnan(found[5]).all()
    with pytest.raises(ValueError, match="use 'pca'"):
        project(x[:4], 2, "umap")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((np.eye(4), 5), "between 1 and the 4"), ((np.eye(4), 2, "tsne"), "'pca' or 'umap'"),
     ((np.full((3, 4), np.nan),), "all hold NaN"), ((np.ones(4),), "shape")],
)  # fmt: skip
def test_bad_projections_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        project(*arguments)


def test_twelve_bands():
    from seco_lab.sensors import SENTINEL2_L2A

    bands = SENTINEL2_L2A.band_names
    spec = replace(SPEC, bands=bands, low=(0,) * 12, high=(4000,) * 12, mean=(0.5,) * 12, std=(0.29,) * 12)
    found = embed(resnet18(12, width=4), plain_cube(counts(2, 1, 12, 16), bands=bands), spec, device="cpu")
    assert np.isfinite(found["embedding"].values).all()
