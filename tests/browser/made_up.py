"""A small set of places with embeddings and a cube, for widgets to show."""

from __future__ import annotations

import numpy as np
import xarray as xr


def made_up(places: int = 120, seasons: int = 4, dims: int = 16, size_px: int = 16, seed: int = 0):
    """Embeddings and cube of five kinds of places, spread over the continents."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 5, places)
    names = [f"place-{i:04d}" for i in range(places)]
    where = {"lon": ("patch", rng.uniform(-120, 150, places)), "lat": ("patch", rng.uniform(-45, 65, places))}
    days = np.arange(seasons) * 91 + rng.integers(0, 9, (places, 1))
    time = ("patch", "season"), (np.datetime64("2021-02-01") + days).astype("datetime64[ns]")
    vectors = rng.normal(size=(5, dims))[kind][:, None] + rng.normal(size=(places, seasons, dims)) * 0.3
    coords = {"patch": names, **where, "time": time}
    embeddings = xr.Dataset(
        {
            "embedding": (("patch", "season", "dim"), vectors.astype(np.float32)),
            "kind": ("patch", np.array(["forest", "field", "lake", "town", "rock"])[kind]),
        },
        coords,
    )
    colour = np.array(
        [[350, 600, 300], [1500, 1300, 700], [150, 350, 500], [1600, 1500, 1500], [2200, 1800, 1400]]
    )
    shade = rng.uniform(0.6, 1.3, (places, seasons, 1, size_px, size_px))
    counts = (colour[kind][:, None, :, None, None] * shade).astype(np.uint16)
    cube = xr.Dataset(
        {"reflectance": (("patch", "season", "band", "y", "x"), counts)},
        {**coords, "band": ["B04", "B03", "B02"]},
        {"sensor": "sentinel2-l2a", "unit": "dn"},
    )
    return embeddings, cube


def made_up_area(rows: int = 40, columns: int = 50):
    """Embeddings of an area of three stripes of land, and the scene below, ten pixels a cell."""
    from seco_lab.cube import Grid, make_area
    from seco_lab.sensors import SENTINEL2_L2A

    rng = np.random.default_rng(0)
    kind = np.broadcast_to(np.arange(columns) * 3 // columns, (rows, columns))
    vectors = rng.normal(size=(3, 8))[kind] + rng.normal(size=(rows, columns, 8)) * 0.05
    data = np.moveaxis(vectors, -1, 0)[None].astype(np.float32)
    grid = Grid.of(32631, (100.0, 0, 480_000.0, 0, -100.0, 4_690_000.0))
    attrs = {"window_px": 20, "stride_px": 10}
    found = xr.Dataset({"embedding": (("season", "dim", "y", "x"), data)}, grid.coords(rows, columns), attrs)
    tint = np.array([[1500, 1300, 700], [350, 600, 300], [150, 350, 500]])[kind].transpose(2, 0, 1)
    pixels = tint.repeat(10, axis=1).repeat(10, axis=2).astype(np.uint16)
    place = {"crs": 32631, "transform": (10.0, 0, 480_000.0, 0, -10.0, 4_690_000.0)}
    return found, make_area(pixels, bands=("B04", "B03", "B02"), sensor=SENTINEL2_L2A, **place)
