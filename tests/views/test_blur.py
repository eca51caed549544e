import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from seco_lab.views.blur import blur_taps, gaussian_blur


def picture(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(3, height, width, generator=generator) * 255).byte()


def pil_blur(image, sigma):
    pil = Image.fromarray(image.permute(1, 2, 0).numpy())
    return np.asarray(pil.filter(ImageFilter.GaussianBlur(sigma))).transpose(2, 0, 1)


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 1.6, 2.0, 3.3])
@pytest.mark.parametrize("size", [(64, 80), (9, 20)])
def test_blur_is_pillows_but_for_its_rounding(sigma, size):
    # Pillow rounds to 8 bits after each of its six passes, which undoes most of a faint blur.
    image = picture(*size)
    blurred = gaussian_blur(image[None].float(), torch.tensor([sigma]))[0]
    assert np.abs(blurred.numpy() - pil_blur(image, sigma)).max() <= 3.5
    assert np.abs(blurred.numpy() - pil_blur(image, sigma)).mean() <= 1.2


def test_spread_is_the_one_asked_for():
    sigma = torch.tensor([0.3, 0.8, 1.4, 2.0])
    kernel = blur_taps(sigma, 41).dense()[:, 20]
    position = torch.arange(41.0) - 20
    torch.testing.assert_close((kernel * position**2).sum(1), sigma**2, atol=1e-4, rtol=1e-4)


def test_short_and_long_axes_agree_away_from_the_far_border():
    sigma = torch.tensor([1.7])
    long, short = blur_taps(sigma, 60).dense(), blur_taps(sigma, 30).dense()
    torch.testing.assert_close(long[:, :15, :30], short[:, :15, :30])
    torch.testing.assert_close(long, long.flip(1, 2))


def test_each_image_has_its_own_sigma_and_source_picks_images():
    images = torch.rand(3, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.5, 1.0, 2.0])
    together = gaussian_blur(images, sigma)
    alone = gaussian_blur(images[1:2], sigma[1:2])
    torch.testing.assert_close(together[1:2], alone)
    torch.testing.assert_close(gaussian_blur(images, sigma[1:2], torch.tensor([1])), alone)
