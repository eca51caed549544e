"""Memory of a training step with ResNet-50 at 224 px: by method, at small batches, and what large ones need.

Each case runs two whole steps of the loop in a process of its own, on views that are ready. On a CPU the peak
is that of the process less what it held before the method was built; on a GPU it is what torch allocated at
most. Peaks of two batch sizes give a fixed part and a part per patch, and these the figure for a batch of
256: arithmetic, not a measurement. Several processes, or a batch in parts, need the part per patch for their
own rows only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
from step import SPEC, ReadyBatches
from torch import Tensor

from seco_lab.methods import GASSL, CACo, MoCo, SeCo, SeCoEco, SimCLR, VICReg
from seco_lab.nn.devices import keep_freed_memory
from seco_lab.nn.encoders import resnet50
from seco_lab.train import PretrainingRun, TrainConfig
from seco_lab.train.estimate import peak_memory_bytes

SIZE_PX, QUEUE, WANTED, MIB = 224, 16384, 256, 2**20
METHODS: dict[str, Callable] = {
    "MoCo": lambda: MoCo(resnet50(), queue_size=QUEUE),
    "SeCo": lambda: SeCo(resnet50(), queue_size=QUEUE),
    "GASSL": lambda: GASSL(resnet50(), torch.arange(1000) % 100, queue_size=QUEUE),
    "SimCLR": lambda: SimCLR(resnet50()),
    "VICReg": lambda: VICReg(resnet50()),
    # Two periods of each place, with half of the queue each.
    "CACo": lambda: CACo(resnet50(), 1000, queue_size=QUEUE // 2),
    "SeCo-Eco": lambda: SeCoEco(resnet50()),
}


def ready_views(names: tuple[str, ...], batch_size: int, device: str) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(0)
    return {name: torch.randn(batch_size, 3, SIZE_PX, SIZE_PX, generator=chance).to(device) for name in names}


def measure(name: str, batch_size: int, accumulate: int, device: str) -> dict[str, int]:
    """Bytes of model, optimizer and peak, after two steps."""
    keep_freed_memory()
    torch.set_num_threads(1)
    before = 0 if device == "cuda" else peak_memory_bytes(torch.device(device))
    method = METHODS[name]()
    views = ready_views(method.view_names, batch_size, device)
    config = TrainConfig(steps=10**6, accumulate=accumulate, check_input=False)
    run = PretrainingRun(
        method,
        ReadyBatches(batch_size),
        lambda images, chance: views,
        config,
        spec=dataclasses.replace(SPEC, size_px=SIZE_PX),
        device=device,
    )
    next(run), next(run)
    moved = [tensor for state in run._optimizer.state.values() for tensor in state.values()]
    gradients = [p.grad for p in method.parameters() if p.grad is not None]
    return {
        "model": size(list(method.state_dict().values())),
        "optimizer": size([*gradients, *(tensor for tensor in moved if isinstance(tensor, Tensor))]),
        "peak": peak_memory_bytes(run.device) - before,
    }


def size(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def child(pipe: Connection, *case: object) -> None:
    pipe.send(measure(*case))


def in_child(*case: object) -> dict[str, int]:
    """A fresh process, because a process never forgets its peak."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(theirs, *case))
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    return found


def row_of(name: str, batches: tuple[int, int], accumulate: int, device: str) -> dict[str, object]:
    """Two measured peaks of a method and the line through them, in MiB."""
    small, large = (in_child(name, size, accumulate, device) for size in batches)
    per_patch = (large["peak"] - small["peak"]) / (batches[1] - batches[0])
    wanted = large["peak"] + per_patch * (WANTED - batches[1])
    title = name if accumulate == 1 else f"{name}, accumulate {accumulate}"
    row = {
        "method": title,
        "model MiB": large["model"] / MIB,
        "gradients and optimizer MiB": large["optimizer"] / MIB,
        f"peak MiB, batch {batches[0]}": small["peak"] / MIB,
        f"peak MiB, batch {batches[1]}": large["peak"] / MIB,
        "MiB a patch": per_patch / MIB,
        f"batch {WANTED} by arithmetic, GiB": wanted / MIB / 1024,
    }
    print(
        ", ".join(f"{key} {value:.1f}" if key != "method" else title for key, value in row.items()),
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", help="file for the result")
    parser.add_argument("--batches", type=int, nargs=2, default=(4, 8), help="two batch sizes (4 8)")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    batches = tuple(options.batches)
    rows = [row_of(name, batches, 1, options.device) for name in options.methods]
    rows.append(row_of(options.methods[0], batches, 2, options.device))
    if options.json:
        result = {
            "name": f"Memory of a step, ResNet-50, {SIZE_PX} px, {options.device}",
            "rows": rows,
            "note": "the last two columns are a line through the two measured peaks, not measured themselves",
            "command": "python bench/memory.py",
        }
        with open(options.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()
