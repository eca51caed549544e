"""Where and how numbers are computed: device, precision, the C library's memory allocator."""

from __future__ import annotations

import ctypes
import platform

import torch

PRECISIONS = ("auto", "bf16", "float32")


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """The device asked for; ``"auto"`` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: Unknown device, or CUDA or MPS asked for by name, but not at hand.
    """
    if str(device) != "auto":
        return _checked(_parsed(device))
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _parsed(device: str | torch.device) -> torch.device:
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {str(device)!r}; known are auto, cpu, cuda and mps") from error


def _checked(device: torch.device) -> torch.device:
    missing = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if missing.get(device.type, False):
        raise ValueError(f"device {str(device)!r} is not at hand on this machine; use 'auto' or 'cpu'")
    gpus = torch.cuda.device_count() if device.type == "cuda" else 0
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ValueError(
            f"device {str(device)!r} is not at hand: this machine has {gpus}, counted from cuda:0"
        )
    return device


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """Number format of the forward pass: ``torch.bfloat16`` where it pays, else ``torch.float32``.

    Args:
        precision: ``"auto"``, ``"bf16"`` or ``"float32"``.
        device: Where the network runs.

    Raises:
        ValueError: Any other word.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    fast = precision == "bf16" or (precision == "auto" and bf16_pays(device))
    return torch.bfloat16 if fast else torch.float32


def bf16_pays(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; without that, bf16 is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def memory_layout(device: torch.device) -> torch.memory_format:
    """How images lie in memory while a network is trained: the bands of a pixel side by side, mostly.

    On Apple GPUs band after band, because BatchNorm's backward pass refuses the other layout there, up to
    PyTorch 2.13 (pytorch/pytorch pull request 188371).
    """
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


# Options of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next step instead of returning it to the system.

    Each training step allocates and frees the same large buffers; returning them costs a page fault for every
    4 KiB when they come back. The price: the process keeps the size of its largest step until it ends. Only
    Linux with glibc has the switch; elsewhere nothing happens.

    Returns:
        Whether the switch was set.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
