"""A look at an encoder in training changes nothing in it."""

import copy

import numpy as np
import pytest
import torch
from labelled import CLASS_SPEC, class_cube, tiny_encoder

from seco_lab.downstream.monitor import KnnMonitor


def test_knows_colours_and_leaves_the_encoder_alone():
    monitor = KnnMonitor(class_cube(180, difficulty=0.1), CLASS_SPEC, device="cpu")
    encoder = tiny_encoder().train()
    encoder(torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    before, chance = copy.deepcopy(encoder.state_dict()), torch.get_rng_state()
    accuracy = monitor(encoder)
    assert accuracy > 0.6
    assert monitor(encoder) == accuracy
    assert all(part.training for part in encoder.modules())
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)


def test_eval_mode_is_what_it_measures():
    """With statistics that are wrong on purpose the accuracy changes; in train mode it would not."""
    cube = class_cube(90, difficulty=0.8)
    monitor, encoder = KnnMonitor(cube, CLASS_SPEC, device="cpu"), tiny_encoder()
    broken = copy.deepcopy(encoder)
    for part in broken.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean += 1e6
    assert monitor(broken) < monitor(encoder)


def test_limit_keeps_all_classes():
    monitor = KnnMonitor(class_cube(90), CLASS_SPEC, limit=30, device="cpu")
    assert len(monitor._images) == 30
    assert 0 <= monitor(tiny_encoder()) <= 1


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="all training images are of class 'class0'"):
        KnnMonitor(class_cube(9).isel(patch=[0, 3, 6]), CLASS_SPEC)


def test_images_without_data_are_named_before_the_training():
    cube = class_cube(30).copy(deep=True)
    cube["reflectance"][[4, 7]] = 0
    with pytest.raises(ValueError, match=r"2 of 30 labelled images .* p0004, p0007; leave"):
        KnnMonitor(cube, CLASS_SPEC)
    cube["reflectance"] = cube["reflectance"].astype(np.float32).where(cube["reflectance"] > 0)
    with pytest.raises(ValueError, match="p0004, p0007"):
        KnnMonitor(cube, CLASS_SPEC)
