import numpy as np
import pytest
from test_map_scene import embeddings

from seco_lab.viz.joining import thinned, with_models
from seco_lab.viz.table import embedding_table


def test_models_are_matched_by_patch_not_by_order():
    data, other = embeddings(places=6), embeddings(places=6, dims=5, seed=3)
    turned = other.isel(patch=[5, 0, 2, 1, 4, 3])
    joined, said = with_models(data, {"GASSL": turned})
    assert said == []
    np.testing.assert_array_equal(joined["GASSL"].values, other["embedding"].values)
    assert list(embedding_table(joined).spaces) == ["embedding", "GASSL"]


def test_a_model_that_misses_places_is_named_and_shown_as_far_as_it_goes():
    data = embeddings(places=6)
    joined, said = with_models(data, {"part": data.isel(patch=[1, 4])})
    assert said == ["the model 'part' knows 2 of 6 of these places by the name of their patch"]
    assert np.isfinite(joined["part"].values).all((1, 2)).tolist() == [False, True, False, False, True, False]


def test_a_model_of_other_places_is_left_out():
    data = embeddings(places=3)
    elsewhere = data.assign_coords(patch=["x", "y", "z"])
    joined, said = with_models(data, {"other": elsewhere})
    assert "knows none of these places" in said[0]
    assert list(joined.data_vars) == ["embedding"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (embeddings(seasons=2), "has 2 seasons, the first one 3"),
        (embeddings().rename(embedding="vectors"), "needs a variable embedding"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(model, words):
    with pytest.raises(ValueError, match=words):
        with_models(embeddings(), {"other": model})


def test_too_many_places_are_thinned_evenly_with_a_sentence():
    data = embeddings(places=10)
    few, columns, said = thinned(data, {"n": list(range(10))}, most=4)
    assert few["patch"].values.tolist() == ["p0", "p3", "p6", "p9"]
    assert columns["n"].tolist() == [0, 3, 6, 9]
    assert said[0].startswith("10 places are more than a browser can hold: one of every 3 is shown (4)")
    assert thinned(data, None, most=10) == (data, {}, [])
