import numpy as np
import pytest

from seco_lab.catalogs import ladder
from seco_lab.catalogs.ladder import ranked

DATES = np.array(["2024-07-01", "2024-04-01", "2024-01-01"], "datetime64[D]")


def rungs(*scenes, season=0, dates=DATES, limit=9, **options):
    """Names of the steps that gave each scene (date, cloud), in order."""
    time = np.array([np.datetime64(date, "ms") for date, _ in scenes])
    cloud = np.array([cloud for _, cloud in scenes], float)
    found = ranked(time, cloud, dates, season, ladder(**options), limit)
    return [(scenes[i][0], step) for i, step in found]


def test_nearest_window_first_then_wider_then_other_years_then_cloudier():
    scenes = [
        ("2024-06-28", 50), ("2023-07-05", 5), ("2024-07-25", 5), ("2024-07-12", 5), ("2024-07-05", 5),
        ("2025-06-20", 5), ("2024-08-15", 0),
    ]  # fmt: skip
    assert rungs(*scenes) == [
        ("2024-07-05", "+-7.5 d"),
        ("2024-07-12", "+-15 d"),
        ("2024-07-25", "+-30 d"),
        ("2023-07-05", "+-1 year"),
        ("2025-06-20", "+-1 year"),
        ("2024-06-28", "cloudier"),
    ]


def test_clear_classes_before_nearness():
    scenes = [("2024-07-01", 15), ("2024-07-03", 8), ("2024-07-02", 2), ("2024-07-06", 0)]
    assert [date for date, _ in rungs(*scenes)] == ["2024-07-02", "2024-07-03", "2024-07-06", "2024-07-01"]


def test_limits():
    assert rungs(("2024-07-01", 60.1)) == []
    assert rungs(("2024-07-01", 60.0)) == [("2024-07-01", "cloudier")]
    assert rungs(("2024-07-08T12:00", 1)) == [("2024-07-08T12:00", "+-7.5 d")]
    assert rungs(("2024-07-08T12:01", 1)) == [("2024-07-08T12:01", "+-15 d")]
    assert len(rungs(*[(f"2024-07-0{i}", 0) for i in range(1, 8)], limit=3)) == 3


def test_unknown_cloud_comes_last_but_comes():
    assert rungs(("2024-07-01", np.nan), ("2024-07-20", 10)) == [
        ("2024-07-20", "+-30 d"),
        ("2024-07-01", "cloudier"),
    ]


def test_a_scene_serves_one_season():
    close = np.array(["2024-07-01", "2024-06-01"], "datetime64[D]")
    scenes = [("2024-06-20", 0), ("2024-06-10", 0)]
    assert rungs(*scenes, dates=close) == [("2024-06-20", "+-15 d")]
    assert rungs(*scenes, dates=close, season=1) == [("2024-06-10", "+-15 d")]
    pairs = np.array(["2024-07-01", "2023-07-01"], "datetime64[D]")
    assert rungs(("2023-07-03", 0), dates=pairs) == []


def test_percentages_are_checked():
    with pytest.raises(ValueError, match="max_cloud <= cloudier, got 70 and 60"):
        ladder(max_cloud=70)
