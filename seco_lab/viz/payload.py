"""A scene as JSON for a page without Python: everything that the explorer would ask a kernel for."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from seco_lab.explore.label_files import LABELS_MARK
from seco_lab.viz import colours
from seco_lab.viz.basemap import largest_cities, packed_land
from seco_lab.viz.packing import pack_mercator, pack_plane
from seco_lab.viz.painting import CLUSTERS, LEARNED, LIKE, UNCERTAINTY
from seco_lab.viz.scene import PCA, SIMILARITY, SPREAD, Scene, fact_text
from seco_lab.viz.selecting import as_numbers, column_info

VECTOR_BYTES = 24_000_000  # what all vectors together may weigh; beyond, fewer principal axes are kept
MAX_DIMS = 256
NO_DAY = np.iinfo(np.int32).min


def scene_payload(scene: Scene, *, space: str, neighbours: int = 6, height_px: int = 400) -> dict[str, Any]:
    """What ``web/static_model.js`` needs to show a scene, ready for ``json.dumps``.

    Vectors are rotated to at most 256 principal axes and rounded to 8 bits: cosines differ from the exact
    ones by less than 0.01.

    Args:
        scene: Embeddings and pictures.
        space: The embedding space shown first.
        neighbours: How many nearest neighbours a click shows.
        height_px: Height of map and plane.
    """
    table = scene.table
    painted = {name: scene.colours(name, space, 0) for name in table.columns}
    lonlat = [[None if np.isnan(v) else round(float(v), 5) for v in column] for column in table.lonlat.T]
    plain = [name for name in scene.colour_options if name not in table.columns]
    return {
        "count": table.count,
        "space": space,
        "names": table.names.astype(str).tolist(),
        "season_labels": table.season_labels(),
        "colour_options": [*plain, LIKE, CLUSTERS, LEARNED, UNCERTAINTY, *table.columns],
        "made": {"clusters": CLUSTERS, "learned": LEARNED, "uncertainty": UNCERTAINTY},
        "labels_mark": LABELS_MARK,
        "many_colours": colours.class_palette(40),
        "similarity": SIMILARITY,
        "like": LIKE,
        "palette": list(colours.OKABE_ITO),
        "problems": list(scene.problems),
        "cities": [list(city) for city in largest_cities()],
        "height": height_px,
        "neighbours": neighbours,
        "tile_px": scene.tile_px,
        "lon": lonlat[0],
        "lat": lonlat[1],
        "facts": [[name, [fact_text(value) for value in values]] for name, values in table.columns.items()],
        "column_info": [_column(about, table.columns[about["name"]]) for about in column_info(table.columns)],
        "strips": [scene.strip(i) for i in range(table.count)],
        "ndvi": [scene.ndvi(i) for i in range(table.count)],
        "ramp_colours": [colours.hex_of(c) for c in colours.colour_map()[::15]],
        "tints": {name: _text(rgb) for name, (rgb, _) in painted.items()},
        "legends": {name: legend for name, (_, legend) in painted.items()},
        "spaces": {name: _space(scene, name, len(table.spaces)) for name in table.spaces},
        "days": _text(_days(table.times)),
        "ramp": _text(colours.colour_map()),
        "mercator": _text(pack_mercator(table.lonlat)),
        "land": _text(packed_land()),
    }


def _space(scene: Scene, name: str, spaces: int) -> dict[str, Any]:
    """One embedding space: planes and vectors of all seasons, season by season, and its colours."""
    table = scene.table
    vectors = quantised_vectors(table.spaces[name].unit(), most_bytes=VECTOR_BYTES // spaces)
    plane = scene.plane(name)
    by_season = [scene.colours(PCA, name, season) for season in range(table.seasons)]
    pairs = {PCA: (np.stack([rgb for rgb, _ in by_season]), by_season[0][1])}
    if SPREAD in scene.colour_options:
        pairs[SPREAD] = scene.colours(SPREAD, name, 0)
    return {
        "dims": vectors.shape[-1],
        "vectors": _text(np.swapaxes(vectors, 0, 1)),
        "planes": _text(b"".join(pack_plane(plane[:, t]) for t in range(table.seasons))),
        "tints": {by: _text(rgb) for by, (rgb, _) in pairs.items()},
        "legends": {by: legend for by, (_, legend) in pairs.items()},
        "note": scene.season_note(name),
    }


def _column(about: dict[str, Any], values: np.ndarray) -> dict[str, Any]:
    """What a filter needs of a column: numbers as float32, classes as their numbers."""
    if "names" in about:
        return {
            **about,
            "values": _text(np.searchsorted(about["names"], values.astype(str)).astype(np.uint8)),
        }
    return {**about, "values": _text(as_numbers(values).astype("<f4"))}


def quantised_vectors(rows: np.ndarray, *, most_bytes: int = VECTOR_BYTES) -> np.ndarray:
    """Unit vectors (P, T, D) as int8 (P, T, d), d at most 256; zero where there is no embedding.

    Rotated to their principal axes through the origin, which keeps inner products, and cut off there.
    """
    flat = rows.reshape(-1, rows.shape[-1])
    good = np.isfinite(flat).all(-1)
    dims = int(min(flat.shape[1], MAX_DIMS, max(8, most_bytes // max(len(flat), 1))))
    kept = flat[good]
    if dims < flat.shape[1] and len(kept):
        sample = kept[:: max(1, len(kept) // 50_000)].astype(np.float64)
        _, axes = np.linalg.eigh(sample.T @ sample)
        kept = kept @ axes[:, ::-1][:, :dims].astype(np.float32)
    packed = np.zeros((len(flat), dims), np.int8)
    peak = np.abs(kept).max(-1, keepdims=True) if len(kept) else np.ones((0, 1))
    packed[good] = np.round(kept[:, :dims] / np.maximum(peak, 1e-9) * 127)
    return packed.reshape(*rows.shape[:2], dims)


def _days(times: np.ndarray) -> np.ndarray:
    """Dates as int32 days since 1970, the smallest int32 where unknown."""
    days = times.astype("datetime64[D]").astype(np.int64)
    return np.where(np.isnat(times), NO_DAY, days).astype("<i4")


def _text(data: np.ndarray | bytes) -> str:
    """Bytes as base64."""
    raw = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
    return base64.b64encode(raw).decode()
