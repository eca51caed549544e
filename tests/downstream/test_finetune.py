"""Fine-tuning and the official protocol on small data: they learn, repeat themselves and never hang."""

import copy

import numpy as np
import pytest
import torch
from labelled import CLASS_SPEC, class_cube, tiny_encoder

from seco_lab.downstream.finetune import (
    FinetuneConfig,
    Supervision,
    finetune,
    finetuned_scores,
    flip_and_turn,
)
from seco_lab.downstream.labels import labels_of
from seco_lab.downstream.official import batch_mean, official_input, official_probe

SHORT = FinetuneConfig(epochs=12, batch_size=16, lr=3e-3, precision="float32")


@pytest.fixture(scope="module")
def cubes():
    return class_cube(97), class_cube(45, seed=1)


def test_finetune_learns_and_leaves_the_encoder_alone(cubes):
    encoder = tiny_encoder()
    before = copy.deepcopy(encoder.state_dict())
    found = finetune(encoder, CLASS_SPEC, *cubes, SHORT, device="cpu")
    assert (found == labels_of(cubes[1])).mean() > 0.7
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_same_seed_same_scores_whatever_the_global_generators_do(cubes):
    labels = torch.as_tensor(labels_of(cubes[0]))
    task = Supervision(labels, 3, torch.nn.functional.cross_entropy)
    quick, found = FinetuneConfig(1, 32, precision="float32"), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(finetuned_scores(tiny_encoder(), CLASS_SPEC, *cubes, task, quick, device="cpu"))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("count", [2, 17])
def test_last_small_batch_is_used(count, cubes):
    train = class_cube(51).isel(patch=slice(count))
    test = cubes[1].isel(patch=[0, 1])
    found = finetune(tiny_encoder(), CLASS_SPEC, train, test, FinetuneConfig(1, 16), device="cpu")
    assert len(found) == 2


def test_flips_are_the_eight_positions():
    image = torch.arange(9.0).reshape(1, 1, 3, 3)
    many = flip_and_turn(image.expand(400, 1, 3, 3), torch.Generator().manual_seed(0))
    kinds = {tuple(x.flatten().tolist()) for x in many}
    wanted = {
        tuple(torch.rot90(i, k, (2, 3)).flatten().tolist()) for i in (image, image.mT) for k in range(4)
    }
    assert kinds == wanted


def test_bad_schedule():
    with pytest.raises(ValueError, match="must be positive"):
        FinetuneConfig(epochs=0)


def test_official_learns_and_answers_every_image(cubes):
    encoder = tiny_encoder()
    before = copy.deepcopy(encoder.state_dict())
    found = official_probe(encoder, CLASS_SPEC, *cubes, epochs=8, milestones=(6,), lr=1e-2, device="cpu")
    assert len(found.predicted) == 45
    assert found.counted == 32
    assert found.official_accuracy > 0.5
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_train_mode_makes_a_difference(cubes):
    one, other = (
        official_probe(
            tiny_encoder(), CLASS_SPEC, *cubes, epochs=2, milestones=(), device="cpu", train_mode=mode
        )
        for mode in (True, False)
    )
    assert (one.predicted != other.predicted).any()


def test_official_on_three_images(cubes):
    small = cubes[0].isel(patch=slice(3))
    found = official_probe(tiny_encoder(), CLASS_SPEC, small, small, epochs=1, device="cpu")
    assert found.counted == 3


def test_batch_mean_leaves_out_the_last():
    right = np.array([True] * 32 + [False] * 31)
    assert batch_mean(right, 32) == (1.0, 32)
    assert batch_mean(right[:20], 32) == (1.0, 20)


def test_official_input_is_zero_to_one():
    spec = official_input(CLASS_SPEC, "eurosat_jpeg")
    assert (spec.low, spec.high, spec.mean, spec.std) == ((0,) * 3, (255,) * 3, (0,) * 3, (1,) * 3)


def test_official_input_names_units_that_it_cannot_scale():
    assert set(official_input(CLASS_SPEC, "dn").high) == {2750.0}
    with pytest.raises(ValueError, match=r"for images in eurosat_jpeg, .*, got uint16"):
        official_input(CLASS_SPEC, "uint16")
