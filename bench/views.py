"""Views a second: MoCo-v2's recipe and SeCo's mix, seco_lab against Pillow and kornia in one run.

All make the same views of the same counts: limits to [0, 1] (8 bits for Pillow), random resized crop,
colour jitter, gray, blur, flip, mean and standard deviation. Pillow's way is the official one, image by
image in worker processes. The contestants take turns; medians are compared. Run ``python bench/views.py
[--json FILE]``.

kornia's and Pillow's recipes are written with the same probabilities and ranges; kornia blurs with a fixed
kernel of 13 taps. Context only, quoted and not run here: DALI on a CPU, 417 images/s (224 px from 264 px, 2
threads).
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter

from seco_lab.batch import generator_for
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import keep_freed_memory
from seco_lab.nn.inputs import to_unit_range
from seco_lab.views import MoCoViews, SeasonalViews
from seco_lab.views.recipes import fast_dtype

LOW, HIGH = (0.0, 78.0, 118.0), (5059.0, 4039.0, 3451.0)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CASES = (
    ("moco", 264, 224, 32),
    ("moco", 264, 96, 64),
    ("moco", 120, 96, 64),
    ("moco", 96, 96, 64),
    ("seco", 264, 224, 32),
)
NAMES = {"moco": 2, "seco": 4}
TURNS = 5


def spec_of(size_px: int) -> InputSpec:
    return InputSpec("sentinel2-l2a", ("B04", "B03", "B02"), "dn", LOW, HIGH, MEAN, STD, 10, size_px)


def counts(batch: int, size_px: int) -> torch.Tensor:
    """Smooth counts: noise would make no difference to the speed, but a picture is a picture."""
    coarse = torch.rand(batch, 9, size_px // 8, size_px // 8, generator=generator_for(0, 0))
    fine = torch.nn.functional.interpolate(coarse, (size_px, size_px), mode="bicubic") * 5000
    return fine.clamp(1, 9999).to(torch.int32).to(torch.uint16).view(batch, 3, 3, size_px, size_px)


# --- Pillow, one image at a time


def pil_jitter(image: Image.Image, chance: random.Random) -> Image.Image:
    if chance.random() >= 0.8:
        return image
    factors = [chance.uniform(0.6, 1.4) for _ in range(3)]
    turn = chance.uniform(-0.1, 0.1)
    kinds = [0, 1, 2, 3]
    chance.shuffle(kinds)
    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for kind in kinds:
        image = pil_hue(image, turn) if kind == 3 else enhancers[kind](image).enhance(factors[kind])
    return image


def pil_hue(image: Image.Image, turn: float) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    turned = np.asarray(hue, np.uint8) + np.uint8(int(turn * 255) % 256)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")


def pil_look(image: Image.Image, chance: random.Random) -> Image.Image:
    image = pil_jitter(image, chance)
    if chance.random() < 0.2:
        image = image.convert("L").convert("RGB")
    if chance.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.1, 2.0)))
    if chance.random() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    return image


def pil_crop(image: Image.Image, size_px: int, chance: random.Random) -> Image.Image:
    width, height = image.size
    for _ in range(10):
        area = chance.uniform(0.2, 1.0) * width * height
        ratio = math.exp(chance.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = chance.randint(0, height - h), chance.randint(0, width - w)
            return image.crop((left, top, left + w, top + h)).resize((size_px, size_px), Image.BILINEAR)
    return image.resize((size_px, size_px), Image.BILINEAR)


def pil_tensor(image: Image.Image) -> np.ndarray:
    x = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
    return (x - np.array(MEAN, np.float32)[:, None, None]) / np.array(STD, np.float32)[:, None, None]


def pil_image(image: np.ndarray) -> Image.Image:
    low, high = (np.array(v, np.float32)[:, None, None] for v in (LOW, HIGH))
    eight = np.clip((image.astype(np.float32) - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(eight.transpose(1, 2, 0)))


def pil_views(kind: str, seasons: np.ndarray, size_px: int, chance: random.Random) -> list[np.ndarray]:
    """All views of one sample (T, C, H, W)."""
    if kind == "moco":
        image = pil_image(seasons[0])
        return [pil_tensor(pil_look(pil_crop(image, size_px, chance), chance)) for _ in range(2)]
    first, second, third = (pil_image(season) for season in seasons)
    whole = (first, pil_look(second, chance), third, pil_look(first, chance))
    return [pil_tensor(pil_crop(image, size_px, chance)) for image in whole]


def pil_worker(job: tuple) -> tuple[float, float]:
    """Seconds, and of processor time, for half a batch; the views stay in the worker, in Pillow's favour."""
    kind, batch, side, size_px, seed = job
    images, chance = counts_cache(batch, side), random.Random(seed)
    return timed(lambda: np.stack([np.stack(pil_views(kind, image, size_px, chance)) for image in images]))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and seconds of processor time of this process."""
    begin, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - spent


_CACHE: dict[tuple[int, int], np.ndarray] = {}


def counts_cache(batch: int, side: int) -> np.ndarray:
    if (batch, side) not in _CACHE:
        _CACHE[batch, side] = counts(batch, side).numpy()
    return _CACHE[batch, side]


# --- kornia and ours, a batch at a time


def kornia_views(kind: str, images: torch.Tensor, size_px: int) -> Callable[[int], object]:
    import kornia.augmentation as K

    look = [
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
        K.RandomGaussianBlur((13, 13), (0.1, 2.0), p=0.5),
        K.RandomHorizontalFlip(p=0.5),
    ]
    crop = K.RandomResizedCrop((size_px, size_px), scale=(0.2, 1.0), ratio=(3 / 4, 4 / 3))
    norm = K.Normalize(torch.tensor(MEAN), torch.tensor(STD))
    spec = spec_of(size_px)
    if kind == "moco":
        pipeline = torch.nn.Sequential(crop, *look, norm)

        def make(step: int) -> object:
            x = to_unit_range(images[:, 0], spec, "dn")
            return pipeline(x), pipeline(x)

        return make
    plain, changed = torch.nn.Sequential(crop, norm), torch.nn.Sequential(*look, crop, norm)

    def make_seco(step: int) -> object:
        first, second, third = (to_unit_range(images[:, t], spec, "dn") for t in range(3))
        return plain(first), changed(second), plain(third), changed(first)

    return make_seco


def our_views(
    kind: str, images: torch.Tensor, size_px: int, arithmetic: torch.dtype
) -> Callable[[int], object]:
    make = {"moco": MoCoViews, "seco": SeasonalViews}[kind](spec_of(size_px), size_px, arithmetic=arithmetic)
    return lambda step: make(images, generator_for(0, step))


def measure(case: tuple[str, int, int, int], pool: multiprocessing.pool.Pool) -> list[dict]:
    """One row per contestant and number of threads (Pillow: of worker processes)."""
    kind, side, size_px, batch = case
    images, views = counts(batch, side), NAMES[kind] * batch
    batched = {
        "seco_lab bf16": our_views(kind, images, size_px, torch.bfloat16),
        "seco_lab float32": our_views(kind, images, size_px, torch.float32),
        "kornia": kornia_views(kind, images, size_px),
    }
    spent: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for turn in range(-1, TURNS):
        for threads in (2, 1):
            torch.set_num_threads(threads)
            for name, make in batched.items():
                clock, cpu = timed(partial(make, turn + 1))
                spent.setdefault((name, threads), []).append((clock / views, cpu / views))
            jobs = [(kind, batch // 2, side, size_px, 10 * turn + n) for n in range(threads)]
            done = pool.map(pil_worker, jobs, chunksize=1)
            clock, cpu = max(c for c, _ in done), sum(c for _, c in done)
            half = threads * views / 2
            spent.setdefault(("Pillow", threads), []).append((clock / half, cpu / half))
    return rows_of(case, {key: np.median(values[1:], axis=0) for key, values in spent.items()})


def rows_of(case: tuple[str, int, int, int], middle: dict[tuple[str, int], np.ndarray]) -> list[dict]:
    kind, side, size_px, batch = case
    return [
        {
            "recipe": f"{kind} {side} to {size_px} px, batch {batch}",
            "who": name,
            "threads": threads,
            "views/s": round(1 / clock),
            "to Pillow": round(middle["Pillow", threads][0] / clock, 2),
            "CPU ms/view": round(1000 * cpu, 2),
            "CPU to Pillow": round(middle["Pillow", threads][1] / cpu, 2),
        }
        for (name, threads), (clock, cpu) in middle.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json")
    parser.add_argument("--cases", default="01234", help="which of the cases to run, by number")
    arguments = parser.parse_args()
    keep_freed_memory()
    rows = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for number in arguments.cases:
            found = measure(CASES[int(number)], pool)
            rows += found
            for row in found:
                print(
                    "  ".join(f"{value!s:>{16 if key == 'who' else 5}}" for key, value in row.items()),
                    flush=True,
                )
    chosen = "bf16" if fast_dtype(torch.device("cpu")) == torch.bfloat16 else "float32"
    ours = f"seco_lab {chosen}"
    ratio = next(row["to Pillow"] for row in rows if row["who"] == ours and row["threads"] == 2)
    if arguments.json:
        result = {"name": "views", "rows": rows, "ratio": ratio, "command": "python bench/views.py"}
        result["note"] = (
            f"the toolkit chooses {chosen} by itself on this processor; the ratio is that of its first row"
        )
        with open(arguments.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    sys.exit(main())
