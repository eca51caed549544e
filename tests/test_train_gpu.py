"""Training on a pretended GPU: one device throughout, the numbers of the CPU, no waiting within a step."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from cubes import small_cube
from pretend_gpu import APPLE, DEVICE, PretendGpu, on_gpu
from training import small

from seco_lab.data import CubeBatches
from seco_lab.data import batches as batches_module
from seco_lab.data import feeds as feeds_module
from seco_lab.data.ring import Ring
from seco_lab.embeddings import embed
from seco_lab.embeddings import encode as encode_module
from seco_lab.input_spec import InputSpec
from seco_lab.methods import GASSL, CACo, MoCo, MultiLabel, SeCo, SimCLR, VICReg
from seco_lab.store import open_cube, save_cube
from seco_lab.train import PretrainingRun, TrainConfig
from seco_lab.train import run as run_module
from seco_lab.views import ChangeViews, MoCoViews, PickedSeasons, SeasonalViews, TemporalViews, YearsApart

SPEC = InputSpec(
    "sentinel2-l2a", ("B04", "B03", "B02"), "dn", (0,) * 3, (9000,) * 3, (0.5,) * 3, (0.3,) * 3, 10.0, 16
)
PLACES = torch.arange(10) % 3
CASES = {
    "moco": (lambda: MoCo(small(), dim=8, queue_size=16), MoCoViews),
    "moco, ml_cpc that falls": (
        lambda: MoCo(small(), dim=8, queue_size=16, multi_label=MultiLabel(1, 0.1, 4)),
        TemporalViews,
    ),
    "seco": (lambda: SeCo(small(), dim=8, queue_size=16), SeasonalViews),
    "seco, steady": (
        lambda: SeCo(small(), dim=8, queue_size=16, keys_together=True, steady=True),
        SeasonalViews,
    ),
    "geo-tp": (lambda: GASSL(small(), PLACES, dim=8, queue_size=16), TemporalViews),
    "caco": (lambda: CACo(small(), 10, dim=8, queue_size=16, relabel_every=100), ChangeViews),
    "simclr": (lambda: SimCLR(small(), dim=8), TemporalViews),
    "vicreg": (lambda: VICReg(small(), dim=16), TemporalViews),
}


class PinnedRing(Ring):
    """Ordinary memory in place of pinned memory, which only machines with a GPU have."""

    def __init__(self, shape, dtype, *, pinned):
        super().__init__(shape, dtype)
        self.pinned = pinned


class Event:
    """Stands for a mark in the GPU's queue of work; here all work is done at once."""

    waited: ClassVar = []

    def record(self, stream):
        assert stream == DEVICE

    def synchronize(self):
        Event.waited.append(self)


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(run_module, "choose_device", lambda device: torch.device(device))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: device)
    monkeypatch.setattr(batches_module, "_device_budget", lambda device: 10**9)
    monkeypatch.setattr(feeds_module, "Ring", PinnedRing)
    return PretendGpu()


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    """A cube of a year, and one of two periods years apart."""
    year = small_cube(patches=10, size=20, seasons=6)
    apart = year.copy()
    apart["time"] = year["time"].copy()
    apart["time"].values[:, 3:] += 2000 * 86400 * 10**9
    folder = tmp_path_factory.mktemp("gpu")
    for name, cube in (("year", year), ("apart", apart)):
        save_cube(cube, folder / name)
    return folder


def run_on(device, case, cubes, **config):
    build, views = CASES[case]
    if views is ChangeViews:
        batches = PickedSeasons(CubeBatches(cubes / "apart", 4, seasons=6), YearsApart())
    else:
        batches = CubeBatches(cubes / "year", 4, seasons=views.seasons, crop_px=18)
    config = TrainConfig(**{"steps": 2, "lr": 0.01, "precision": "float32", "check_input": False, **config})
    views = views(SPEC, 16, arithmetic=torch.float32)
    return PretrainingRun(build(), batches, views, config, spec=SPEC, device=device)


@pytest.mark.parametrize("case", CASES)
def test_a_step_stays_on_its_device_and_waits_for_nothing(case, cubes, gpu):
    alone = [log.floats() for log in run_on("cpu", case, cubes)]
    with gpu:
        run = run_on(DEVICE, case, cubes)
        started = len(gpu.waits)
        logs = list(run)
        assert gpu.waits[started:] == []
        assert all(on_gpu(parameter) for parameter in run.method.parameters())
        assert all(on_gpu(log.loss) for log in logs)
        found = [log.floats() for log in logs]
    for log, expected in zip(found, alone, strict=True):
        assert log["loss"] == pytest.approx(expected["loss"], rel=1e-3)


@pytest.mark.parametrize("case", ["seco, steady", "geo-tp"])
def test_an_apple_gpu_is_asked_for_nothing_that_it_lacks(case, cubes, monkeypatch):
    monkeypatch.setattr(run_module, "choose_device", lambda device: torch.device(device))
    settings = {"check_input": True, "watch_every_steps": 1}
    alone = [log.floats() for log in run_on("cpu", case, cubes, **settings)]
    with PretendGpu(APPLE):
        found = [log.floats() for log in run_on(APPLE, case, cubes, **settings)]
    for log, expected in zip(found, alone, strict=True):
        assert log["loss"] == pytest.approx(expected["loss"], rel=1e-3)


@pytest.mark.parametrize("device", [DEVICE, APPLE], ids=str)
@pytest.mark.usefixtures("gpu")
def test_a_gpu_embeds_unsigned_counts(device, cubes, monkeypatch):
    monkeypatch.setattr(encode_module, "choose_device", lambda device: torch.device(device))
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor.clone())
    cube = open_cube(cubes / "year").load()
    cube["reflectance"][3, 2] = 0
    alone = embed(small(), cube, SPEC, device="cpu")["embedding"].values
    with PretendGpu(device):
        found = embed(small(), cube, SPEC, device=device, batch_size=7)["embedding"].values
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert np.isnan(found[3, 2]).all()


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_cube_too_large_for_the_gpu_comes_through_few_pinned_buffers(in_memory, cubes, gpu, monkeypatch):
    monkeypatch.setattr(batches_module, "_device_budget", lambda device: 0)
    monkeypatch.setattr(Event, "waited", [])
    source = open_cube(cubes / "year").load() if in_memory else cubes / "year"
    wanted = CubeBatches(source, 4, seasons=3)
    with gpu:
        batches = CubeBatches(source, 4, seasons=3).on(DEVICE)
        for step in range(20):
            batch = batches[step]
            assert on_gpu(batch.images)
            assert torch.equal(batch.images.to("cpu"), wanted[step].images)
    (ring,) = batches._feed._rings.values()
    assert ring.pinned
    # In use, two on their way, two read ahead, one being read.
    assert ring.made <= 6
    # Each buffer but the last two was waited for before it was used again, and none twice.
    assert len(set(map(id, Event.waited))) == len(Event.waited) == 18


def test_pixels_go_along_once_and_stay_where_they_were_asked_for(cubes, gpu):
    with gpu:
        free = CubeBatches(cubes / "year", 4, seasons=3)
        assert free.on(torch.device("cpu")) is free
        moved = free.on(DEVICE)
        assert moved.kept
        assert moved is free.on(DEVICE) is moved.on(DEVICE)
        bound = CubeBatches(cubes / "year", 4, seasons=3, device="cpu")
        assert bound.on(DEVICE) is bound


def test_a_guard_and_a_loss_that_is_no_number_work_on_a_gpu(cubes, gpu):
    with gpu:
        run = run_on(DEVICE, "moco", cubes, check_input=True, steps=12)
        with torch.no_grad():
            next(iter(run.method.parameters())).fill_(float("nan"))
        with pytest.raises(FloatingPointError, match=r"became nan at step 1 .* are finite"):
            list(run)
        # Losses are read ten at a time.
        assert run.step == 9
