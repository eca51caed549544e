"""Training step of MoCo-v2 (ResNet-18, 96 px, batch 64): seco_lab against lightly and plain torch.

Beside them stand matrix products of as many operations, the most that direct convolutions can get out of a
processor: where these are less than 2.2 times as fast as lightly, as in float32, the target is out of reach.

Every contestant lives in a process of its own, because the memory allocator's switch that seco_lab sets is
one for the whole process; they take turns, and medians are compared. All are fed the same ready-made views.

lightly needs torchvision to be imported, though its MoCo needs none of it; where torchvision is missing an
empty stand-in takes its place. If lightly is not installed, unpack its wheel and name the folder:

    pip download lightly --no-deps -d wheels && unzip wheels/lightly-*.whl -d somewhere
    SECO_LAB_LIGHTLY=somewhere python bench/step.py

Without it that row is left out, and plain torch written the way lightly's example is (float32, one momentum
update a parameter) stands for it.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import importlib.abc
import importlib.util
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seco_lab.batch import Batch
from seco_lab.input_spec import InputSpec
from seco_lab.methods import MoCo
from seco_lab.nn.devices import choose_precision
from seco_lab.nn.encoders import resnet18
from seco_lab.nn.heads import mlp_head
from seco_lab.train import PretrainingRun, TrainConfig

BATCH, SIZE_PX, QUEUE, THREADS = 64, 96, 16384, 2
LR, TEMPERATURE, MOMENTUM = 0.03, 0.07, 0.999
PRODUCT = 2048  # side of the matrices that show what the processor can do
LIMIT = "matrix products of as many operations"
SPEC = InputSpec(
    "sentinel2-l2a", ("B04", "B03", "B02"), "dn", (0,) * 3, (1e4,) * 3, (0.5,) * 3, (0.3,) * 3, 10, SIZE_PX
)
Step = Callable[[], object]


class ReadyBatches:
    """The same rows whatever the step; their pixels are in the views."""

    steps_per_epoch = 1000
    bands, unit, sensor = SPEC.bands, "dn", SPEC.sensor

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        zeros = torch.zeros(batch_size, 2)
        self._batch = Batch(torch.zeros(batch_size, 1, 3, 1, 1), torch.arange(batch_size), zeros, zeros)

    def __getitem__(self, step: int) -> Batch:
        return self._batch


def ready_views() -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, BATCH, 3, SIZE_PX, SIZE_PX, generator=chance)
    return query, key


def seco_lab_step() -> Step:
    """One turn of the loop with all that belongs to it: schedule, guards, watch, log."""
    query, key = ready_views()
    views = {"query": query, "key": key}
    config = TrainConfig(steps=10**6)
    method = MoCo(resnet18(), queue_size=QUEUE)
    run = PretrainingRun(
        method, ReadyBatches(BATCH), lambda images, chance: views, config, spec=SPEC, device="cpu"
    )
    return lambda: next(run)


def plain_step() -> Step:
    """What lightly's example does, in plain torch."""
    encoder, query, key = resnet18(), *ready_views()
    head = mlp_head(512, 512, 128)
    key_encoder, key_head = copy.deepcopy(encoder), copy.deepcopy(head)
    bank = nn.functional.normalize(torch.randn(QUEUE, 128), dim=1)
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], LR, 0.9, weight_decay=1e-4)
    place = 0

    def step() -> None:
        nonlocal place
        for moving, leading in ((key_encoder, encoder), (key_head, head)):
            for a, b in zip(moving.parameters(), leading.parameters(), strict=True):
                a.data = a.data * MOMENTUM + b.data * (1 - MOMENTUM)
        z = nn.functional.normalize(head(encoder(query)), dim=1)
        with torch.no_grad():
            positive = nn.functional.normalize(key_head(key_encoder(key)), dim=1)
        logits = torch.cat([(z * positive).sum(1, keepdim=True), z @ bank.T], 1) / TEMPERATURE
        loss = nn.functional.cross_entropy(logits, torch.zeros(BATCH, dtype=torch.int64))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        bank[place : place + BATCH] = positive
        place = (place + BATCH) % QUEUE

    return step


def lightly_step() -> Step:
    """Lightly's MoCo example: its head, loss with memory bank and momentum update, our ResNet-18."""
    import_lightly()
    from lightly.loss import NTXentLoss
    from lightly.models.modules import MoCoProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum

    encoder, query, key = resnet18(), *ready_views()
    head = MoCoProjectionHead(512, 512, 128)
    key_encoder, key_head = copy.deepcopy(encoder), copy.deepcopy(head)
    deactivate_requires_grad(key_encoder)
    deactivate_requires_grad(key_head)
    loss_of = NTXentLoss(temperature=TEMPERATURE, memory_bank_size=(QUEUE, 128))
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], LR, 0.9, weight_decay=1e-4)

    def step() -> None:
        update_momentum(encoder, key_encoder, m=MOMENTUM)
        update_momentum(head, key_head, m=MOMENTUM)
        z = head(encoder(query))
        positive = key_head(key_encoder(key)).detach()
        loss = loss_of(z, positive)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def products_step() -> Step:
    """Nothing but matrix products of as many operations as a step has, in the format the toolkit takes.

    Direct convolutions cannot be faster on the same processor, so this bounds every contestant.
    """
    with FlopCounterMode(display=False) as counter:
        plain_step()()
    dtype = choose_precision("auto", torch.device("cpu"))
    left, right = torch.randn(2, PRODUCT, PRODUCT).to(dtype)
    products = round(counter.get_total_flops() / (2 * PRODUCT**3))

    def step() -> None:
        for _ in range(products):
            torch.mm(left, right)

    return step


class _StandIn(ModuleType):
    """A module in which every name exists and means nothing."""

    __path__: tuple[str, ...] = ()
    __version__ = "0.0"

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    _names = ("torchvision", "pytorch_lightning", "hydra", "omegaconf")

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name.partition(".")[0] in self._names:
            return importlib.util.spec_from_loader(name, self, is_package=True)
        return None

    def create_module(self, spec: object) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def import_lightly() -> ModuleType:
    """lightly, with stand-ins for what it imports and its MoCo does not use.

    Raises:
        ImportError: lightly is neither installed nor in the folder of SECO_LAB_LIGHTLY.
    """
    sys.path += [p for p in [os.environ.get("SECO_LAB_LIGHTLY")] if p]
    sys.meta_path.append(_StandInFinder())
    return importlib.import_module("lightly.loss")


CONTESTANTS: dict[str, Callable[[], Step]] = {
    "seco_lab": seco_lab_step,
    "lightly": lightly_step,
    "plain torch, lightly's way": plain_step,
    LIMIT: products_step,
}


def contestant(build: Callable[[], Step], pipe: object) -> None:
    """Child process: build, warm up, then time as many steps as asked."""
    torch.set_num_threads(THREADS)
    try:
        step = build()
        for _ in range(4):
            step()
    except ImportError as error:
        pipe.send(str(error))
        return
    pipe.send(None)
    while count := pipe.recv():
        start = time.perf_counter()
        for _ in range(count):
            step()
        pipe.send((time.perf_counter() - start) / count)


def measure(
    contestants: dict[str, Callable[[], Step]], rounds: int, steps: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds a step of each contestant by round, and why some are missing."""
    context, pipes, missing = multiprocessing.get_context("spawn"), {}, {}
    for name, build in contestants.items():
        ours, theirs = context.Pipe()
        context.Process(target=contestant, args=(build, theirs), daemon=True).start()
        if (problem := ours.recv()) is None:
            pipes[name] = ours
        else:
            missing[name] = problem
    seconds: dict[str, list[float]] = {name: [] for name in pipes}
    for _ in range(rounds):
        for name, pipe in pipes.items():
            pipe.send(steps)
            seconds[name].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(0)
    return seconds, missing


def options_of(description: str | None, methods: tuple[str, ...] = ()) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    if methods:
        parser.add_argument("--methods", nargs="+", choices=methods, default=methods, help="only these")
    parser.add_argument("--json", help="file for the result")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="steps of each contestant a round")
    return parser.parse_args()


def rows_of(seconds: dict[str, list[float]]) -> list[dict[str, object]]:
    """One row a contestant, printed as well."""
    rows = []
    for name, times in seconds.items():
        rows.append({"step": name, "samples/s": BATCH / median(times), "ms": 1000 * median(times)})
        print(f"{name:32} {rows[-1]['samples/s']:7.1f} samples/s {rows[-1]['ms']:7.0f} ms")
    return rows


def main() -> None:
    options = options_of(__doc__)
    seconds, missing = measure(CONTESTANTS, options.rounds, options.steps)
    rival = "lightly" if "lightly" in seconds else "plain torch, lightly's way"
    ratio, limit = (
        median(b / a for a, b in zip(seconds[name], seconds[rival], strict=True))
        for name in ("seco_lab", LIMIT)
    )
    rows = rows_of(seconds)
    for name, problem in missing.items():
        print(f"{name:32} left out: {problem}")
    note = f"at most {limit:.2f} times {rival} is possible here: that is the matrix products alone"
    print(f"seco_lab against {rival}: {ratio:.2f} times (target 2.2); {note}")
    result = {
        "name": "Training step, MoCo-v2, ResNet-18, 96 px, batch 64, 2 threads",
        "rows": rows,
        "ratio": ratio,
        "target": f"2.2 times {rival}",
        "command": "python bench/step.py",
        "note": "; ".join([note, *(f"{name} left out: {problem}" for name, problem in missing.items())]),
    }
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()
