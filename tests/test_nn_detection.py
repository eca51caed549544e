"""The detector: anchors by hand, who belongs to whom, worked losses, and that it learns to find a square."""

import math

import pytest
import torch
from torch import nn

from seco_lab.nn.anchors import BACKGROUND, IGNORED, Anchors, match_anchors
from seco_lab.nn.boxes import box_iou
from seco_lab.nn.detection import RetinaNet, focal_loss, image_loss
from seco_lab.nn.encoders import resnet18
from seco_lab.nn.pyramid import FeaturePyramid

SMALL = Anchors(base_px=8)


def detector(classes=2, *, seed=0, width=8):
    return RetinaNet(resnet18(3, width=width), classes, anchors=SMALL, seed=seed).eval()


def squares(count=4, *, side_px=64, seed=0):
    """Noise with one bright square each, and its box."""
    chance = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, side_px, side_px, generator=chance) * 0.1
    corners = torch.randint(4, side_px - 20, (count, 2), generator=chance)
    for image, (x, y) in zip(images, corners.tolist(), strict=True):
        image[:, y : y + 14, x : x + 14] += 2
    boxes = torch.cat([corners, corners + 14], dim=1).float()
    return images, [box[None] for box in boxes], [torch.zeros(1, dtype=torch.long)] * count


def test_anchors_by_hand():
    anchors = Anchors(strides_px=(4, 8), base_px=10, scales=(1.0, 2.0), ratios=(1.0, 4.0))
    found = anchors.over(8, 16)
    assert found.shape == ((2 * 4 + 1 * 2) * 4, 4)
    assert found[0].tolist() == [2 - 5, 2 - 5, 2 + 5, 2 + 5]  # first cell, first size, square
    assert found[1].tolist() == [2 - 2.5, 2 - 10, 2 + 2.5, 2 + 10]  # four times as high as wide
    assert found[4].tolist() == [6 - 5, 2 - 5, 6 + 5, 2 + 5]  # the next cell lies to the right
    assert found[32].tolist() == [4 - 10, 4 - 10, 4 + 10, 4 + 10]  # the coarse level begins


def test_anchors_without_size_are_refused():
    with pytest.raises(ValueError, match="positive strides"):
        Anchors(base_px=0)
    with pytest.raises(ValueError, match="positive strides"):
        Anchors(ratios=())


def test_who_belongs_to_whom():
    anchors = torch.tensor(
        [[0.0, 0, 10, 10], [0, 0, 10, 22], [40, 40, 50, 50], [0, 0, 10, 30], [90, 90, 99, 99]]
    )
    boxes = torch.tensor([[0.0, 0, 10, 10], [44, 44, 45, 45]])
    # The third overlaps the second box by 1 % only, but no other anchor does better.
    assert match_anchors(anchors, boxes).tolist() == [0, IGNORED, 1, BACKGROUND, BACKGROUND]
    assert match_anchors(anchors, boxes[:0]).tolist() == [BACKGROUND] * 5


def test_focal_loss_by_hand():
    logits, wanted = torch.tensor([0.0, 0.0, 2.0]), torch.tensor([1.0, 0.0, 1.0])
    sure = 1 / (1 + math.exp(-2))
    hand = [0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2), -0.25 * (1 - sure) ** 2 * math.log(sure)]
    torch.testing.assert_close(focal_loss(logits, wanted), torch.tensor(hand))


def test_pyramid_adds_the_deep_to_the_shallow():
    pyramid = FeaturePyramid((1, 1), 1)
    for layer in pyramid.across:
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
    pyramid.smooth = nn.ModuleList([nn.Identity(), nn.Identity()])
    fine, deep = torch.arange(16.0).reshape(1, 1, 4, 4), torch.tensor([[[[100.0, 200], [300, 400]]]])
    first, second = pyramid([fine, deep])
    assert torch.equal(second, deep)
    assert torch.equal(first, fine + deep.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_an_answer_for_each_anchor():
    model = detector()
    logits, coded = model(torch.zeros(2, 3, 64, 96))
    anchors = SMALL.over(64, 96)
    assert logits.shape == (2, len(anchors), 2)
    assert coded.shape == (2, len(anchors), 4)


def test_order_of_answers_is_that_of_the_anchors():
    """A feature at one cell changes the answers of the anchors round it most."""
    model = detector()
    maps = model.encoder.feature_maps(torch.zeros(1, 3, 64, 64))[1:]
    before, _ = model.heads(maps)
    maps[0] = maps[0].clone()
    maps[0][0, :, 12, 3] += 50  # row 12, column 3 of stride 4
    after, _ = model.heads(maps)
    most = SMALL.over(64, 64)[(after - before).abs().amax(2)[0].topk(40).indices]
    centres = (most[:, :2] + most[:, 2:]) / 2
    # GroupNorm carries a little of it everywhere; the most stays within the reach of six 3x3 convolutions.
    assert (centres - torch.tensor([3 * 4 + 2.0, 12 * 4 + 2.0])).abs().max() <= 6 * 4


def test_everything_begins_as_background():
    assert detector()(squares(1)[0])[0].sigmoid().mean().item() < 0.05


def test_encoder_is_a_copy_and_heads_follow_the_seed():
    encoder = resnet18(3, width=8)
    torch.manual_seed(5)
    first = RetinaNet(encoder, 2, seed=1)
    torch.manual_seed(6)
    same, other = RetinaNet(encoder, 2, seed=1), RetinaNet(encoder, 2, seed=2)
    assert first.encoder is not encoder
    for a, b, c in zip(*(m.heads.state_dict().values() for m in (first, same, other)), strict=True):
        assert torch.equal(a, b)
        assert a.ndim < 2 or not torch.equal(a, c)


def test_an_empty_image_has_a_loss_and_a_gradient():
    model = detector()
    loss = model.loss(torch.zeros(1, 3, 64, 64), [torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.long)])
    loss.backward()
    assert torch.isfinite(loss)
    assert model.heads.classify[-1].bias.grad.abs().sum() > 0


def test_an_object_that_does_not_count_is_neither_wanted_nor_background():
    """The loss does not see what is answered at its anchors, and sees everything elsewhere."""
    model, (images, boxes, _) = detector(classes=1), squares(1)
    logits, coded = model(images)
    anchors = SMALL.over(64, 64)
    near = box_iou(anchors, boxes[0])[:, 0] >= 0.5
    losses = [
        image_loss(anchors, logits[0] + 3 * there[:, None], coded[0], boxes[0], torch.tensor([-1]))[0].item()
        for there in (torch.zeros(len(anchors)), near, ~near)
    ]
    assert losses[0] == losses[1] < losses[2]


def test_learns_to_find_a_square():
    model = detector(classes=1).requires_grad_(True)
    images, boxes, classes = squares(2)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(25):
        optimiser.zero_grad()
        loss = model.loss(images, boxes, classes)
        loss.backward()
        optimiser.step()
    found = model.find(images)
    overlaps = [box_iou(one.boxes[:1], box).item() for one, box in zip(found, boxes, strict=True)]
    assert min(overlaps) > 0.5
    assert all((one.scores.diff() <= 0).all() for one in found)


def test_objects_are_few_inside_and_above_the_least_score():
    model = detector()
    nn.init.zeros_(model.heads.classify[-1].bias)
    found = model.find(squares(1)[0], least_score=0.3, limit=7)[0]
    assert len(found.boxes) == 7
    assert found.scores.min() >= 0.3
    assert found.boxes.min() >= 0
    assert found.boxes.max() <= 64
    assert len(model.find(squares(1)[0], least_score=0.999)[0].boxes) == 0


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="wanted an encoder with feature_maps"):
        RetinaNet(nn.Linear(2, 2), 2)
    with pytest.raises(ValueError, match="a class or more"):
        RetinaNet(resnet18(3, width=8), 0)
    broken = detector()
    nn.init.constant_(broken.encoder.conv1.weight, float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        broken.find(squares(1)[0])
