"""What two processes do for test_train_distributed.py; started by torchrun, one result file a process.

The same code in one process gives what they are compared with.
"""

import os
import sys
import time
from pathlib import Path

import torch
from torch import nn
from training import Squares, SquareViews, small, tiny_method, tiny_run

from seco_lab.batch import Batch
from seco_lab.cli import main
from seco_lab.input_spec import InputSpec
from seco_lab.methods import GASSL, CACo, MoCo, MultiLabel, SeCo, SimCLR, VICReg
from seco_lab.nn.collectives import dealt
from seco_lab.nn.encoders import resnet18
from seco_lab.nn.processes import process_count, process_number
from seco_lab.train import TrainConfig
from seco_lab.train.reading import StepInput
from seco_lab.train.shares import own_share
from seco_lab.views import MoCoViews, SeasonalViews, TemporalViews

STEPS = 4
CUBE_SPEC = InputSpec(
    "sentinel2-l2a", ("B04", "B03", "B02"), "dn", (0,) * 3, (9000,) * 3, (0.5,) * 3, (0.3,) * 3, 10.0, 16
)


PLACES = torch.arange(10) % 3
# One of each kind of negatives and statistics.
METHODS = {
    "moco": lambda: MoCo(small(), dim=8, queue_size=16),
    "moco, steady": lambda: MoCo(small(), dim=8, queue_size=16, steady=True),
    "seco": lambda: SeCo(small(), dim=8, queue_size=16),
    "seco, steady and together": lambda: SeCo(small(), dim=8, queue_size=16, keys_together=True, steady=True),
    "geo": lambda: GASSL(small(), PLACES, dim=8, queue_size=16, temperature=0.07),
    "geo, ml_cpc": lambda: GASSL(small(), PLACES, dim=8, queue_size=16, multi_label=MultiLabel(0.5)),
    "caco": lambda: CACo(small(), 10, dim=8, queue_size=16, relabel_every=16),
    "simclr": lambda: SimCLR(small(), dim=8),
    "vicreg": lambda: VICReg(small(), dim=16),
    "seco on a resnet": lambda: SeCo(resnet18(width=4), dim=8, queue_size=16),
}


class Eight(Squares):
    """Batches of eight places."""

    batch_size = 8


class ManyViews(SquareViews):
    """The same four crops under the names of any method, again and again where it has more."""

    def __init__(self, names):
        self.names = names

    def __call__(self, images, generator):
        four = list(SquareViews()(images, generator).values())
        return {name: four[(i + i // 4) % 4] for i, name in enumerate(self.names)}


class Spoiled(Eight):
    """The third batch has a pixel that is no number in its last row, which the second process holds."""

    def __getitem__(self, step):
        batch = super().__getitem__(step)
        images = batch.images.float()
        if step == 2:
            images[-1] = float("nan")
        return Batch(images, batch.index, batch.lonlat, batch.time)


def curve(name, **config):
    """Losses and end state of a short run of a method."""
    method = METHODS[name]()
    config = {"steps": 2 if "resnet" in name else STEPS, "lr": 0.01, "batchnorm": "synced", **config}
    run = tiny_run(method=method, batches=Eight(), views=ManyViews(method.view_names), **config)
    logs = [log.floats() for log in run]
    return {"logs": logs, "state": method.state_dict()}


def what_a_cube_gives():
    """Rows and views of two steps, for each kind of views."""
    # What is not needed by all processes is imported where it is: starting them is what takes the time.
    from cubes import small_cube

    from seco_lab.data import CubeBatches

    cube, found = small_cube(patches=10, size=20), {}
    for views in (MoCoViews, TemporalViews, SeasonalViews):
        batches = CubeBatches(cube, 8, seasons=views.seasons, crop_px=18, seed=4)
        reads = StepInput(
            batches,
            views(CUBE_SPEC, 16, arithmetic=torch.float32),
            own_share(8, 1),
            TrainConfig(check_input=False),
            spec=CUBE_SPEC,
            unit_factor=1,
            device=torch.device("cpu"),
        )
        found[views.__name__] = [reads(step) for step in (0, 7)]
    return {
        name: [(batch.images, batch.index, views) for batch, views in steps] for name, steps in found.items()
    }


def sentence(kind, action):
    try:
        action()
    except kind as error:
        return str(error)
    return None


def spoiled():
    run = tiny_run(batches=Spoiled(), check_input=False)
    return sentence(FloatingPointError, lambda: list(run)), run.step


def cards():
    """Eight rows dealt out to a BatchNorm layer, in eval and in train mode: own rows of either result."""
    own = own_share(8, 1).slice
    rows, layer = torch.arange(8.0)[:, None] ** 2, nn.BatchNorm1d(1, affine=False)
    with torch.no_grad():
        return dealt(layer.eval(), rows[own]), dealt(layer.train(), rows[own])


def everything(folder):
    found = {
        "curves": {name: curve(name) for name in METHODS},
        "shuffled": curve("seco", batchnorm="shuffled"),
        "parts": curve("seco", accumulate=2),
        "cube": what_a_cube_gives(),
        "cards": cards(),
        "spoiled": spoiled(),
    }
    kept = tiny_run(folder / "run", batches=Eight(), steps=5)
    for log in kept:
        if log.step == 3:
            kept.save()
            break
    found["kept"] = kept.method.state_dict()
    return found


def without_the_disk(folder):
    """A run to be continued, whose second process is on a machine that does not share the disk."""
    run = tiny_run(folder / "run", batches=Eight(), steps=5)
    if process_number() == 1:
        run._kept.checkpoint = folder / "elsewhere" / "checkpoint.pt"
    return run


def refused(folder):
    """What processes that do not fit each other say."""
    number, other = process_number(), tiny_method(seed=process_number())
    other.seed = 0
    return {
        "seed": sentence(ValueError, lambda: tiny_run(batches=Eight(), seed=number)),
        "weights": sentence(ValueError, lambda: tiny_run(batches=Eight(), method=other)),
        "one row": sentence(ValueError, lambda: tiny_run(batches=Eight(), accumulate=4)),
        "rows": sentence(ValueError, lambda: tiny_run(batches=Eight(), accumulate=3)),
        "disk": sentence(ValueError, lambda: without_the_disk(folder).resume()),
        "claimed": sentence(FileExistsError, lambda: next(tiny_run(folder / "run", batches=Eight()))),
    }


def compare(folder):
    found = everything(folder)
    found |= {"refused": refused(folder), "count": process_count()}
    assert main([*command_line(folder), "--json"]) == 0
    torch.save(found, folder / f"process{process_number()}.pt")


def command_line(folder):
    """Words that train on a cube in the folder, which is made by the one who starts the processes."""
    words = ["pretrain", str(folder / "cube.zarr"), "--out", str(folder / "cli"), "--method", "moco"]
    words += ["--encoder", "resnet18-narrow", "--steps", "2", "--batch", "8", "--size-px", "32"]
    return [*words, "--queue", "8", "--accumulate", "2"]


def patient_run(folder, **config):
    """A run that saves at every step."""
    config = {"steps": 40, "save_every_minutes": 1e-9, "process_timeout_s": 10, **config}
    return tiny_run(folder, method=METHODS["seco"](), batches=Eight(), **config)


def train_slowly(folder):
    run = patient_run(folder / "run")
    (folder / f"pid{process_number()}").write_text(str(os.getpid()))
    for _ in run:
        time.sleep(0.1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"compare": compare, "train_slowly": train_slowly}[sys.argv[1]](Path(sys.argv[2]))
