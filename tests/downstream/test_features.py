"""Features are computed once for each encoder, contract and data set."""

from dataclasses import replace

import numpy as np
import pytest
from labelled import CLASS_SPEC, class_cube, tiny_encoder

from seco_lab.downstream import features as module
from seco_lab.downstream.features import extract
from seco_lab.nn import devices


@pytest.fixture
def counted(monkeypatch):
    calls = []
    embed = module.embed
    monkeypatch.setattr(module, "embed", lambda *a, **k: calls.append(1) or embed(*a, **k))
    return calls


def test_cache_answers_the_same_question_only(tmp_path, counted, monkeypatch):
    cube, encoder = class_cube(6), tiny_encoder()
    first = extract(encoder, cube, CLASS_SPEC, cache=tmp_path, device="cpu")
    again = extract(tiny_encoder(), class_cube(6), CLASS_SPEC, cache=tmp_path, device="cpu")
    np.testing.assert_array_equal(first, again)
    assert len(counted) == 1
    extract(tiny_encoder(seed=1), cube, CLASS_SPEC, cache=tmp_path, device="cpu")
    extract(encoder, cube, replace(CLASS_SPEC, size_px=32), cache=tmp_path, device="cpu")
    changed = cube.copy(deep=True)
    changed["reflectance"][3, 0, 1, 2, 2] += 1
    extract(encoder, changed, CLASS_SPEC, cache=tmp_path, device="cpu")
    extract(encoder, cube, CLASS_SPEC, cache=tmp_path, device="cpu", precision="bf16")
    assert len(counted) == 5
    for pays in (False, True):  # what "auto" means depends on the device, so it is no part of the question
        monkeypatch.setattr(devices, "bf16_pays", lambda device, pays=pays: pays)
        extract(encoder, cube, CLASS_SPEC, cache=tmp_path, device="cpu", precision="auto")
    assert len(counted) == 5, "float32 and bf16 were asked before"
    assert all(p.suffix == ".npy" for p in tmp_path.iterdir())


def test_last_batch_is_not_dropped():
    assert extract(tiny_encoder(), class_cube(7), CLASS_SPEC, batch_size=3, device="cpu").shape == (7, 32)


def test_no_such_season():
    with pytest.raises(ValueError, match="season must lie between 0 and 0, got 1"):
        extract(tiny_encoder(), class_cube(3), CLASS_SPEC, season=1)
