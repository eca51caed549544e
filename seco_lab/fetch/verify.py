"""Look again at a fetched cube: hashes of a sample, reasons by part of the world, counts by baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.fetch.scene import pixels_hash
from seco_lab.fetch.tables import provenance_parts, provenance_rows, read_rejected
from seco_lab.places.regions import countries_of
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
    out = Path(out)
    count = provenance_rows(out)
    chosen = np.random.default_rng(seed).choice(count, min(sample, count), replace=False)
    seen = _looked_through(out, np.sort(chosen))
    with open_cube(out) as cube:
        row_of = {name: row for row, name in enumerate(cube["patch"].values.tolist())}
        damaged, histograms = [], {}
        for image in seen.sample:
            pixels = cube["reflectance"][row_of[image.patch], image.season].values
            if pixels_hash(pixels) != image.sha256:
                damaged.append((image.patch, int(image.season)))
            counted = np.bincount(np.minimum(pixels[pixels > 0] // BIN_DN, _BINS - 1), minlength=_BINS)
            histograms[image.baseline] = histograms.get(image.baseline, 0) + counted
    ordered, refused = dict(sorted(histograms.items())), read_rejected(out)
    return Verification(
        path=out,
        places=seen.places,
        hashed=len(seen.sample),
        damaged=tuple(damaged),
        rejected=_reasons(refused),
        rejected_share=_given_up(refused, seen.continents),
        histograms=ordered,
        darkest={name: _darkest(counted) for name, counted in ordered.items()},
        shares=(seen.sums / seen.known).to_dict(),
    )


@dataclass
class _Seen:
    """What the provenance says, part after part.

    Attributes:
        sample: Rows of the images that are to be read again.
        places: How many there are.
        continents: Places on each.
        sums: Of each share over the images where it is known.
        known: In how many images it is.
    """

    sample: list[Any] = field(default_factory=list)
    places: int = 0
    continents: Counter[str] = field(default_factory=Counter)
    sums: Any = 0.0
    known: Any = 0


def _looked_through(out: Path, chosen: NDArray[np.intp]) -> _Seen:
    """The provenance once from end to end; the rows in ``chosen`` are kept."""
    seen, begin = _Seen(), 0
    for part in provenance_parts(out, _COLUMNS):
        places, shares = part.drop_duplicates("patch"), part[list(_SHARES)]
        seen.places += len(places)
        seen.continents.update(countries_of(np.array(places["lon"]), np.array(places["lat"]))[1].tolist())
        seen.sums, seen.known = seen.sums + shares.sum(), seen.known + shares.notna().sum()
        here = chosen[(chosen >= begin) & (chosen < begin + len(part))] - begin
        seen.sample += part.iloc[here].itertuples()
        begin += len(part)
    return seen


def _darkest(counted: NDArray[np.int64]) -> float:
    return float(np.searchsorted(counted.cumsum(), 0.001 * counted.sum()) * BIN_DN)


def _reasons(refused: DataFrame) -> DataFrame:
    """Places given up: a row per reason, a column per continent."""
    import pandas as pd

    return pd.crosstab(refused["why"], refused["continent"])


def _given_up(refused: DataFrame, kept: Counter[str]) -> DataFrame:
    """How many places of each continent were kept and given up, and the share of the latter."""
    import pandas as pd

    gone = refused["continent"].value_counts()
    both = pd.DataFrame({"kept": pd.Series(kept, dtype=int), "given_up": gone}).fillna(0).astype(int)
    both["share"] = both["given_up"] / (both["kept"] + both["given_up"])
    return both
