import re
from pathlib import Path

import numpy as np
import pytest

from seco_lab.explore import Directions, best_rows, examples, more_like, query_of

PLACES = Directions.of(np.array([[2, 0, 0], [0, 3, 0], [1, 1, 0], [1, 0, 1], [np.nan, 0, 0], [1, 0.1, 0.1]]))


def test_query_by_hand():
    query = query_of(PLACES, [0, 1])
    np.testing.assert_allclose(query, [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-6)
    by_hand = np.array([1, 0, 0]) - 0.25 * np.array([np.sqrt(0.5), 0, np.sqrt(0.5)])
    np.testing.assert_allclose(query_of(PLACES, [0], [3]), by_hand / np.linalg.norm(by_hand), atol=1e-6)


def test_repeated_examples_do_not_outvote_the_other_side():
    one, many = query_of(PLACES, [0], [1]), query_of(PLACES, [0, 0, 0], [1, 1])
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_less_moves_the_answer_away():
    assert more_like(PLACES, [0], k=2)[0].tolist() == [5, 2]
    assert more_like(PLACES, [0], [3], k=2)[0].tolist() == [5, 2]
    assert more_like(PLACES, [0], [2], k=2)[0].tolist() == [5, 3]


def test_examples_and_places_without_vector_are_never_found():
    rows, cosines = more_like(PLACES, [0, 4], [1], k=10)
    assert set(rows) == {2, 3, 5}
    assert (np.diff(cosines) <= 0).all()


@pytest.mark.parametrize(
    ("more", "less", "said"),
    [
        ([], [], "at least one place"),
        ([4], [], "at least one place"),
        ([0], [0], "place 0"),
        ([6], [], "0 to 5, got 6"),
    ],
)
def test_wrong_examples(more, less, said):
    with pytest.raises(ValueError, match=said):
        query_of(PLACES, more, less)


def test_against_one_is_refused():
    with pytest.raises(ValueError, match="below 1"):
        query_of(PLACES, [0], [1], against=1.0)


def test_best_rows_are_sorted_with_ties_by_row():
    values = np.array([1, 3, np.nan, 3, 2, 3.0])
    assert best_rows(values, 2)[0].tolist() == [1, 3]
    assert best_rows(values, 9)[0].tolist() == [1, 3, 5, 4, 0]
    assert best_rows(np.full(3, np.nan), 2)[0].tolist() == []


def test_the_page_without_python_weighs_negatives_alike():
    page = (Path(examples.__file__).parents[1] / "viz" / "web" / "static_space.js").read_text()
    assert float(re.search(r"const LESS = ([\d.]+);", page)[1]) == examples.LESS
