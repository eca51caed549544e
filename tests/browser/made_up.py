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
