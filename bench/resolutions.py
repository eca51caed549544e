"""Bands of 20 and 60 m on the 10 m grid, or one array per resolution: bytes and read speed on real pixels.

Pixels are the change-detection pairs of the real data (10, 20 and 60 m files as delivered, L1C).
Run: python bench/resolutions.py --data FOLDER [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import zarr
from zarr.codecs import BloscCodec, ZstdCodec

SIZE_PX, SEASONS, LOCATIONS, BATCH = 264, 2, 96, 16
SCALES = {"10m": 1, "20m": 2, "60m": 6}
SHUFFLED = BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=2)


def real_crops(root: Path) -> dict[str, np.ndarray]:
    """Windows of 264 px of all cities and both dates, (places, 2, bands, h, w) per resolution; no B10."""
    crops: dict[str, list[np.ndarray]] = {name: [] for name in SCALES}
    for city in sorted(p for p in root.iterdir() if p.is_dir()):
        dates = [{name: _read(city, date, name) for name in SCALES} for date in (1, 2)]
        sides = {name: SIZE_PX // scale for name, scale in SCALES.items()}
        height = min(d[name].shape[1] // side for d in dates for name, side in sides.items())
        width = min(d[name].shape[2] // side for d in dates for name, side in sides.items())
        for row in range(height):
            for column in range(width):
                for name, side in sides.items():
                    window = np.s_[:, row * side : (row + 1) * side, column * side : (column + 1) * side]
                    crops[name].append(np.stack([d[name][window] for d in dates]))
    return {name: np.stack(values) for name, values in crops.items()}


def _read(city: Path, date: int, name: str) -> np.ndarray:
    with rasterio.open(city / f"{city.name}_date{date}_{name}.tif") as file:
        return file.read()[:2] if name == "60m" else file.read()


def on_grid(bands: dict[str, np.ndarray]) -> np.ndarray:
    """All twelve bands at 10 m, each coarse pixel repeated."""
    return np.concatenate(
        [bands[n].repeat(scale, axis=-1).repeat(scale, axis=-2) for n, scale in SCALES.items()], axis=2
    )


def stored_bytes(folder: Path, name: str, pixels: np.ndarray, compressor: object | None) -> int:
    """Bytes of a Zarr array with one patch per chunk."""
    array = zarr.create_array(
        folder / name, shape=pixels.shape, dtype=pixels.dtype, chunks=(1, *pixels.shape[1:]),
        compressors=compressor,
    )  # fmt: skip
    array[...] = pixels
    return sum(file.stat().st_size for file in (folder / name / "c").rglob("*") if file.is_file())


def rates(read, rng: np.random.Generator, rounds: int = 7) -> list[float]:
    """Locations a second of ``rounds`` rounds of 20 batches."""
    values = []
    for _ in range(rounds):
        batches = [rng.integers(0, LOCATIONS, BATCH) for _ in range(20)]
        start = time.perf_counter()
        for rows in batches:
            read(rows)
        values.append(20 * BATCH / (time.perf_counter() - start))
    return values


def readers(folder: Path, grid: np.ndarray, bands: dict[str, np.ndarray]) -> dict:
    """Ways to fill a buffer of a batch from memory-mapped files."""
    maps = {}
    for name, array in {"grid": grid, **bands}.items():
        np.save(folder / f"{name}.npy", np.resize(array, (LOCATIONS, *array.shape[1:])))
        maps[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    out = np.empty((BATCH, *grid.shape[1:]), grid.dtype)
    rgb = np.empty((BATCH, SEASONS, 3, SIZE_PX, SIZE_PX), grid.dtype)
    native = {name: np.empty((BATCH, *array.shape[1:]), array.dtype) for name, array in bands.items()}
    ends = np.cumsum([0] + [array.shape[2] for array in bands.values()])

    def read_rgb(source: np.ndarray, rows: np.ndarray) -> None:
        for i, row in enumerate(rows):
            rgb[i] = source[row, :, 2::-1]

    def read_grid(rows: np.ndarray) -> None:
        for i, row in enumerate(rows):
            out[i] = maps["grid"][row]

    def read_native(rows: np.ndarray) -> None:
        for name, buffer in native.items():
            for i, row in enumerate(rows):
                buffer[i] = maps[name][row]

    def read_repeated(rows: np.ndarray) -> None:
        for (name, scale), begin, end in zip(SCALES.items(), ends, ends[1:], strict=False):
            for i, row in enumerate(rows):
                source = maps[name][row]
                for y in range(scale):
                    for x in range(scale):
                        out[i, :, begin:end, y::scale, x::scale] = source

    return {
        ("RGB", "10 m grid"): lambda rows: read_rgb(maps["grid"], rows),
        ("RGB", "one array per resolution"): lambda rows: read_rgb(maps["10m"], rows),
        ("12 bands at 10 m", "10 m grid"): read_grid,
        ("12 bands at 10 m", "one array per resolution"): read_repeated,
        ("12 bands, native", "one array per resolution"): read_native,
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    bands = real_crops(options.data / "oscd_change_pairs")
    grid, rows = on_grid(bands), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, codec in {"raw": None, "zstd": ZstdCodec(level=3), "zstd+bitshuffle": SHUFFLED}.items():
            one = stored_bytes(folder, f"grid {label}", grid, codec)
            apart = sum(stored_bytes(folder, f"{n} {label}", array, codec) for n, array in bands.items())
            rows.append({"what": f"MiB, {label}", "10 m grid": one / 2**20, "apart": apart / 2**20})
        rng, measured = np.random.default_rng(0), {}
        for _ in range(2):
            for key, read in readers(folder, grid, bands).items():
                measured.setdefault(key, []).extend(rates(read, rng))
    for what in ("RGB", "12 bands at 10 m", "12 bands, native"):
        pair = [measured.get((what, how)) for how in ("10 m grid", "one array per resolution")]
        values = [float(np.median(v)) if v else float("nan") for v in pair]
        rows.append({"what": f"locations/s, {what}", "10 m grid": values[0], "apart": values[1]})
    print(f"{len(grid)} places of 264 px x 2 dates x 12 bands; apart = one array per resolution")
    for row in rows:
        ratio = row["10 m grid"] / row["apart"]
        print(f"{row['what']:<32}{row['10 m grid']:>10,.1f}{row['apart']:>10,.1f}   ratio {ratio:.2f}")
    if options.json:
        result = {"name": "resolutions", "rows": rows, "ratio": rows[0]["10 m grid"] / rows[0]["apart"]}
        options.json.write_text(json.dumps(result | {"command": "python bench/resolutions.py"}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
