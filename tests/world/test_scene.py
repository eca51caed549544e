import numpy as np
import pytest

from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.world.climate import days_of
from seco_lab.world.districts import Character, districts
from seco_lab.world.events import EventWindow
from seco_lab.world.frame import Frame, canvas
from seco_lab.world.landcover import COVER, LAND_COVER
from seco_lab.world.render import View, render
from seco_lab.world.scene import build_scene, buildings_on, cover_on
from seco_lab.world.truth import boxes_of, change_between, truth_on

FIRST, LAST = (int(day) for day in days_of(np.array(["2020-01-01", "2022-01-01"], "datetime64[D]")))


def _many(count, size=64, **options):
    """Scenes scattered over France and Germany."""
    chance = np.random.default_rng(4)
    for _ in range(count):
        x, y = int(chance.integers(20_000, 30_000)) * 20, int(chance.integers(250_000, 290_000)) * 20
        frame, top, left = canvas(0, 32631, x, y, size)
        yield build_scene(frame, **options), (top, left, size)


@pytest.fixture(scope="module")
def scenes():
    """A hundred patches of unchanging country and where they lie in their canvases."""
    return list(_many(100))


@pytest.fixture(scope="module")
def changing():
    """Forty patches of country whose every site changes."""
    return list(_many(40, window=EventWindow(FIRST, LAST, 1.0)))


def test_the_world_shows_every_land_cover(scenes):
    wide = Frame(0, 32631, 40_000, -520_000, 500)
    (character,) = districts([wide])
    assert len(character.present) >= 4
    codes = np.zeros(len(LAND_COVER), int)
    for scene, _ in scenes:
        codes += np.bincount(cover_on(scene, FIRST).ravel(), minlength=len(LAND_COVER))
    share = codes / codes.sum()
    for name in (
        "annual_crop",
        "forest",
        "herbaceous",
        "pasture",
        "permanent_crop",
        "residential",
        "industrial",
    ):
        assert share[COVER[name]] > 0.02, name
    assert share[COVER["highway"]] > 0.003
    assert share[COVER["river"]] > 0.005


def test_the_open_sea_is_water():
    scene = build_scene(canvas(0, 32606, 400_000, 2_000_000, 64)[0])
    assert set(scene.place.present) == {Character.WATER}
    assert (cover_on(scene, FIRST) == COVER["sea_lake"]).all()


def test_windows_that_overlap_show_the_same_land():
    whole = build_scene(Frame(0, 32631, 49_998, -530_004, 96))
    part = build_scene(Frame(0, 32631, 50_022, -529_980, 48))
    cut = (slice(24, 72), slice(24, 72))
    assert (cover_on(whole, FIRST)[cut] == cover_on(part, FIRST)).mean() > 0.999
    np.testing.assert_allclose(buildings_on(whole, FIRST)[cut], buildings_on(part, FIRST), atol=0.01)


def test_another_seed_is_another_world():
    one, other = (build_scene(Frame(seed, 32631, 50_022, -529_980, 48)) for seed in (0, 1))
    assert not np.array_equal(one.rows.key, other.rows.key)


def test_roads_and_rivers_name_a_patch_though_they_cover_little(scenes):
    named = {}
    for scene, window in scenes:
        truth = truth_on(scene, FIRST, window)
        named.setdefault(truth.dominant, []).append((truth.land_cover == truth.dominant).mean())
        assert truth.labels[truth.dominant] == 1
        assert truth.land_cover.shape == truth.buildings.shape == (64, 64)
    assert min(named[COVER["highway"]]) < 0.2
    assert len(named) >= 9


def test_buildings_stand_in_towns_and_their_boxes_hold_them(scenes):
    for scene, window in scenes:
        truth = truth_on(scene, FIRST, window)
        boxes = boxes_of(truth.buildings)
        inside = np.zeros_like(truth.buildings)
        for _, left, top, right, bottom in boxes.astype(int):
            inside[top:bottom, left:right] = True
        assert not (truth.buildings & ~inside).any()
        if truth.buildings.mean() > 0.05:
            assert (
                np.isin(truth.land_cover[truth.buildings], [COVER["residential"], COVER["industrial"]]).mean()
                > 0.9
            )
            break
    else:
        pytest.fail("no town among 100 patches")


def test_changes_show_in_the_mask_and_in_the_pixels(changing):
    bands = SENTINEL2_L2A.rgb
    found = set()
    summer = int(days_of(np.datetime64("2019-07-01"))), int(days_of(np.datetime64("2023-07-01")))
    for scene, patch in changing[:25]:
        mask = change_between(scene, *summer, patch)
        found |= set(np.unique(mask))
        if 0.05 < (mask > 0).mean() < 0.6 and (mask == 1).any():
            view = View(SENTINEL2_L2A, bands, patch, clouds=False)
            before, after = render(scene, np.array(summer), view)[0].astype(float)
            changed = np.abs(after - before).mean(0)
            assert np.median(changed[mask == 1]) > np.median(changed[mask == 0])
    assert {0, 1, 2} <= found


def test_patches_that_overlap_flood_on_the_same_days():
    """The window's middle lies on either side of a line between two regions that flood at their own times."""
    west, east = (
        build_scene(Frame(0, 32631, column, -530_426, 76), EventWindow(FIRST, LAST, 0.6))
        for column in (49_936, 49_966)
    )
    days = {
        paint.layer.since for scene in (west, east) for paint in scene.paints if paint.layer.until < 10**8
    }
    assert len(days) == 2
    for day in days:
        seen = [cover_on(west, day)[:, 30:], cover_on(east, day)[:, :46]]
        assert (seen[0] == seen[1]).mean() > 0.999
        assert (seen[0] == COVER["river"]).any()


def test_floods_come_and_go(changing):
    wet = []
    for scene, patch in changing:
        for paint in scene.paints:
            if paint.layer.until < 10**8:
                day, (top, left, size) = paint.layer.since, patch
                here = np.zeros(scene.cover.shape, bool)
                here.flat[paint.pixel] = True
                here = here[top : top + size, left : left + size]  # another region may flood at another time
                masks = [
                    change_between(scene, FIRST - 1, d, patch) for d in (day - 1, day + 1, paint.layer.until)
                ]
                wet.append([(mask[here] == 3).any() for mask in masks])
    assert [False, True, False] in wet
    assert all(not before and not after for before, _, after in wet)
