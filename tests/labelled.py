"""Small labelled cubes for tests; run as a script it embeds one slowly, so that it can be killed."""

import sys
import time

import numpy as np
import torch
from torch import nn

from seco_lab.cube import make_cube
from seco_lab.embeddings import embed_to
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import resnet18
from seco_lab.sensors import SENTINEL2_L1C, SENTINEL2_L2A

RGB = ("B04", "B03", "B02")
SPEC = InputSpec("sentinel2-l2a", RGB, "dn", (0,) * 3, (4000,) * 3, (0.5,) * 3, (0.29,) * 3, 10.0, 16)


def counts(patches, seasons, bands, size_px, seed=0):
    """Noise that fills 0 to 4000 DN."""
    chance = np.random.default_rng(seed)
    return chance.integers(1, 4000, (patches, seasons, bands, size_px, size_px)).astype(np.uint16)


def plain_cube(reflectance, *, bands=RGB, sensor=SENTINEL2_L2A, **extras):
    patches, seasons = reflectance.shape[:2]
    day = np.arange(patches * seasons).reshape(patches, seasons)
    return make_cube(
        reflectance,
        patch=[f"p{i:04d}" for i in range(patches)],
        time=np.datetime64("2020-01-01") + day.astype("timedelta64[D]"),
        lon=np.linspace(-170, 170, patches),
        lat=np.linspace(-60, 60, patches),
        sensor=sensor,
        bands=bands,
        **extras,
    )


def class_cube(patches=120, classes=3, *, seed=0, size_px=16, difficulty=0.35):
    """EuroSAT-like pictures whose class is a colour, blurred by noise; labels go round."""
    chance = np.random.default_rng(seed)
    label = np.arange(patches) % classes
    colours = 0.35 + 0.3 * np.array([[i >> b & 1 for b in range(3)] for i in range(1, classes + 1)])
    tint = chance.normal(0, difficulty / 4, (patches, 3))
    grain = chance.normal(0, 0.15, (patches, 3, size_px, size_px))
    pixels = (colours[label] + tint)[:, :, None, None] + grain
    names = [f"class{i}" for i in range(classes)]
    return plain_cube(
        (pixels.clip(0.01, 1) * 255).astype(np.uint8)[:, None],
        sensor=SENTINEL2_L1C,
        unit="eurosat_jpeg",
        label=label,
        class_names=names,
    )


CLASS_SPEC = InputSpec(
    "sentinel2-l1c", RGB, "eurosat_jpeg", (0,) * 3, (255,) * 3, (0.5,) * 3, (0.25,) * 3, 10.0, 16
)


def tiny_encoder(bands=3, seed=0):
    return resnet18(bands, width=4, seed=seed)


class Slow(nn.Module):
    """Takes its time over each batch."""

    def __init__(self, seconds):
        super().__init__()
        self.inner, self.seconds = tiny_encoder(), seconds

    def forward(self, images):
        time.sleep(self.seconds)
        return self.inner(images)


def embed_slowly(path, seconds):
    torch.set_num_threads(1)
    cube = plain_cube(counts(40, 2, 3, 16))
    return embed_to(Slow(seconds), cube, SPEC, path, part_patches=4, batch_size=8, progress=False)


if __name__ == "__main__":
    embed_slowly(sys.argv[1], float(sys.argv[2]))
