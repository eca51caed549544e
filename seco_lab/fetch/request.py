"""What is asked of a cube: whether another call goes on with it, makes it longer, or wants another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from seco_lab.catalogs import TaskList
from seco_lab.catalogs.tasks import tasks_hash
from seco_lab.fetch.jobs import Wanted

if TYPE_CHECKING:
    from pandas import DataFrame

REQUEST = "fetch"  # attribute of the cube
_GROWING = {"plan_hash", "dates_hash", "tasks_hash", "places", "places_with_scenes"}


def request_of(tasks: TaskList, wanted: Wanted) -> dict[str, Any]:
    """What must be the same for two runs to work at one cube; a longer plan may add places at the end."""
    return {
        "places": tasks.with_scenes + len(tasks.rejected),
        "size_px": wanted.size_px,
        "bands": list(wanted.bands),
        "max_cloud": wanted.max_cloud,
        "max_nodata_share": wanted.max_nodata_share,
        **{key: tasks.about.get(key) for key in ("catalog", "plan_hash", "dates_hash")},
        "tasks_hash": tasks.hash,  # after what is easier to tell apart
        "places_with_scenes": tasks.with_scenes,
    }


def check_goes_on(before: Mapping[str, Any], now: Mapping[str, Any], tasks: TaskList, out: Path) -> None:
    """Refuses a request that is neither that of before nor the same with further places behind it.

    Raises:
        ValueError: Another plan, other scenes or options.
    """
    differ = [key for key, value in now.items() if key in before and before[key] != value]
    longer = now["places"] > before.get("places", now["places"])
    if not differ or (longer and set(differ) <= _GROWING and _begins_with(tasks, before)):
        return
    key = next((key for key in differ if not longer or key not in _GROWING), None)
    if key is None:
        raise ValueError(
            f"{out} was begun with a plan of {before['places']} places, and this one of {now['places']} does "
            "not begin with those and their scenes; choose another name, or ask for the same"
        )
    raise ValueError(
        f"{out} was begun with {key.replace('_', ' ')} {before[key]}, now it is {now[key]}; choose another "
        "name, or ask for the same"
    )


def _begins_with(tasks: TaskList, before: Mapping[str, Any]) -> bool:
    """Whether the first places are those of an earlier request, with the same candidates in order."""
    return tasks_hash(_first(tasks, before["places_with_scenes"])) == before["tasks_hash"]


def _first(tasks: TaskList, places: int) -> Iterator[DataFrame]:
    """The rows of the first places."""
    for part in tasks.parts():
        numbers, names = pd.factorize(part["patch"])
        yield part[numbers < places]
        places -= len(names)
        if places <= 0:
            return
