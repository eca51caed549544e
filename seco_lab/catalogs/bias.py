"""Whether the places given up differ from those kept: what a search quietly does to a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seco_lab.places.files import read_geoparquet

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

COLUMNS = ("places", "given_up", "share_given_up", "share_planned", "share_kept")


def given_up_by(places: pd.DataFrame, rejected: pd.DataFrame | Path, by: str = "continent") -> pd.DataFrame:
    """How many places of each group were given up, and what that does to the shares of the groups.

    A sample that was a fifth Africa is no longer one if half of Africa has no clear scene; whoever trains on
    it should know.

    Args:
        places: The plan's places, with a column ``name`` and one to group by.
        rejected: Places given up, with a column ``name``; of any step, or the file they stand in.
        by: Column of the plan: "continent", "stratum", "country".

    Returns:
        A row per group, the hardest hit first: places planned, given up, the share of the group given up, the
        share of the group in the plan and among the places kept.

    Raises:
        LookupError: The plan has no such column; the message lists those it has.
        ValueError: A place was given up that is not in the plan.
    """
    import pandas as pd

    table = rejected if isinstance(rejected, pd.DataFrame) else read_geoparquet(rejected)[0]
    if by not in places:
        raise LookupError(f"the plan has no column {by!r}; it has {', '.join(places.columns)}")
    strange = set(table["name"]) - set(places["name"])
    if strange:
        raise ValueError(
            f"{len(strange)} places were given up that are not in the plan, such as {min(strange)}"
        )
    gone = places["name"].isin(set(table["name"]))
    groups = gone.groupby(places[by].replace("", "none").fillna("none"))
    out = pd.DataFrame({"places": groups.size(), "given_up": groups.sum().astype(int)})
    kept = out["places"] - out["given_up"]
    out["share_given_up"] = out["given_up"] / out["places"]
    out["share_planned"] = out["places"] / out["places"].sum()
    out["share_kept"] = kept / max(1, kept.sum())
    return out.sort_values(["share_given_up", "places"], ascending=False)[list(COLUMNS)]
