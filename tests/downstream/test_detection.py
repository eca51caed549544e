"""Detection end to end: whole scenes from tiles, learning, protocols, and what is refused."""

import numpy as np
import pytest
import torch
from labelled import SPEC
from scene_files import write_xview
from small_scenes import box_scenes, spec_of

from seco_lab.downstream.detection import DetectionProtocol, evaluate_detection, train_detector
from seco_lab.downstream.finding import find_objects
from seco_lab.downstream.result import Result
from seco_lab.downstream.tile_training import measured_encoder, tile_batches
from seco_lab.downstream.xview import evaluate_xview, load_xview
from seco_lab.nn.anchors import Anchors
from seco_lab.nn.boxes import box_iou
from seco_lab.nn.detection import Found, RetinaNet
from seco_lab.nn.encoders import resnet18

SHORT = DetectionProtocol(
    epochs=4, tiles_per_scene=3, batch_size=4, lr=3e-3, tile_px=64, overlap_px=16, anchors=Anchors(base_px=12)
)
QUICKLY = DetectionProtocol(epochs=2, tiles_per_scene=3, batch_size=3, tile_px=64, overlap_px=16)
QUICK = DetectionProtocol(epochs=1, tiles_per_scene=1, batch_size=4, lr=1e-3, tile_px=32, overlap_px=8)


def encoder():
    return resnet18(3, width=8).eval()


@pytest.fixture(scope="module")
def learned():
    """A detector that has learned, its result, and the scenes."""
    scenes = box_scenes(10)
    result = evaluate_detection(
        encoder(),
        spec_of(scenes),
        scenes,
        protocol=SHORT,
        baselines=False,
        class_names=("hall",),
        device="cpu",
    )
    return result, scenes


def test_learns_to_find_rectangles_in_scenes_that_it_has_not_seen(learned):
    result, _ = learned
    assert result.metric == "ap50"
    assert result.score > 0.5
    assert result.ci[0] <= result.score <= result.ci[1]
    assert result.per_class == {"hall": result.score}
    assert 0 < result.scores["ap"].value < result.score


def test_the_result_says_how_it_came_about(learned, tmp_path):
    result, _ = learned
    told = result.protocol
    assert told.kind == "sound"
    assert told.sizes == {"train": 8, "validation": 0, "test": 2}
    assert told.settings["objects"] == {"hall": 4}
    assert told.settings["anchors"]["base_px"] == 12
    assert "blocks of 5 km" in told.split
    result.save(tmp_path / "result.json")
    assert Result.load(tmp_path / "result.json").scores == result.scores


class Oracle(RetinaNet):
    """Sees bright rectangles whole or in parts, and says what it sees."""

    def __init__(self):
        super().__init__(encoder(), 1)

    def find(self, images, **options):
        found = []
        for image in images:
            rows, columns = (image.mean(0) > 1).nonzero(as_tuple=True)
            corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else None
            boxes = torch.zeros(0, 4) if corners is None else torch.stack(corners)[None].float()
            found.append(
                Found(boxes, torch.full((len(boxes),), 0.9), torch.zeros(len(boxes), dtype=torch.long))
            )
        return found


def test_an_object_on_the_border_of_tiles_is_found_once():
    for number in range(4):
        scenes = box_scenes(number + 1, side_px=100, objects=1)
        scene = scenes[f"s{number}"]
        wide = DetectionProtocol(tile_px=64, overlap_px=48, batch_size=2)
        found = find_objects(Oracle(), scene, spec_of(scenes), wide)
        truth = torch.as_tensor(scene["boxes"].values[0, :, 1:])
        assert len(found.boxes) == 1
        assert box_iou(found.boxes, truth).item() > 0.7


def test_enlarged_tiles_give_boxes_in_pixels_of_the_scene():
    scenes = box_scenes(1, objects=1)
    twice = DetectionProtocol(tile_px=64, overlap_px=0, enlarge=2)
    found = find_objects(Oracle(), scenes["s0"], spec_of(scenes), twice)
    wanted = scenes["s0"]["boxes"].values[0, :, 1:]
    np.testing.assert_allclose(found.boxes.numpy(), wanted, atol=1.5)


def test_same_seed_same_detector_whatever_the_global_generators_do():
    scenes = box_scenes(4)
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(train_detector(encoder(), spec_of(scenes), scenes, QUICK, device="cpu").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_frozen_encoder_keeps_its_weights_and_both_keep_measured_statistics():
    scenes, given = box_scenes(4), encoder()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    frozen = DetectionProtocol(**{**vars(QUICK), "train_encoder": False})
    fixed = DetectionProtocol(**{**vars(QUICK), "fixed_statistics": True})
    for protocol, moves, measured in ((frozen, False, given), (fixed, True, given), (QUICK, True, None)):
        model = train_detector(given, spec_of(scenes), scenes, protocol, device="cpu")
        again = measured or model.encoder  # an encoder that learned freely is measured at the end
        statistics = measured_encoder(again, scenes, spec_of(scenes), protocol, torch.device("cpu"))
        assert torch.equal(model.encoder.conv1.weight, given.conv1.weight) != moves
        assert torch.equal(model.encoder.bn1.running_mean, statistics.bn1.running_mean)
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())


def test_a_step_depends_on_seed_and_number_alone():
    scenes, cpu = box_scenes(3, side_px=80), torch.device("cpu")
    first, again = (list(tile_batches(scenes, spec_of(scenes), QUICKLY, cpu)) for _ in range(2))
    assert len(first) == 2 * 3
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.places == other.places
    assert first[0].places != first[1].places


def test_the_official_protocol_trains_and_tests_on_the_same_few_crops():
    official = DetectionProtocol.official()
    assert (official.lr, official.batch_size, official.tile_px, official.kind) == (1e-5, 4, 416, "official")
    scenes = box_scenes(4, side_px=96)
    crops = DetectionProtocol(**{**vars(QUICK), "crops_per_scene": 3, "tiles_per_scene": 3})
    result = evaluate_detection(
        encoder(), spec_of(scenes), scenes, protocol=crops, baselines=False, device="cpu"
    )
    assert result.protocol.kind == "official"
    seen = {
        place
        for batch in tile_batches(scenes, spec_of(scenes), crops, torch.device("cpu"))
        for place in batch.places
    }
    assert len(seen) <= 4 * 3


def test_empty_scenes_are_trained_on_and_tested():
    scenes = box_scenes(6, empty=(1, 3))
    test = box_scenes(3, empty=(0,))
    result = evaluate_detection(encoder(), spec_of(scenes), scenes, test, QUICK, device="cpu")
    assert set(result.baselines) == {"untrained_ap50", "untrained_ap"}
    assert result.protocol.split == "test scenes of their own"
    assert set(result.protocol.settings["above"]["untrained"]) == {"difference", "low", "high", "p"}


def test_what_cannot_be_learned_is_named():
    scenes, nothing = box_scenes(4), box_scenes(2, empty=(0, 1))
    large = DetectionProtocol(**{**vars(QUICK), "least_side_px": 50})
    given = (encoder(), spec_of(scenes), scenes)
    with pytest.raises(ValueError, match="holds an object of 50 px or more"):
        train_detector(*given, large, device="cpu")
    with pytest.raises(ValueError, match="none of the 2 test scenes holds an object"):
        evaluate_detection(*given, nothing, QUICK, baselines=False, device="cpu")
    odd, bare = box_scenes(2), {"t": scenes["s0"].drop_vars("boxes")}
    odd["s1"]["boxes"].values[0, 0, 0] = 3
    with pytest.raises(ValueError, match="scene s1 holds class 3, but 1 classes are told apart"):
        train_detector(*given[:2], odd, QUICK, device="cpu")
    with pytest.raises(ValueError, match="a cube of one patch with 'boxes', t has"):
        evaluate_detection(*given, bare, QUICK, device="cpu")
    with pytest.raises(ValueError, match="two scenes"):
        evaluate_detection(*given[:2], box_scenes(1), protocol=QUICK, device="cpu")
    with pytest.raises(ValueError, match="scene s0: the encoder expects 'dn'"):
        evaluate_detection(encoder(), SPEC, scenes, protocol=QUICK, device="cpu")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tile_px": 50}, "multiple of 32"),
        ({"overlap_px": 64, "tile_px": 64}, "less than tile_px"),
        ({"enlarge": 0}, "1 or more"),
        ({"epochs": 0}, "must be positive"),
    ],
)
def test_schedules_that_train_nothing(wrong, words):
    with pytest.raises(ValueError, match=words):
        DetectionProtocol(**wrong)


def test_xview_from_files_to_a_result(tmp_path):
    boxes = [(73, (4, 4, 34, 34)), (18, (40, 30, 70, 60))]
    root = write_xview(tmp_path, {f"{n}.tif": boxes for n in range(1, 5)}, size=(64, 72))
    scenes = load_xview(root)
    spec = spec_of(scenes)
    result = evaluate_xview(encoder(), spec, scenes, protocol=QUICK, baselines=False, device="cpu")
    assert result.protocol.task == "xview"
    assert len(result.per_class) == 60
    assert {name for name, value in result.per_class.items() if value is not None} == {
        "building",
        "small car",
    }
    assert result.protocol.sizes == {"train": 3, "validation": 0, "test": 1}
