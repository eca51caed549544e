"""Patches a second that the simulated world draws on one core.

Run ``python bench/simulated.py [--json FILE] [--patches 60]``. One thread, CPU seconds of this process: other
work on the machine counts less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

WANTED = 50.0  # patches of 64 px, 5 seasons and 12 bands, a second and core


def _seconds(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(patches: int, repeats: int = 5) -> list[dict]:
    import numpy as np

    from seco_lab.places import AroundCities, plan_places
    from seco_lab.sources.simulated import SimulatedSource

    places = plan_places(patches * (repeats + 1), AroundCities(std_km=50), seed=0).place_list()
    groups = [places[start : start + patches] for start in range(0, len(places), patches)]
    dates = np.arange("2023-02-01", "2024-02-01", 73, dtype="datetime64[D]")[:5]
    source = SimulatedSource(seed=0)
    cases = {
        "64 px, 5 seasons, 12 bands": (64, dates, "all"),
        "64 px, 5 seasons, RGB": (64, dates, "rgb"),
        "264 px, 5 seasons, 12 bands": (264, dates, "all"),
        "truth only, 64 px": (64, dates[:1], None),
    }
    rows = []
    for name, (size_px, days, bands) in cases.items():
        count = patches if size_px < 200 else max(2, patches // 12)

        def work(group, days=days, size_px=size_px, bands=bands, count=count):
            some = group[:count]
            source.truth(some, days, size_px) if bands is None else source.load(some, days, size_px, bands)

        work(groups[0])
        # Each time other places, as what was prepared for one would be at hand when it is drawn again.
        taken = statistics.median(_seconds(partial(work, group)) for group in groups[1:])
        rows.append({"case": name, "patches/s and core": round(count / taken, 1)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--patches", type=int, default=60)
    args = parser.parse_args()
    rows = measure(args.patches)
    for row in rows:
        print(f"{row['case']:32s} {row['patches/s and core']:8.1f} patches/s and core")
    ratio = rows[0]["patches/s and core"] / WANTED
    print(f"{ratio:.2f} times the {WANTED:.0f} wanted")
    if args.json:
        report = {"name": "simulated", "rows": rows, "ratio": ratio, "command": "python bench/simulated.py"}
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
