"""Searches remembered on disk, so that one that was killed goes on and a second one asks nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seco_lab.catalogs.base import BBox, Catalog, Scene
from seco_lab.catalogs.geoparquet import join_scenes, read_scenes, save_scenes

_FORM = 1  # of the files; a change makes earlier searches void


class CachedSearch:
    """A catalogue's searches, each kept as a stac-geoparquet file named by the hash of its question.

    Args:
        catalog: Who is asked.
        folder: Where answers are kept; made with the first one.

    Attributes:
        asked: Searches that went to the catalogue.
        remembered: Searches answered from the folder.
    """

    def __init__(self, catalog: Catalog, folder: str | Path) -> None:
        self.catalog = catalog
        self.folder = Path(folder)
        self.asked = 0
        self.remembered = 0
        self._files: dict[Path, None] = {}

    def search(self, boxes: Iterable[BBox], start: np.datetime64, end: np.datetime64) -> list[Scene]:
        """Scenes of any of the boxes, each once.

        Raises:
            CatalogError: The catalogue gives no answer.
            OSError: The answer cannot be written.
        """
        found = [scene for bbox in boxes for scene in self._one(bbox, start, end)]
        return list({(scene.collection, scene.item_id): scene for scene in found}.values())

    def join(self, path: Path) -> int:
        """Writes all scenes of the searches so far into one table; returns how many there are."""
        return join_scenes(self._files, path)

    def _one(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> list[Scene]:
        file = self.folder / f"{self._key(bbox, start, end)}.parquet"
        self._files[file] = None
        if file.exists():
            self.remembered += 1
            return read_scenes(file)
        self.asked += 1
        scenes = self.catalog.search(bbox, start, end)
        save_scenes(scenes, file)
        return scenes

    def _key(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> str:
        times = [str(time.astype("datetime64[s]")) for time in (start, end)]
        return hashlib.sha256(repr((_FORM, self.catalog.name, bbox, *times)).encode()).hexdigest()[:24]
