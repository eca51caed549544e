"""Catalogues behind a STAC API, searched with pystac-client: Earth Search, and any with public files."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from seco_lab.catalogs.base import BBox, CatalogError, Scene
from seco_lab.catalogs.local import scenes_of
from seco_lab.remote.base import Unsigned

if TYPE_CHECKING:
    from pystac_client import Client

PAGE = 100  # items of Earth Search weigh 40 kB, and its answers may not weigh more than 6 MB
_STALE_PAGES = 3


class StacApi(Unsigned):
    """A STAC API with a Sentinel-2 L2A collection.

    Args:
        url: Landing page of the API.
        collection: Name of the collection.
        name: What the catalogue is called in tables; the url and collection where it is not given.
        timeout_s: Seconds to connect, and seconds without a byte.
        wait_s: Scale of the waits between tries.

    Raises:
        ImportError: pystac-client is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        collection: str = "sentinel-2-l2a",
        name: str | None = None,
        timeout_s: tuple[float, float] = (5.0, 30.0),
        wait_s: float = 0.5,
    ) -> None:
        if importlib.util.find_spec("pystac_client") is None:
            raise ImportError("searching an archive needs pystac-client: pip install 'seco-lab[stac]'")
        self.url = url
        self.collection = collection
        self.name = name or f"{url} {collection}"
        self._timeout_s = timeout_s
        self._wait_s = wait_s

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, collection={self.collection!r})"

    def __getstate__(self) -> dict[str, object]:
        """All but the open connection: a worker in another process opens its own."""
        return {name: value for name, value in vars(self).items() if name != "_client"}

    def search(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> list[Scene]:
        """All scenes that meet the box in that time, from page after page."""
        items = [(item, "") for item in self._items(bbox, start, end)]
        try:
            return scenes_of(items, self.name) if items else []
        except ValueError as error:
            raise CatalogError(str(error)) from error

    @cached_property
    def _client(self) -> Client:
        """The opened API, seen to have the collection."""
        from pystac_client import Client
        from pystac_client.exceptions import APIError

        from seco_lab.catalogs.patient import PatientIO

        transport = PatientIO(timeout_s=self._timeout_s, wait_s=self._wait_s)
        try:
            # Without it here, open() takes the time-out off the transport again.
            client = Client.open(self.url, stac_io=transport, timeout=self._timeout_s)
        except (APIError, KeyError) as error:
            raise CatalogError(f"there is no STAC API at {self.url}") from error
        if client.get_collection(self.collection) is None:
            names = ", ".join(sorted(c.id for c in client.get_collections())) or "none"
            raise CatalogError(f"{self.url} has no collection {self.collection!r}; it has {names}")
        return client

    def _items(self, bbox: BBox, start: np.datetime64, end: np.datetime64) -> Iterator[dict[str, Any]]:
        """Each item once, whatever the pages repeat."""
        period = "/".join(f"{time.astype('datetime64[s]')}Z" for time in (start, end))
        found = self._client.search(collections=[self.collection], bbox=bbox, datetime=period, limit=PAGE)
        seen: set[str] = set()
        stale = 0
        for page in found.pages_as_dicts():
            fresh = {item["id"]: item for item in page["features"] if item["id"] not in seen}
            stale = 0 if fresh else stale + 1
            if stale == _STALE_PAGES:
                raise CatalogError(f"{self.name} repeats the same page without end; search a smaller area")
            seen |= fresh.keys()
            yield from fresh.values()


def earth_search(*, collection: str = "sentinel-2-l2a") -> StacApi:
    """Element 84's Earth Search on AWS: public files, no account."""
    return StacApi(
        "https://earth-search.aws.element84.com/v1", collection=collection, name=f"earth-search {collection}"
    )
