"""The Siamese U-Net: the layers of the official decoder, who gets a gradient, chance from a generator."""

import pytest
import torch

from seco_lab.batch import generator_for
from seco_lab.nn.encoders import resnet18
from seco_lab.nn.segmentation import ChangeDecoder, PyramidSegmenter, SiameseUNet


def images(size_px=64, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(2, 2, 3, size_px, size_px, generator=chance)


def test_layers_of_the_official_decoder():
    shapes = {name: tuple(p.shape) for name, p in ChangeDecoder((64, 64, 128, 256, 512)).named_parameters()}
    for number, (coarse, fine) in enumerate([(512, 256), (256, 128), (128, 64), (64, 64)]):
        assert shapes[f"steps.{number}.up.weight"] == (fine, coarse, 3, 3)
        assert shapes[f"steps.{number}.up.bias"] == (fine,)
        assert shapes[f"steps.{number}.join.weight"] == (fine, 2 * fine, 3, 3)
        assert f"steps.{number}.join.bias" not in shapes
    assert shapes["last.weight"] == (1, 64, 1, 1)


def test_logit_for_each_pixel_whatever_the_order_of_dates():
    model = SiameseUNet(resnet18(3, width=4)).eval()
    before, after = images()
    found = model(before, after)
    assert found.shape == (2, 64, 64)
    torch.testing.assert_close(found, model(after, before))


def test_no_difference_gives_zero_maps():
    model = SiameseUNet(resnet18(3, width=4)).eval()
    before, _ = images()
    assert all(not part.any() for part in model.differences(before, before))


def test_encoder_is_a_copy_and_decoder_follows_the_seed():
    encoder = resnet18(3, width=4)
    one, same, other = (SiameseUNet(encoder, seed=seed) for seed in (1, 1, 2))
    assert one.encoder is not encoder
    torch.testing.assert_close(one.decoder.state_dict(), same.decoder.state_dict())
    assert not torch.equal(one.decoder.last.weight, other.decoder.last.weight)


def test_dropout_draws_from_the_generator_alone():
    model, (before, after) = SiameseUNet(resnet18(3, width=4)).eval(), images()
    one, same, other = (model(before, after, generator_for(seed, 0, "dropout")) for seed in (0, 0, 1))
    torch.testing.assert_close(one, same)
    assert not torch.allclose(one, other)
    assert not torch.allclose(one, model(before, after))


def test_gradient_reaches_the_decoder_and_a_thawed_encoder():
    model, (before, after) = SiameseUNet(resnet18(3, width=4)), images()
    model.encoder.requires_grad_(False)
    model(before, after).sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert all(p.grad is not None for p in model.decoder.parameters())


def test_odd_sizes_and_encoders_are_refused():
    model = SiameseUNet(resnet18(3, width=4))
    with pytest.raises(ValueError, match="a multiple of 32 px"):
        model(images(50)[0], images(50)[1])
    with pytest.raises(ValueError, match="same size"):
        model(images(64)[0], images(32)[0])
    with pytest.raises(ValueError, match="Linear has none"):
        SiameseUNet(torch.nn.Linear(2, 2))


def test_class_scores_for_each_pixel():
    model = PyramidSegmenter(resnet18(3, width=8), 3)
    assert model(torch.zeros(2, 3, 64, 96)).shape == (2, 3, 64, 96)
    assert len({id(p) for p in model.parameters()} & {id(p) for p in model.encoder.parameters()}) > 0
    names = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert names == {"encoder", "decoder"}


def test_pyramid_segmenter_learns_where_a_square_is():
    chance = torch.Generator().manual_seed(0)
    pictures = torch.randn(2, 3, 64, 64, generator=chance) * 0.1
    truth = torch.zeros(2, 64, 64, dtype=torch.long)
    for row, (y, x) in enumerate([(4, 8), (30, 20)]):
        truth[row, y : y + 16, x : x + 16] = 1
    pictures += 2 * truth[:, None]
    model = PyramidSegmenter(resnet18(3, width=8), 2).eval()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(pictures), truth).backward()
        optimiser.step()
    found = model(pictures).argmax(1)
    shared = ((found == 1) & (truth == 1)).sum() / ((found == 1) | (truth == 1)).sum()
    assert shared > 0.7


def test_segmenter_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="two classes or more"):
        PyramidSegmenter(resnet18(3, width=8), 1)
    with pytest.raises(ValueError, match="wanted an encoder with feature_maps"):
        PyramidSegmenter(torch.nn.Linear(2, 2), 2)
