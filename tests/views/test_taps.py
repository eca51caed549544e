import numpy as np
import pytest
import torch
from PIL import Image

from seco_lab.views import taps
from seco_lab.views.geometry import Boxes, draw_boxes, resized_crop
from seco_lab.views.taps import resample, resize_taps


def images_and_boxes(count=6, channels=3, height=50, width=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, channels, height, width, generator=generator)
    return images, draw_boxes(count, height, width, generator)


def pil_crop(image, boxes, row, size):
    top, left = int(boxes.top[row]), int(boxes.left[row])
    box = (left, top, left + int(boxes.width[row]), top + int(boxes.height[row]))
    bands = [Image.fromarray(band.numpy()).crop(box).resize((size, size), Image.BILINEAR) for band in image]
    return np.stack([np.asarray(band) for band in bands])


@pytest.mark.parametrize("size", [16, 37, 80])
@pytest.mark.parametrize("channels", [2, 3, 12])
def test_crop_and_resize_are_pillows(size, channels):
    images, boxes = images_and_boxes(channels=channels)
    result = resized_crop(images, boxes, size)
    for row, image in enumerate(images):
        np.testing.assert_allclose(result[row], pil_crop(image, boxes, row, size), atol=1e-4)


@pytest.mark.parametrize(
    ("size_in", "size_out"), [((264, 264), 224), ((264, 264), 96), ((40, 33), 70), ((5, 3), 8)]
)
def test_windows_agree_with_full_matrices(size_in, size_out):
    images, boxes = images_and_boxes(4, 3, *size_in)
    source = torch.tensor([2, 0, 0, 3, 1])
    boxes = boxes[source]
    rows = resize_taps(boxes.top, boxes.height, size_in[0], size_out)
    columns = resize_taps(boxes.left, boxes.width, size_in[1], size_out)
    windows = resample(images, rows, columns, source)
    full = taps._resample_dense(images, rows, columns, source)
    torch.testing.assert_close(windows, full, atol=2e-6, rtol=0)
    torch.testing.assert_close(rows.dense().sum(2), torch.ones(5, size_out), atol=1e-5, rtol=0)


def test_bfloat16_is_within_its_bound_even_for_noise():
    images, boxes = images_and_boxes(8, 3, 120, 120)
    exact, fast = resized_crop(images, boxes, 96), resized_crop(images.bfloat16(), boxes, 96)
    assert (exact - fast).abs().max() <= 2.5 / 255
    assert (exact - fast).abs().mean() <= 0.4 / 255


def test_a_flip_mirrors_the_crop():
    images, boxes = images_and_boxes(4)
    flip = torch.tensor([True, False, True, False])
    plain, mirrored = resized_crop(images, boxes, 20), resized_crop(images, boxes, 20, flip)
    torch.testing.assert_close(mirrored[flip], plain[flip].flip(3))
    torch.testing.assert_close(mirrored[~flip], plain[~flip])


def test_the_whole_image_at_its_own_size_comes_back():
    images, _ = images_and_boxes(2, 3, 32, 32)
    whole = Boxes(*(torch.full((2,), value) for value in (0, 0, 32, 32)))
    torch.testing.assert_close(resized_crop(images, whole, 32), images)


def test_other_images_do_not_matter():
    images, boxes = images_and_boxes(4)
    other = images.clone()
    other[1:] = 0
    assert torch.equal(resized_crop(images, boxes, 24)[0], resized_crop(other, boxes, 24)[0])
