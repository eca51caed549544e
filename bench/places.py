"""How long a plan of 200,000 places takes, how much memory, and how far apart its places are."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

COMMAND = "python bench/places.py"
SAMPLERS = ("cities", "population", "land", "continents", "climates", "grid")


def plan_once(sampler: str, n: int) -> dict:
    """One plan in this process, imports and reading of the packaged data included in the time."""
    started = time.perf_counter()
    from scipy.spatial import cKDTree

    from seco_lab.places import EARTH_RADIUS_KM, plan_places, sampler_named, unit_vectors

    try:
        plan = plan_places(n, sampler_named(sampler, places=n))
    except ValueError as error:
        return {"sampler": sampler, "places": 0, "remark": str(error)}
    seconds, cpu = time.perf_counter() - started, time.process_time()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    points = unit_vectors(plan.places["lon"], plan.places["lat"])
    chord = cKDTree(points).query(points, k=2)[0][:, 1].min()
    why = plan.rejected["why"].value_counts()
    return {
        "sampler": sampler,
        "places": len(plan),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_mb": round(memory_mb),
        "nearest_km": round(float(2 * EARTH_RADIUS_KM * np.arcsin(chord / 2)), 3),
        "refused_sea": int(why.get("sea", 0)),
        "refused_overlap": int(why.get("overlap", 0)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=200_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", choices=SAMPLERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(plan_once(options.one, options.places)))
        return
    rows = []
    for sampler in SAMPLERS:  # a process each, so that peak memory and first-use costs are its own
        command = [sys.executable, __file__, "--one", sampler, "--places", str(options.places)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    worst = max(row.get("seconds", 0.0) for row in rows)
    target = f"the slowest sampler in at most 10 s (here {worst:.1f})"
    if options.json:
        body = {"name": "Choosing places", "rows": rows, "target": target, "command": COMMAND}
        options.json.write_text(json.dumps(body, indent=1))


if __name__ == "__main__":
    main()
