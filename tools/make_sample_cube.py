"""Make ``data/sample.zarr``, the small cube of the first notebook: ``python tools/make_sample_cube.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seco_lab.places import AroundCities, plan_places
from seco_lab.seasons import random_phase
from seco_lab.sources.simulated import SimulatedSource
from seco_lab.store import save_cube

OUT = Path(__file__).resolve().parents[1] / "data" / "sample.zarr"
BANDS = ("B02", "B03", "B04", "B08")
PLACES, CANDIDATES, SIZE_PX = 24, 240, 64


def main() -> None:
    source = SimulatedSource(seed=0)
    candidates = plan_places(CANDIDATES, AroundCities(std_km=50), seed=0).place_list()
    truth = source.truth(candidates, np.array(["2024-07-01"], "datetime64[D]"), SIZE_PX)
    chosen = _varied(truth["dominant"].values, truth["purity"].values)
    places = [candidates[k] for k in chosen]
    cube = source.labelled(places, random_phase(places, seed=0), SIZE_PX, BANDS)
    save_cube(cube, OUT, overwrite=True)
    size = sum(file.stat().st_size for file in OUT.rglob("*") if file.is_file())
    print(f"{OUT}: {len(places)} places, {size / 1e6:.1f} MB")


def _varied(label: np.ndarray, purity: np.ndarray) -> list[int]:
    """The purest places of all classes in turn."""
    order = np.argsort(-purity, kind="stable")
    queues = [[int(k) for k in order if label[k] == kind] for kind in range(10)]
    turns = [queue[turn] for turn in range(PLACES) for queue in queues if turn < len(queue)]
    return sorted(turns[:PLACES])


if __name__ == "__main__":
    main()
