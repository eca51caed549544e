"""Images to vectors: a frozen copy of the encoder in eval mode, blocks read ahead while it computes."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.batch import sent
from seco_lab.embeddings.identity import module_hash
from seco_lab.embeddings.prepare import Preparation, check_network_input, missing_images
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device, choose_precision, memory_layout

# What a table of embeddings keeps of a cube besides place and time.
KEPT = ("label", "split", "cloud_cover", "nodata_share", "item_id")


def frozen_copy(module: nn.Module, device: torch.device) -> nn.Module:
    """A copy in eval mode on a device; the module, its mode and its BatchNorm statistics stay as they are.

    Copying costs some milliseconds and makes it safe to embed while the module is being trained.
    """
    copied = copy.deepcopy(module).eval().requires_grad_(False)
    return copied.to(device, memory_format=memory_layout(device))


class Embedder:
    """An encoder, frozen as it is now, with the preparation of one kind of data.

    Attributes:
        device: Where it computes.
    """

    def __init__(
        self,
        encoder: nn.Module,
        preparation: Preparation,
        *,
        batch_size: int = 256,
        device: str | torch.device = "auto",
        head: nn.Module | None = None,
        precision: str = "float32",
    ) -> None:
        """Copy the encoder.

        Args:
            encoder: Maps (B, C, H, W) to (B, D).
            preparation: From counts to the encoder's input.
            batch_size: Images in one forward pass.
            device: "auto", "cpu", "cuda" or "mps".
            head: Applied to the representation, such as the projection head of one sub-space.
            precision: "float32" (the default: embeddings are kept and compared), "bf16" or "auto".

        Raises:
            ValueError: Batch size below 1, unknown precision, or a device that is not at hand.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
        self.device = choose_device(device)
        self._preparation, self._batch_size = preparation, batch_size
        self._dtype = choose_precision(precision, self.device)
        self._encoder = frozen_copy(encoder, self.device)
        self._head = None if head is None else frozen_copy(head, self.device)
        self._checked = False

    @torch.no_grad()
    def __call__(self, blocks: Iterable[NDArray | Tensor]) -> Iterator[NDArray[np.float32]]:
        """Embeddings of blocks of images, in order.

        On a GPU the next blocks are already queued while one is handed out.

        Args:
            blocks: Shape (n, C, H, W) each, counts, bands in the order of the contract; n may differ.

        Yields:
            Shape (n, D); rows of NaN where an image holds no data at all.
        """
        waiting: deque[tuple[Tensor, torch.cuda.Event | None]] = deque()
        for block in blocks:
            waiting.append(self._to_host(self._encode(torch.as_tensor(block))))
            if len(waiting) > 2:
                yield _arrived(*waiting.popleft())
        while waiting:
            yield _arrived(*waiting.popleft())

    def _encode(self, images: Tensor) -> Tensor:
        return torch.cat([self._forward(part) for part in images.split(self._batch_size)])

    def _forward(self, images: Tensor) -> Tensor:
        if self.device.type == "cuda":
            images = images.pin_memory()
        images = sent(images, self.device)
        missing = missing_images(images)
        pixels = self._preparation(images)
        if not self._checked and not bool(missing.all()):
            check_network_input(pixels[~missing], self._preparation.spec)
            self._checked = True
        pixels = pixels.contiguous(memory_format=memory_layout(self.device))
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
            vectors = self._encoder(pixels)
            vectors = vectors if self._head is None else self._head(vectors)
        return vectors.float().masked_fill(missing[:, None], float("nan"))

    def _to_host(self, vectors: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
        if self.device.type != "cuda":
            return vectors.cpu(), None
        target = torch.empty(vectors.shape, dtype=vectors.dtype, pin_memory=True)
        target.copy_(vectors, non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self.device))
        return target, event


def _arrived(vectors: Tensor, event: torch.cuda.Event | None) -> NDArray[np.float32]:
    if event is not None:
        event.synchronize()
    return vectors.numpy()


def image_blocks(
    cube: xr.Dataset, positions: Sequence[int], images: int, *, start: int = 0, stop: int | None = None
) -> Iterator[NDArray]:
    """Images of a cube in order of patch, then season; the next block is read while one is in use.

    Args:
        cube: In memory or lazy.
        positions: Bands wanted, by their place in the cube.
        images: About how many images make a block; a block always holds whole patches.
        start: First patch.
        stop: Patch after the last.

    Yields:
        Shape (n, C, H, W), n a multiple of the seasons.
    """
    pixels = cube["reflectance"]
    stop, rows = pixels.sizes["patch"] if stop is None else stop, max(1, images // pixels.sizes["season"])
    bands = list(positions)

    def read(first: int) -> NDArray:
        block = pixels[first : min(first + rows, stop)].values
        block = block if bands == list(range(block.shape[2])) else block[:, :, bands]
        return np.ascontiguousarray(block).reshape(-1, *block.shape[2:])

    with ThreadPoolExecutor(1) as ahead:
        coming = None
        for first in range(start, stop, rows):
            ready = coming or ahead.submit(read, first)
            coming = ahead.submit(read, first + rows) if first + rows < stop else None
            yield ready.result()


def embed(
    encoder: nn.Module,
    cube: xr.Dataset,
    spec: InputSpec,
    *,
    batch_size: int = 256,
    device: str | torch.device = "auto",
    head: nn.Module | None = None,
    precision: str = "float32",
    progress: bool = False,
) -> xr.Dataset:
    """Embeddings of every patch and season of a cube.

    The encoder runs as a frozen copy in eval mode; its own mode and BatchNorm statistics stay untouched.
    Bands are found by name, counts converted to the contract's unit. A season without any data keeps its row,
    filled with NaN, so that rows stay aligned with the cube.

    Args:
        encoder: Maps (B, C, H, W) to (B, D).
        cube: In memory or lazy, with any number of seasons.
        spec: The encoder's input contract.
        batch_size: Images in one forward pass.
        device: "auto", "cpu", "cuda" or "mps".
        head: Applied to the representation, such as the projection head of one sub-space.
        precision: "float32", "bf16" or "auto".
        progress: Whether to show a bar.

    Returns:
        ``embedding`` (patch, season, dim) float32 with patch, lon, lat, time and what the cube says of labels
        and clouds; attributes tell encoder, contract and origin.

    Raises:
        ValueError: Not a cube, an empty one, or no conversion of units is known.
        LookupError: A band is missing.

    Warns:
        EmbeddingInputWarning: The first batch does not look like what the contract says.
    """
    preparation = Preparation.of(cube, spec)
    if not cube.sizes["patch"]:
        raise ValueError("the cube has no patches, so there is nothing to embed")
    embedder = Embedder(
        encoder, preparation, batch_size=batch_size, device=device, head=head, precision=precision
    )
    seasons = cube.sizes["season"]
    with tqdm(total=cube.sizes["patch"] * seasons, unit="image", disable=not progress) as bar:
        parts = []
        for part in embedder(image_blocks(cube, preparation.positions, batch_size)):
            parts.append(part)
            bar.update(len(part))
    vectors = np.concatenate(parts).reshape(-1, seasons, parts[0].shape[-1])
    return embedding_dataset(vectors, cube, description(encoder, cube, spec, head, precision))


def description(
    encoder: nn.Module, cube: xr.Dataset, spec: InputSpec, head: nn.Module | None, precision: str
) -> dict[str, str]:
    """Attributes that travel with embeddings; nested values as JSON text, so that every format takes them."""
    attrs = {key: value for key, value in cube.attrs.items() if key != "toolkit_version"}
    return {
        "encoder": str(getattr(encoder, "name", type(encoder).__name__)),
        "encoder_hash": module_hash(encoder),
        "head_hash": "" if head is None else module_hash(head),
        "precision": precision,
        "input_spec": json.dumps(spec.to_dict()),
        "cube": json.dumps(attrs, default=str),
    }


def embedding_dataset(vectors: NDArray[np.float32], cube: xr.Dataset, attrs: dict[str, str]) -> xr.Dataset:
    """Vectors (patch, season, dim) with place, time and labels of their cube."""
    kept = {name: (cube[name].dims, cube[name].values) for name in KEPT if name in cube.variables}
    coords = {name: (cube[name].dims, cube[name].values) for name in ("patch", "lon", "lat", "time")}
    if "class_names" in cube.attrs:
        attrs = {**attrs, "class_names": json.dumps(list(cube.attrs["class_names"]))}
    return xr.Dataset({"embedding": (("patch", "season", "dim"), vectors)}, coords | kept, attrs)
