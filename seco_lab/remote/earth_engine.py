"""Windows of images that Google Earth Engine keeps: pixels instead of files, by ``getPixels``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seco_lab.remote.base import Traffic
from seco_lab.remote.cog import Opened
from seco_lab.remote.errors import DeniedError, GoneError, RemoteError, UnreachableError
from seco_lab.remote.tiff import TiffHeader

SCHEME = "earthengine://"
MOST_REQUESTS = 40  # that Earth Engine takes from one project at a time


def grid_of(band: Mapping[str, Any]) -> tuple[int, tuple[float, float, float, float], tuple[int, int]]:
    """EPSG code, (pixel width, left, pixel height, top) in metres, rows and columns of a described band."""
    grid = band["grid"]
    code, axes, size = grid["crsCode"].removeprefix("EPSG:"), grid["affineTransform"], grid["dimensions"]
    where = tuple(float(axes.get(name, 0)) for name in ("scaleX", "translateX", "scaleY", "translateY"))
    return int(code) if code.isdigit() else 0, where, (int(size["height"]), int(size["width"]))


class EarthEngineReader:
    """Reads windows as ``CogReader`` does; the description of an image is asked for once.

    Args:
        client: The module ``ee``, with someone logged in.
        most_requests: Requests at a time that are never exceeded.
    """

    def __init__(self, client: Any, most_requests: int = MOST_REQUESTS) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(min(most_requests, MOST_REQUESTS))
        self._images: dict[str, asyncio.Task[Mapping[str, Any]]] = {}

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def open(self, href: str, *, traffic: Traffic | None = None) -> Opened:
        """The grid of a band.

        Raises:
            RemoteError: The image cannot be had, or lacks the band.
        """
        image, name = href.removeprefix(SCHEME).rsplit("/", 1)
        if image not in self._images:
            asked = self._ask(partial(self._client.data.getAsset, image), href, traffic)
            self._images[image] = asyncio.ensure_future(asked)
        about = await asyncio.shield(self._images[image])
        band = next((band for band in about["bands"] if band["id"] == name), None)
        if band is None:
            raise GoneError(f"{href} has no band {name}")
        epsg, where, (rows, columns) = grid_of(band)
        none = np.empty(0, np.int64)
        form = {"tile": (rows, columns), "dtype": np.dtype("u2"), "compression": 1, "predictor": 1}
        form |= {"planar": False, "offsets": none, "counts": none, "tags": {}}
        header = TiffHeader(shape=(1, rows, columns), transform=where, epsg=epsg, source=href, **form)
        return Opened(header, str(about.get("updateTime", "")), int(about.get("sizeBytes", 0)))

    def forget(self, href: str) -> None:
        """Ask for the image anew next time."""
        self._images.pop(href.removeprefix(SCHEME).rsplit("/", 1)[0], None)

    async def read(
        self, href: str, top: int, left: int, height: int, width: int, *, traffic: Traffic | None = None
    ) -> NDArray:
        """Pixels of a window on the band's own grid, shape (1, height, width).

        Raises:
            RemoteError: They cannot be had.
        """
        header = (await self.open(href, traffic=traffic)).header
        image, name = href.removeprefix(SCHEME).rsplit("/", 1)
        a, x, e, y = header.transform
        axes = {"scaleX": a, "shearX": 0, "translateX": x + left * a}
        axes |= {"shearY": 0, "scaleY": e, "translateY": y + top * e}
        size = {"width": width, "height": height}
        grid = {"crsCode": f"EPSG:{header.epsg}", "affineTransform": axes, "dimensions": size}
        wish = {"assetId": image, "bandIds": [name], "fileFormat": "NUMPY_NDARRAY", "grid": grid}
        pixels = await self._ask(partial(self._client.data.getPixels, wish), href, traffic)
        return pixels[name][None]

    async def _ask(self, ask: Callable[[], Any], href: str, traffic: Traffic | None) -> Any:
        """One request; the client itself waits and repeats where Earth Engine wants fewer."""
        begun, count = perf_counter(), traffic or Traffic()
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, ask)
        except self._client.EEException as error:
            self.forget(href)
            raise _in_words(error, href) from error
        finally:
            count.requests += 1
            count.seconds += perf_counter() - begun
        count.bytes += getattr(answer, "nbytes", 0)
        return answer


def _in_words(error: Exception, href: str) -> RemoteError:
    text = " ".join(str(error).split())
    if "not found" in text.lower():
        return GoneError(f"{href} is not there ({text})")
    if any(word in text.lower() for word in ("permission", "not authorized", "credentials")):
        return DeniedError(f"{href} was refused ({text})")
    return UnreachableError(f"{href} could not be read ({text})")
