"""Catalogues that are files: a folder of STAC items, or one stac-geoparquet table; no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from seco_lab.catalogs.base import BBox, Scene
from seco_lab.catalogs.geoparquet import items_in_parquet, read_scenes
from seco_lab.catalogs.items import NotASceneError, scene_of
from seco_lab.remote.base import Unsigned


class LocalCatalog(Unsigned):
    """Scenes in memory, searched like an archive; their files are read where their hrefs point.

    Args:
        name: What the catalogue is called in tables and messages.
        scenes: All of them.
    """

    def __init__(self, name: str, scenes: Sequence[Scene]) -> None:
        self.name = name
        self._scenes = np.array([*scenes, None], object)[:-1]
        self._time = np.array([scene.time for scene in scenes], "datetime64[ms]")
        self._tree = shapely.STRtree([scene.footprint for scene in scenes])

    def __len__(self) -> int:
        return len(self._scenes)

    def __repr__(self) -> str:
        return f"LocalCatalog({self.name!r}, {len(self)} scenes)"

    def search(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> list[Scene]:
        """All scenes that meet the box in that time, in order of time."""
        west, south, east, north = bbox
        # Outlines across the antimeridian may be written with longitudes beyond 180.
        boxes = [shapely.box(west + turn, south, east + turn, north) for turn in (-360, 0, 360)]
        found = np.unique(self._tree.query(boxes, predicate="intersects")[1])
        inside = (self._time[found] >= start) & (self._time[found] <= end)
        found = found[inside]
        return list(self._scenes[found[np.argsort(self._time[found], kind="stable")]])


def open_catalog(path: str | Path) -> LocalCatalog:
    """The scenes of a folder of STAC JSON (items, item collections, a static catalogue) or of one file.

    Args:
        path: Folder, ``.json``, ``.geojson``, or ``.parquet`` (stac-geoparquet).

    Raises:
        FileNotFoundError: There is nothing at the path.
        ValueError: It holds no Sentinel-2 scene; the message says what it holds.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no catalogue at {path}: give a folder of STAC items or a .parquet file")
    if path.suffix == ".parquet":
        return LocalCatalog(str(path), _scenes_in(path))
    return LocalCatalog(str(path), scenes_of(_items_below(path), str(path)))


def _scenes_in(path: Path) -> list[Scene]:
    """Of a table of this toolkit's own, or of any other with STAC items."""
    try:
        return read_scenes(path)
    except ValueError:
        return scenes_of(items_in_parquet(path), str(path))


def scenes_of(items: Iterable[tuple[Mapping[str, Any], str]], where: str) -> list[Scene]:
    """The Sentinel-2 scenes among items, each item name once.

    Args:
        items: Items and the address of each, for relative hrefs.
        where: What is read, for the message.

    Raises:
        ValueError: There is none; the message tells why the first item is none.
    """
    scenes: dict[tuple[str, str], Scene] = {}
    refused: list[str] = []
    for item, base in items:
        try:
            scene = scene_of(item, base=base)
        except NotASceneError as error:
            refused.append(str(error))
        else:
            scenes.setdefault((scene.collection, scene.item_id), scene)
    if not scenes:
        why = f": {refused[0]}" if refused else ": it holds no STAC item at all"
        raise ValueError(f"{where} has no Sentinel-2 L2A scene among its {len(refused)} items{why}")
    return list(scenes.values())


def _items_below(path: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Items of all JSON files; catalogues and collections among them only point to items."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in _ENDINGS)
    for file in files:
        content = _json(file)
        for item in content.get("features") or [content]:
            if item.get("type") == "Feature" and "assets" in item:
                yield item, str(file.resolve())


_ENDINGS = (".json", ".geojson")


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file} is no JSON: {error}; repair it or move it out of the folder") from error
    return content if isinstance(content, dict) else {}
