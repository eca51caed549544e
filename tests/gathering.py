"""A tiny source of imagery for tests; run as a script it gathers slowly, in processes that can be killed."""

import time

import numpy as np
from forks import serve

from seco_lab.cube import make_cube
from seco_lab.gather import gather
from seco_lab.places import AroundCities, plan_places
from seco_lab.seasons import random_phase
from seco_lab.sensors import SENTINEL2_L2A


class TinySource:
    """Pixels that follow from name, date and band; places in `missing` have none, in `holed` only zeros."""

    sensor = SENTINEL2_L2A

    def __init__(self, missing=(), holed=(), seconds=0.0, before=None):
        self.missing, self.holed, self.seconds, self.loaded = set(missing), set(holed), seconds, []
        self.before = before

    def load(self, places, dates, size_px, bands="all"):
        if self.before:
            self.before(self)
        for place in places:
            if place.name in self.missing:
                raise LookupError(f"no scene of {place.name}\nbetween the dates")
        time.sleep(self.seconds)
        self.loaded += [place.name for place in places]
        names = self.sensor.subset(bands)
        days = dates.astype("datetime64[D]").astype(int)
        base = np.array([abs(hash((p.lon, p.lat))) % 1000 for p in places])
        pixels = (base[:, None] + days % 1000)[:, :, None] + np.arange(1, len(names) + 1)
        pixels = np.broadcast_to(pixels[..., None, None], (*pixels.shape, size_px, size_px)).astype(np.uint16)
        for row, place in enumerate(places):
            if place.name in self.holed:
                pixels[row] = 0
        return make_cube(
            pixels,
            patch=[p.name for p in places],
            time=dates,
            lon=[p.lon for p in places],
            lat=[p.lat for p in places],
            sensor=self.sensor,
            bands=names,
        )


def small_plan(n=40):
    plan = plan_places(n, AroundCities(), seed=7)
    return plan, random_phase(plan.place_list(), seed=7, seasons=2)


if __name__ == "__main__":
    plan, dates = small_plan()
    how = {"size_px": 8, "batch": 3, "progress": False}
    serve(lambda out: gather(plan, TinySource(seconds=0.05), dates, out, **how))
