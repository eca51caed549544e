import colorsys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from seco_lab.views.colour import (
    BRIGHTNESS,
    CONTRAST,
    HUE,
    LUMA,
    SATURATION,
    Jitter,
    draw_jitter,
    grayscale,
    jitter_bands,
    jitter_rgb,
    shift_hue,
)

ENHANCERS = {
    BRIGHTNESS: ImageEnhance.Brightness,
    CONTRAST: ImageEnhance.Contrast,
    SATURATION: ImageEnhance.Color,
}


def pictures(count=1, channels=3, size=32, seed=0):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def jitter_of(order, factor=(1.0, 1.0, 1.0), shift=(0.0,), on=True, count=1):
    rows = {"order": order, "factor": factor, "shift": shift}
    rows = {name: torch.tensor([values]).repeat(count, 1) for name, values in rows.items()}
    return Jitter(on=torch.full((count,), on), **rows)


def eight_bit(images):
    return (images * 255).round() / 255


@pytest.mark.parametrize("kind", [BRIGHTNESS, CONTRAST, SATURATION])
@pytest.mark.parametrize("factor", [0.6, 0.9, 1.4])
def test_one_step_is_pillows_within_a_level(kind, factor):
    image = eight_bit(pictures())
    factors = [1.0, 1.0, 1.0]
    factors[kind] = factor
    pil = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy())
    wanted = np.asarray(ENHANCERS[kind](pil).enhance(factor)).transpose(2, 0, 1)
    changed = jitter_rgb(image.clone(), jitter_of([0, 1, 2, 3], factors))[0] * 255
    assert np.abs(changed.numpy() - wanted).max() <= 1.5


@pytest.mark.parametrize("turn", [0.1, -0.1, 0.03, 1 / 6])
def test_hue_turns_in_hsv(turn):
    image = pictures(size=12)
    image[0, :, 0, 0] = 0.5  # gray, black, two equal channels
    image[0, :, 0, 1] = 0.0
    image[0, :, 0, 2] = torch.tensor([0.7, 0.7, 0.2])
    changed = image.clone()
    shift_hue(changed, torch.tensor([turn]))
    for y in range(12):
        for x in range(12):
            hue, saturation, value = colorsys.rgb_to_hsv(*image[0, :, y, x].tolist())
            wanted = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            np.testing.assert_allclose(changed[0, :, y, x], wanted, atol=2e-6)


def test_hue_is_pillows_within_its_rounding():
    image = eight_bit(pictures())
    pil = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy()).convert("HSV")
    bands = [np.asarray(band) for band in pil.split()]
    bands[0] = ((bands[0].astype(int) + 20) % 256).astype(np.uint8)
    wanted = np.asarray(Image.merge("HSV", [Image.fromarray(b) for b in bands]).convert("RGB"))
    shift_hue(image, torch.tensor([20 / 255]))
    difference = np.abs(image[0].permute(1, 2, 0).numpy() * 255 - wanted)
    # Pillow keeps the hue in whole steps of 1/255 of the circle: each is 6/255 of the chroma. Two roundings.
    assert difference.max() <= 6 + 6 + 2
    assert difference.mean() <= 1.5


def test_gray_is_pillows_l():
    image = eight_bit(pictures())
    pil = Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy()).convert("L")
    gray = grayscale(image, LUMA)[0] * 255
    assert np.abs(gray.numpy() - np.asarray(pil)).max() <= 1.0


def one_by_one(image, jitter, row):
    """The four steps of one image, in plain words."""
    x = image.clone()
    for kind in jitter.order[row].tolist():
        if kind == HUE:
            hue = torch.stack(
                [
                    torch.tensor(colorsys.hsv_to_rgb((h + float(jitter.shift[row, 0])) % 1, s, v))
                    for h, s, v in (colorsys.rgb_to_hsv(*pixel) for pixel in x.flatten(1).T.tolist())
                ]
            )
            x = hue.T.reshape(x.shape)
            continue
        factor = jitter.factor[row, kind]
        gray = sum(weight * band for weight, band in zip(LUMA, x, strict=True))
        other = {BRIGHTNESS: 0.0, CONTRAST: gray.mean(), SATURATION: gray}[kind]
        x = (factor * x + (1 - factor) * other).clamp(0, 1)
    return x


def test_every_order_agrees_with_a_plain_loop():
    generator = torch.Generator().manual_seed(3)
    images, jitter = pictures(40, size=6), draw_jitter(40, generator)
    assert len(jitter.groups().unique()) > 8
    changed = jitter_rgb(images.clone(), jitter)
    for row in range(40):
        wanted = one_by_one(images[row], jitter, row) if jitter.on[row] else images[row]
        torch.testing.assert_close(changed[row], wanted, atol=5e-6, rtol=0)


def test_small_runs_give_the_same(monkeypatch):
    images, jitter = pictures(30, size=8), draw_jitter(30, torch.Generator().manual_seed(1))
    whole = jitter_rgb(images.clone(), jitter)
    monkeypatch.setattr("seco_lab.views.rows._CACHE_VALUES", 1)
    torch.testing.assert_close(jitter_rgb(images.clone(), jitter), whole, atol=1e-6, rtol=0)


def test_the_law_of_the_draws():
    jitter = draw_jitter(40_000, torch.Generator().manual_seed(0))
    assert abs(jitter.on.float().mean() - 0.8) < 0.01
    assert 0.6 <= jitter.factor.min() < 0.601
    assert 1.399 < jitter.factor.max() <= 1.4
    assert abs(jitter.factor.var() - 0.8**2 / 12) < 1e-3
    assert -0.1 <= jitter.shift.min()
    assert abs(jitter.shift.var() - 0.2**2 / 12) < 1e-4
    _, counts = jitter.order.unique(dim=0, return_counts=True)
    assert len(counts) == 24
    assert counts.min() > 0.85 * 40_000 / 24
    # Independent: no factor knows of another, nor of whether it is used.
    table = torch.cat([jitter.factor, jitter.shift, jitter.on.float()[:, None]], 1).T
    assert (torch.corrcoef(table) - torch.eye(5)).abs().max() < 0.02


@pytest.mark.parametrize("channels", [2, 12])
def test_bands_that_are_no_picture(channels):
    images = pictures(1, channels)
    same = jitter_bands(images.clone(), jitter_of([0, 1, 2, 3], shift=[0.0] * channels))
    torch.testing.assert_close(same, images)
    bright = jitter_bands(images.clone(), jitter_of([0, 1, 2, 3], (0.7, 1.0, 1.0), [0.0] * channels))
    torch.testing.assert_close(bright, 0.7 * images)
    flat = jitter_bands(images.clone(), jitter_of([1, 0, 2, 3], (1.0, 0.6, 1.0), [0.0] * channels))
    mean = images.mean((2, 3), keepdim=True)
    torch.testing.assert_close(flat, 0.6 * images + 0.4 * mean, atol=1e-6, rtol=0)
    gain = torch.linspace(-0.1, 0.1, channels)
    scaled = jitter_bands(images.clone(), jitter_of([3, 1, 2, 0], shift=gain.tolist()))
    torch.testing.assert_close(scaled, (images * (1 + gain)[:, None, None]).clamp(0, 1))


def test_images_that_are_off_stay_as_they_are():
    images = pictures(2)
    assert torch.equal(
        jitter_rgb(images.clone(), jitter_of([0, 1, 2, 3], (0.6, 0.6, 0.6), (0.1,), False, 2)), images
    )
