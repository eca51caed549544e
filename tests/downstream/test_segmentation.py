"""Segmentation end to end: whole scenes from tiles, learning, what does not count, and what is refused."""

import numpy as np
import pytest
import torch
from scene_files import write_spacenet
from small_scenes import mask_scenes, spec_of

from seco_lab.downstream.segmentation import (
    SegmentationProtocol,
    class_chances,
    count_scenes,
    evaluate_segmentation,
    measured_weights,
    train_segmenter,
)
from seco_lab.downstream.spacenet import evaluate_spacenet, load_spacenet
from seco_lab.nn.encoders import resnet18

SHORT = SegmentationProtocol(epochs=10, tiles_per_scene=2, batch_size=4, lr=1e-3, tile_px=64, overlap_px=16)
QUICK = SegmentationProtocol(epochs=1, tiles_per_scene=1, batch_size=4, lr=1e-3, tile_px=32, overlap_px=8)


def encoder():
    return resnet18(3, width=8).eval()


def test_learns_where_rectangles_are_in_scenes_that_it_has_not_seen():
    scenes = mask_scenes(10)
    given = resnet18(3, width=16).eval()
    result = evaluate_segmentation(given, spec_of(scenes), scenes, protocol=SHORT, device="cpu")
    assert result.metric == "miou"
    assert result.score > 0.7
    assert result.score > result.baselines["background_miou"].value + 0.2
    assert result.ci[0] <= result.score <= result.ci[1]
    assert np.mean(list(result.per_class.values())) == pytest.approx(result.score)
    assert set(result.baselines) == {
        f"{who}_{key}" for who in ("untrained", "background") for key in ("miou", "iou", "footprint_f1")
    }
    # What was trained on the same weights is the same.
    assert result.baselines["untrained_miou"] == result.scores["miou"]
    assert result.protocol.settings["above"]["untrained"]["difference"] == 0


class Copier(torch.nn.Module):
    """Calls bright pixels a building."""

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        bright = images.mean(1)
        return torch.stack([1 - bright, bright], dim=1) * 9


def test_every_pixel_of_a_scene_has_the_answer_for_its_own_place():
    scenes = mask_scenes(1, side_px=90)
    protocol = SegmentationProtocol(tile_px=64, overlap_px=20, batch_size=2)
    chances = class_chances(Copier(), scenes["s0"], spec_of(scenes), protocol)
    assert chances.shape == (2, 90, 90)
    np.testing.assert_allclose(chances.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(chances.argmax(0), scenes["s0"]["mask"].values[0])
    twice = SegmentationProtocol(tile_px=64, overlap_px=20, enlarge=2)
    larger = class_chances(Copier(), scenes["s0"], spec_of(scenes), twice).argmax(0)
    assert (larger == scenes["s0"]["mask"].values[0]).mean() > 0.97


def test_pixels_without_data_and_beyond_the_scene_teach_nothing():
    """Wrong labels there change no weight."""
    states = []
    for wrong in (False, True):
        scene = mask_scenes(1, side_px=40)["s0"].copy(deep=True)
        scene["reflectance"].values[..., :10] = 0
        if wrong:
            scene["mask"].values[..., :10] = 1
        odd = SegmentationProtocol(
            epochs=1, tiles_per_scene=1, batch_size=1, tile_px=64, overlap_px=0, class_weights=(1.0, 1.0)
        )
        given = {"s0": scene}
        states.append(train_segmenter(encoder(), spec_of(given), given, odd, device="cpu").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_rare_classes_weigh_more():
    mask = np.zeros((1, 10, 10), np.uint8)
    mask[0, 0, :10] = 1
    mask[0, 1] = 255
    scene = mask_scenes(1, side_px=40)["s0"].isel(y=slice(0, 10), x=slice(0, 10)).drop_vars("mask")
    background, building, absent = measured_weights({"s": scene.assign(mask=(("patch", "y", "x"), mask))}, 3)
    assert building / background == pytest.approx((80 / 10) ** 0.5)
    assert background + building == pytest.approx(2)
    assert absent == 0
    scenes, odd = mask_scenes(1), SegmentationProtocol(class_weights=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="a weight for each of 2 classes, got 3"):
        train_segmenter(encoder(), spec_of(scenes), scenes, odd, device="cpu")


def test_same_seed_same_segmenter_whatever_the_global_generators_do():
    scenes = mask_scenes(4)
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(train_segmenter(encoder(), spec_of(scenes), scenes, QUICK, device="cpu").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_cannot_be_learned_is_named():
    scenes, blank = mask_scenes(4), mask_scenes(3, empty=(0, 1, 2))
    with pytest.raises(ValueError, match="masks of all 3 training scenes are empty"):
        train_segmenter(encoder(), spec_of(scenes), blank, QUICK, device="cpu")
    with pytest.raises(ValueError, match="masks of all 3 test scenes are empty"):
        evaluate_segmentation(encoder(), spec_of(scenes), scenes, blank, QUICK, baselines=False, device="cpu")
    odd, bare = mask_scenes(1), {"t": scenes["s0"].drop_vars("mask")}
    odd["s0"]["mask"].values[0, ::2] = 7
    with pytest.raises(ValueError, match="scene s0 holds class 7, but 2 classes are told apart"):
        train_segmenter(encoder(), spec_of(scenes), odd, QUICK, device="cpu")
    with pytest.raises(ValueError, match="scene s0 holds class 7"):
        count_scenes(Copier(), spec_of(scenes), odd, QUICK, classes=2)
    with pytest.raises(ValueError, match="a cube of one patch with 'mask', t has"):
        evaluate_segmentation(encoder(), spec_of(scenes), scenes, bare, QUICK, device="cpu")
    broken = encoder()
    torch.nn.init.constant_(broken.layer4[1].conv2.weight, float("nan"))
    with pytest.raises((ValueError, FloatingPointError), match="NaN"):
        evaluate_segmentation(broken, spec_of(scenes), scenes, protocol=QUICK, device="cpu")


def test_spacenet_from_files_to_a_result(tmp_path):
    scenes = load_spacenet(write_spacenet(tmp_path, 6, empty=(2,)))
    result = evaluate_spacenet(
        encoder(), spec_of(scenes), scenes, protocol=QUICK, baselines=False, device="cpu"
    )
    assert result.protocol.task == "spacenet"
    assert result.protocol.classes == ("background", "building")
    assert list(result.scores) == ["miou", "iou", "footprint_f1"]
