"""An encoder that was trained on one simulated world beats its untrained twin on another, task by task."""

from pathlib import Path

import numpy as np
import pytest

from seco_lab import places, seasons
from seco_lab.checkpoints import read_weights
from seco_lab.downstream.bigearthnet import evaluate_bigearthnet
from seco_lab.downstream.classification import ProbeSettings
from seco_lab.downstream.comparing import compare
from seco_lab.downstream.eurosat import evaluate_eurosat
from seco_lab.downstream.features import FeatureOptions
from seco_lab.downstream.floors import untrained_like
from seco_lab.downstream.fmow import evaluate_fmow, evaluate_fmow_temporal
from seco_lab.sources import SimulatedSource

WEIGHTS = Path(__file__).resolve().parents[2] / "data" / "tiny_encoder.pt"
SIZE_PX, PLACES = 32, 220


@pytest.fixture(scope="module")
def encoders():
    weights = read_weights(WEIGHTS)
    return weights.encoder, untrained_like(weights.encoder), weights.spec


@pytest.fixture(scope="module")
def lists():
    """Training and test places of another world, two dates each; classes that both lists know."""
    drawn = places.plan_places(PLACES, places.AroundCities(std_km=50), seed=1).place_list()
    days = seasons.quarters(len(drawn), years=(2024,))[:, 1:3]
    world = SimulatedSource(seed=1, clouds=False)
    cube = world.labelled(drawn, days, SIZE_PX, "rgb").drop_vars(["mask", "boxes"])
    train, test = cube.isel(patch=slice(0, None, 2)), cube.isel(patch=slice(1, None, 2))
    known = np.isin(test["label"].values, np.unique(train["label"].values))
    return train, test.isel(patch=np.flatnonzero(known))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Features are computed once for all tasks."""
    options = FeatureOptions(device="cpu", cache=tmp_path_factory.mktemp("features"))
    return ProbeSettings(size_px=SIZE_PX, baselines=False, strengths=(1e-2,), features=options)


@pytest.mark.parametrize(
    ("evaluate", "scores"),
    [
        (evaluate_eurosat, ("linear", "knn")),
        (evaluate_fmow, ("linear", "linear_f1")),
        (evaluate_fmow_temporal, ("mean_features", "vote", "mean_scores_f1")),
    ],
)
def test_trained_beats_untrained(evaluate, scores, encoders, lists, settings):
    trained, untrained, spec = encoders
    train, test = lists
    if evaluate is not evaluate_fmow_temporal:
        train, test = train.isel(season=[0]), test.isel(season=[0])
    good, bad = (evaluate(encoder, spec, train, test, settings) for encoder in (trained, untrained))
    for score in scores:
        found = compare(good, bad, score)
        assert found.difference > 0, score
    assert compare(good, bad).low > 0, "the sign of the main difference is sure"


def test_trained_beats_untrained_on_several_labels(encoders, lists, settings):
    trained, untrained, spec = encoders
    train, test = (cube.isel(season=[0]) for cube in lists)
    good, bad = (evaluate_bigearthnet(e, spec, train, test, settings) for e in (trained, untrained))
    for score in ("micro_ap", "macro_ap", "batch_ap"):
        found = compare(good, bad, score)
        assert found.low > 0, score
        assert good.scores[score].low < good.scores[score].value < good.scores[score].high
