"""Several processes that train one network: joining them, knowing one's place, agreeing on small values."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

BACKENDS = ("auto", "gloo", "nccl")
TIMEOUT_S = 300.0
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")

Value = TypeVar("Value")


class ProcessLostError(RuntimeError):
    """Another process ended, or did not answer in time."""


def together() -> bool:
    """Whether this process trains together with others."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def process_count() -> int:
    """How many processes train together; 1 for one alone."""
    return distributed.get_world_size() if together() else 1


def process_number() -> int:
    """Number of this process, from 0."""
    return distributed.get_rank() if together() else 0


def is_main() -> bool:
    """Whether this process is the one that writes files and talks."""
    return process_number() == 0


def join_processes(
    device: str | torch.device = "auto", *, backend: str = "auto", timeout_s: float = TIMEOUT_S
) -> str | torch.device:
    """Meet the other processes that ``torchrun`` started, once; alone, nothing happens.

    Args:
        device: ``"auto"`` and ``"cuda"`` become this process's own GPU.
        backend: ``"auto"`` takes NCCL between GPUs and gloo between CPUs.
        timeout_s: Seconds after which a process that does not answer counts as lost.

    Returns:
        The device of this process; ``device`` as it came where this process is alone.

    Raises:
        ValueError: The variables of ``torchrun`` are set in part or make no sense, NCCL was asked for without
            CUDA, a device that processes cannot share, or more processes than GPUs.
        ProcessLostError: The others did not come in time.
    """
    number, count, local = _place_among_processes()
    if count == 1 and not together():
        return device
    own = _own_device(device, backend, local)
    if not distributed.is_initialized():
        if own.type == "cuda":
            torch.cuda.set_device(own)
        # Small values go through the CPU even between GPUs, so that nobody waits for one.
        nccl = own.type == "cuda" and backend != "gloo"
        with lost_if_broken():
            distributed.init_process_group(
                "cpu:gloo,cuda:nccl" if nccl else "gloo",
                rank=number,
                world_size=count,
                timeout=timedelta(seconds=timeout_s),
            )
        atexit.register(leave_processes)
    return own


def leave_processes() -> None:
    """Part from the others; also done when Python ends."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def _place_among_processes() -> tuple[int, int, int]:
    """Number of this process, number of all, and number on this machine, from the environment."""
    found = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    if distributed.is_available() and distributed.is_initialized():
        local = int(found.get("LOCAL_RANK", distributed.get_rank()))
        return distributed.get_rank(), distributed.get_world_size(), local
    if not {"RANK", "WORLD_SIZE"} & set(found):
        return 0, 1, 0
    missing = [name for name in _VARIABLES if name not in found]
    if missing:
        raise ValueError(
            f"several processes need the variables {', '.join(_VARIABLES)}; got {', '.join(found)} without "
            f"{', '.join(missing)}: start with torchrun, or unset them to train in one process"
        )
    number, count, local = (_whole_number(name, found[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if not 0 <= number < count:
        raise ValueError(
            f"RANK must lie between 0 and WORLD_SIZE - 1, got {number} of {count}: start with torchrun"
        )
    return number, count, local


def _whole_number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number, got {text!r}: start with torchrun")
    return int(text)


def _own_device(device: str | torch.device, backend: str, local: int) -> torch.device:
    """The device of this process, for processes that share nothing but messages."""
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    wants_cuda = str(device) == "auto" and torch.cuda.is_available()
    name = "cuda" if wants_cuda else "cpu" if str(device) == "auto" else str(device)
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} is not at hand on this machine; use 'auto' or 'cpu'")
    if backend == "nccl" and not name.startswith("cuda"):
        raise ValueError(f"NCCL was asked for, but it needs CUDA and the device is {name!r}; use gloo")
    if not name.startswith(("cuda", "cpu")):
        raise ValueError(f"several processes can train on CUDA GPUs or CPUs, not on {name!r}; use 'cpu'")
    if name == "cpu":
        return torch.device("cpu")
    gpus = torch.cuda.device_count()
    if local >= gpus and backend != "gloo":
        raise ValueError(
            f"each process needs a GPU of its own: this is process {local + 1} on a machine with {gpus}; "
            f"start it with --nproc-per-node {gpus}, or on the CPU"
        )
    return torch.device("cuda", local % gpus)


@contextmanager
def lost_if_broken() -> Iterator[None]:
    """Turn what a library says about a broken connection into one sentence.

    Raises:
        ProcessLostError: A process ended or did not answer in time.
    """
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ProcessLostError(
            "another process of this run ended or did not answer in time, so this one stops too; start again "
            f"with resume, on as many processes as you like (connection: {reason})"
        ) from error


def from_all(value: Value) -> list[Value]:
    """What each process has to say, by its number; every process must call it.

    Args:
        value: A plain value.

    Raises:
        ProcessLostError: A process does not answer.
    """
    if not together():
        return [value]
    values: list[Value | None] = [None] * process_count()
    with lost_if_broken():
        distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def from_main(value: Value) -> Value:
    """The value that the main process has; every process must call it."""
    return from_all(value)[0]


def main_does(action: Callable[[], Value]) -> Value:
    """What an action returns in the main process, the only one that does it; every process must call it.

    Raises:
        OSError: What the action raised, in every process.
        ProcessLostError: A process does not answer.
    """
    result: tuple[Value | None, OSError | None] = (None, None)
    if is_main():
        try:
            result = (action(), None)
        except OSError as error:
            if not together():
                raise
            result = (None, error)
    value, error = from_main(result)
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
