"""Look again at a fetched cube: hashes of a sample, reasons by part of the world, counts by baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seco_lab.fetch.scene import pixels_hash
from seco_lab.fetch.tables import read_provenance, read_rejected
from seco_lab.store import open_cube

if TYPE_CHECKING:
    from pandas import DataFrame

BIN_DN = 100
_SHARES = tuple(f"{name}_share" for name in ("cloud", "shadow", "snow", "water", "nodata"))
_COLUMNS = ("patch", "season", "lon", "lat", "baseline", "sha256", *_SHARES)
_BINS = 120  # up to 12000, where only cloud and snow are


@dataclass(frozen=True)
class Verification:
    """What a second look at a cube shows.

    Attributes:
        path: The cube.
        places: In the cube.
        hashed: Images whose pixels were compared with the provenance.
        damaged: Those that differ, as (patch, season).
        rejected: Places given up: a row per `why`, a column per continent.
        rejected_share: Share of the places of each continent that was given up, 0 to 1.
        histograms: Baseline -> how many of the hashed pixels lie in each step of 100 counts, offset removed;
            curves of old and new baselines must begin at the same count.
        darkest: Baseline -> the count below which 0.1 % of the hashed pixels lie.
        shares: Mean share of cloud, shadow, snow, water and missing data over all images.
    """

    path: Path
    places: int
    hashed: int
    damaged: tuple[tuple[str, int], ...]
    rejected: DataFrame = field(repr=False)
    rejected_share: DataFrame = field(repr=False)
    histograms: Mapping[str, NDArray[np.int64]] = field(repr=False)
    darkest: Mapping[str, float]
    shares: Mapping[str, float]

    def __str__(self) -> str:
        state = f"{len(self.damaged)} differ from what was fetched" if self.damaged else "all as fetched"
        reasons = ", ".join(f"{n} {why}" for why, n in self.rejected.sum(axis=1).items()) or "none"
        dark = ", ".join(f"{name or 'unknown'}: {count:.0f}" for name, count in self.darkest.items())
        return (
            f"{self.path}: {self.places} places, {self.hashed} images looked at again, {state}; given up: "
            f"{reasons}; darkest counts by baseline: {dark}"
        )


def verify(out: str | Path, *, sample: int = 200, seed: int = 0) -> Verification:
    """Reads a sample of a cube's images again and compares them with what was fetched.

    Args:
        out: The cube.
        sample: Images to hash; all where there are fewer.
        seed: Of the sample.

    Raises:
        FileNotFoundError: No cube, or none that was fetched from a catalogue.
    """
    out, source = Path(out), read_provenance(out, columns=_COLUMNS)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(source), min(sample, len(source)), replace=False))
    with open_cube(out) as cube:
        row_of = {name: row for row, name in enumerate(cube["patch"].values.tolist())}
        damaged, histograms = [], {}
        for image in source.iloc[rows].itertuples():
            pixels = cube["reflectance"][row_of[image.patch], image.season].values
            if pixels_hash(pixels) != image.sha256:
                damaged.append((image.patch, int(image.season)))
            counted = np.bincount(np.minimum(pixels[pixels > 0] // BIN_DN, _BINS - 1), minlength=_BINS)
            histograms[image.baseline] = histograms.get(image.baseline, 0) + counted
    rejected, share = _by_continent(out, source.drop_duplicates("patch"))
    shares = {name: float(source[name].mean()) for name in _SHARES}
    ordered = dict(sorted(histograms.items()))
    dark = {name: _darkest(counted) for name, counted in ordered.items()}
    places = source["patch"].nunique()
    return Verification(out, places, len(rows), tuple(damaged), rejected, share, ordered, dark, shares)


def _darkest(counted: NDArray[np.int64]) -> float:
    return float(np.searchsorted(counted.cumsum(), 0.001 * counted.sum()) * BIN_DN)


def _by_continent(out: Path, kept: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Places given up by reason and continent, and their share of all places there."""
    import pandas as pd

    from seco_lab.places.regions import countries_of

    refused = read_rejected(out)
    table = pd.crosstab(refused["why"], refused["continent"])
    here = pd.Series(countries_of(np.array(kept["lon"]), np.array(kept["lat"]))[1]).value_counts()
    gone = refused["continent"].value_counts()
    both = pd.DataFrame({"kept": here, "given_up": gone}).fillna(0).astype(int)
    both["share"] = both["given_up"] / (both["kept"] + both["given_up"])
    return table, both
