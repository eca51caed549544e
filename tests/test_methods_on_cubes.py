"""CACo and SeCo-Eco from a cube to a trained step: dates picked, views made, stopped and continued."""

import numpy as np
import pytest
import torch
from training import same_state

from seco_lab import places, seasons
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.methods import CACo, SeCoEco
from seco_lab.nn.encoders import resnet18
from seco_lab.sources import SimulatedSource
from seco_lab.train import PretrainingRun, TrainConfig
from seco_lab.views import ChangeViews, PhaseSeasons, PickedSeasons, SeasonalViews, YearsApart, phase_starts

PATCHES = 8


@pytest.fixture(scope="module")
def cube():
    """Eight places, three dates of a year and the same days four years before."""
    chosen = places.plan_places(PATCHES, places.AroundCities(50), seed=0).place_list()
    dates = seasons.years_apart(seasons.random_phase(chosen, seasons=3, reference="2023-12-31"), years=4)
    return SimulatedSource(seed=0).load(chosen, dates, size_px=24, bands="rgb")


def caco(cube, spec):
    method = CACo(resnet18(width=4), PATCHES, dim=8, queue_size=16)
    return method, YearsApart(), ChangeViews(spec, 16)


def seco_eco(cube, spec):
    days = np.arange(1, 366, 8)
    curves = [0.4 + 0.3 * np.cos(2 * np.pi * (days - peak) / 365) for peak in np.linspace(0, 350, PATCHES)]
    method = SeCoEco(resnet18(width=4), dim=8, queue_size=16)
    return method, PhaseSeasons(phase_starts(curves, days)), SeasonalViews(spec, 16)


@pytest.mark.parametrize("parts", [caco, seco_eco])
def test_a_run_on_a_cube_resumes_to_the_bit(cube, parts, tmp_path):
    def run_in(folder, seed=0):
        spec = input_spec_for(cube, bands="rgb", size_px=16)
        method, pick, views = parts(cube, spec)
        whole = CubeBatches(cube, 4, seasons=cube.sizes["season"], bands="rgb", seed=seed)
        config = TrainConfig(steps=5, lr=0.01, precision="float32")
        return PretrainingRun(
            method, PickedSeasons(whole, pick), views, config, spec=spec, folder=folder, device="cpu"
        )

    whole = run_in(None)
    logs = [log.floats() for log in whole]
    assert all(np.isfinite(log["loss"]) for log in logs)
    first = run_in(tmp_path / "run")
    for log in first:
        if log.step == 3:
            first.save()
            break
    with pytest.raises(ValueError, match=r"data\.seed_before_picking: 0 -> 1"):
        run_in(tmp_path / "run", seed=1).resume()
    torch.manual_seed(8)
    second = run_in(tmp_path / "run")
    assert second.resume()
    assert [log.floats()["loss"] for log in second] == [log["loss"] for log in logs[3:]]
    assert same_state(second.method, whole.method)


def test_views_of_another_method_are_refused(cube):
    spec = input_spec_for(cube, bands="rgb", size_px=16)
    method, pick, _ = caco(cube, spec)
    batches = PickedSeasons(CubeBatches(cube, 4, seasons=6, bands="rgb"), pick)
    with pytest.raises(ValueError, match=r"CACo compares the views recent_query, .* SeasonalViews makes que"):
        PretrainingRun(method, batches, SeasonalViews(spec, 16), spec=spec, device="cpu")
