"""A look at sub-spaces finds what was put into them, and changes nothing."""

import copy

import numpy as np
import pytest
import torch
from labelled import SPEC, plain_cube, tiny_encoder
from torch import nn

from seco_lab.downstream import SubspaceMonitor, spaces_of
from seco_lab.downstream.leakage import distance_of_places, distance_within, readable
from seco_lab.downstream.subspaces import changed_looks
from seco_lab.methods import GASSL, MoCo, SeCo, SimCLR, VICReg
from seco_lab.methods.seco import SUBSPACES
from seco_lab.views import Strength

PLACES, SEASONS = 48, 4


def coloured(seed=0):
    """Red is the place's own, green rises with the season, blue is noise: shape (P, T, 3, 20, 20)."""
    chance = np.random.default_rng(seed)
    pixels = chance.normal(0, 60, (PLACES, SEASONS, 3, 20, 20))
    pixels[:, :, 0] += chance.uniform(500, 3000, PLACES)[:, None, None, None]
    pixels[:, :, 1] += 600 + 700 * np.arange(SEASONS)[None, :, None, None]
    pixels[:, :, 2] += 1800
    return pixels.clip(1, 4000).astype(np.uint16)


def cube_of(pixels):
    cube = plain_cube(pixels)
    days = np.datetime64("2020-01-15") + np.array([0, 91, 182, 274]).astype("timedelta64[D]")
    lat = ("patch", np.linspace(30, 60, PLACES))
    return cube.assign_coords(
        time=(("patch", "season"), np.tile(days.astype("datetime64[ns]"), (PLACES, 1))), lat=lat
    )


class Means(nn.Module):
    """Mean of each band, and how sharp the image is: an encoder whose every number has a meaning."""

    num_features = 4

    def forward(self, images):
        sharp = images.diff(dim=3).abs().mean((1, 2, 3))
        return torch.cat([images.mean((2, 3)), 10 * sharp[:, None]], dim=1)


class Only(nn.Module):
    """A head that passes on some of the numbers, beside a constant."""

    def __init__(self, *columns):
        super().__init__()
        self.columns = list(columns)

    def forward(self, features):
        kept = torch.zeros_like(features)
        kept[:, self.columns] = features[:, self.columns]
        return torch.cat([kept, torch.ones(len(features), 1)], dim=1)


class Told(nn.Module):
    """Sub-spaces that obey: only red, red with sharpness, red with green."""

    def __init__(self):
        super().__init__()
        self.encoder = Means()
        names = dict(zip(SUBSPACES, (Only(0), Only(0, 3), Only(0, 1)), strict=True))
        self.heads = nn.ModuleDict(names)


@pytest.fixture(scope="module")
def monitor():
    return SubspaceMonitor(cube_of(coloured()), SPEC, device="cpu")


def test_finds_what_was_put_into_each_space(monitor):
    report = monitor(Told())
    assert list(report.spaces) == ["representation", *SUBSPACES]
    leak = {name: reading.season_leak for name, reading in report.spaces.items()}
    assert leak["augmentation"] > 0.5
    assert leak["representation"] > 0.3
    assert abs(leak["all"]) < 0.15
    assert abs(leak["season"]) < 0.15
    assert report.spaces["all"].season_shift < 0.02
    assert report.spaces["augmentation"].season_shift > 0.3
    looks = {name: reading.augmentation_leak for name, reading in report.spaces.items()}
    assert looks["season"] > looks["all"] + 0.05
    assert report.accuracy("augmentation", "season") == pytest.approx(0.25 + 0.75 * leak["augmentation"])


def test_numbers_have_names_that_a_dashboard_draws(monitor):
    from seco_lab.viz.bars import bars_of

    report = monitor(Told())
    numbers = report.floats()
    assert len(numbers) == 7 * 4
    assert numbers["season_leak_season"] == report.spaces["season"].season_leak
    assert [row["space"] for row in report.rows()] == list(report.spaces)
    assert len(bars_of(numbers)) == 4
    season = bars_of(numbers)[2]
    assert season["title"] == "Season that can be read"
    assert [bar["name"] for bar in season["bars"]] == list(report.spaces)
    assert "augmentation_shift" in str(report)


def test_a_look_changes_nothing():
    monitor = SubspaceMonitor(cube_of(coloured()), SPEC, images=64, device="cpu")
    method = SeCo(tiny_encoder(), dim=8, queue_size=4, steady=True).train()
    before, chance = copy.deepcopy(method.state_dict()), torch.get_rng_state()
    report = monitor(method)
    assert monitor(method) == report
    assert all(part.training for part in method.modules())
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)


def test_spaces_of_every_method():
    made = {
        "moco": MoCo(tiny_encoder(), dim=8, queue_size=4),
        "geo": GASSL(tiny_encoder(), torch.tensor([0, 1]), dim=8, queue_size=4),
        "simclr": SimCLR(tiny_encoder(), dim=8),
        "vicreg": VICReg(tiny_encoder(), dim=8),
    }
    for method in made.values():
        assert list(spaces_of(method)) == ["representation", "all"]
    seco = SeCo(tiny_encoder(), dim=8, queue_size=4)
    assert list(spaces_of(seco)) == ["representation", *SUBSPACES]
    assert all(spaces_of(seco)[name] is head for name, head in zip(SUBSPACES, seco.heads, strict=True))
    bare = nn.Module()
    bare.encoder = tiny_encoder()
    assert list(spaces_of(bare)) == ["representation"]


def test_a_method_with_one_head_has_nothing_to_complain_about(monitor):
    assert monitor(SimCLR(tiny_encoder(), dim=8)).complaints() == []


def test_a_probe_is_asked_about_other_places():
    """Every place has a number of its own that tells the class: useless where the place is new."""
    labels, parts = np.arange(200) % 2, np.arange(200) // 50
    features = torch.eye(200)
    assert readable(features, labels, parts) < 0.6
    assert readable(features + 0.5 * torch.from_numpy(labels)[:, None], labels, parts) > 0.95


def test_distances_agree_with_all_pairs():
    chance = torch.Generator().manual_seed(0)
    unit = torch.nn.functional.normalize(torch.randn(5, 3, 4, generator=chance), dim=2)
    within = [(unit[p, s] - unit[p, t]).square().sum() for p in range(5) for s in range(3) for t in range(s)]
    across = [
        (unit[p, s] - unit[q, t]).square().sum()
        for p in range(5)
        for q in range(p)
        for s in range(3)
        for t in range(3)
    ]
    assert distance_within(unit) == pytest.approx(float(torch.stack(within).mean()), rel=1e-5)
    assert distance_of_places(unit) == pytest.approx(float(torch.stack(across).mean()), rel=1e-5)


def test_looks_are_what_they_are_called():
    from seco_lab.views.geometry import Boxes
    from seco_lab.views.recipes import Studio

    studio, image = (
        Studio(SPEC, 20, Strength(), arithmetic=torch.float32),
        torch.from_numpy(coloured()[:2, 0]),
    )
    whole = Boxes(*(torch.full((2,), number) for number in (0, 0, 20, 20)))
    rows = torch.arange(2)
    plain = studio.crop(image, rows, whole)
    seen = {
        name: studio.change_then_crop(image, rows, whole, look)
        for name, look in changed_looks(2, Strength(), 1).items()
    }
    mean, std = 0.5, 0.29
    assert torch.allclose(seen["darker"] * std + mean, 0.6 * (plain * std + mean), atol=1e-3)
    assert (seen["brighter"] >= plain - 1e-4).all()
    assert torch.allclose(seen["grey"][:, 0], seen["grey"][:, 2])
    assert seen["blurred"].diff(dim=3).abs().mean() < 0.5 * plain.diff(dim=3).abs().mean()


def test_own_phases_take_the_place_of_the_calendar():
    phases = np.tile([0, 0, 7, 7], (PLACES, 1))
    monitor = SubspaceMonitor(cube_of(coloured()), SPEC, phases=phases, device="cpu")
    assert monitor.chances["season"] == 0.5
    assert monitor(Told()).spaces["augmentation"].season_leak > 0.9


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (lambda c: c.isel(season=[0]), {}, "two or more, the cube has 1; gather more"),
        (lambda c: c.isel(season=[0, 0]), {}, "all images are of one season"),
        (lambda c: c, {"phases": np.zeros((2, 2))}, r"whole numbers of shape \(48, 4\).*got float64"),
        (lambda c: c, {"folds": 1}, "folds must be 2 or more"),
        (lambda c: c.assign_coords(time=c["time"].where(c["season"] > 0)), {}, "48 of 192 dates are unknown"),
    ],
)
def test_what_cannot_be_read_is_refused(change, options, sentence):
    cube = cube_of(coloured())
    cube = change(cube.assign_coords(season=np.arange(4)))
    with pytest.raises(ValueError, match=sentence):
        SubspaceMonitor(cube.drop_vars("season"), SPEC, **options)
