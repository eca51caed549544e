"""Search at size: both kinds answer alike, the index says how well."""

import numpy as np
import pytest

from seco_lab import search
from seco_lab.neighbours import ExactSearch, nearest
from seco_lab.search import IndexSearch, recall_of, search_over


@pytest.fixture(scope="module")
def bank():
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(30, 16))
    rows = centres[chance.integers(0, 30, 4000)] + 0.4 * chance.normal(size=(4000, 16))
    return (rows * chance.uniform(0.1, 9, (4000, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def index(bank):
    pytest.importorskip("faiss")
    return IndexSearch(bank, wanted_recall=0.97)


def test_a_small_bank_is_searched_exactly(bank):
    found = search_over(bank)
    assert isinstance(found, ExactSearch)
    assert (found.nearest(bank[:5], 4)[0] == nearest(bank[:5], bank, 4)[0]).all()


def test_a_large_bank_gets_an_index(bank, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(search, "EXACT_NUMBERS", bank.size - 1)
    assert isinstance(search_over(bank), IndexSearch)


def test_without_faiss_a_large_bank_says_what_to_install(bank, monkeypatch):
    monkeypatch.setattr(search, "EXACT_NUMBERS", 10)
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(ImportError, match=r"pip install 'seco-lab\[index\]'"):
        search_over(bank)


def test_recall_is_what_was_wanted_and_what_is_told(bank, index):
    assert index.recall >= 0.97
    asked = np.arange(7, 4000, 40)
    truth, _ = nearest(bank[asked], bank, 10, exclude=asked)
    found, _ = index.nearest(bank[asked], 10, exclude=asked)
    assert (truth[:, :, None] == found[:, None]).any(2).mean() > 0.9
    assert index.lists_read < index._index.nlist, "or it were no index"


def test_recall_of_a_search_that_misses_half(bank):
    class Half(ExactSearch):
        def nearest(self, queries, k, *, exclude=None):
            rows, cosines = super().nearest(queries, k, exclude=exclude)
            rows[:, ::2] = -1
            return rows, cosines

    assert recall_of(ExactSearch(bank), bank) == 1
    assert recall_of(Half(bank), bank) == pytest.approx(0.5)


def test_cosines_are_those_of_the_bank_not_of_its_eight_bits(bank, index):
    rows, cosines = index.nearest(3 * bank[11], 5)
    assert rows[0, 0] == 11
    wanted = bank[rows[0]] @ bank[11] / np.linalg.norm(bank[rows[0]], axis=1) / np.linalg.norm(bank[11])
    np.testing.assert_allclose(cosines[0], wanted, atol=1e-6)
    assert (np.diff(cosines) <= 0).all()


def test_excluded_rows_are_not_found(bank, index):
    near = index.nearest(bank[11], 6)[0][0]
    assert index.nearest(bank[11], 5, exclude=near[None, :1])[0][0].tolist() == near[1:6].tolist()
    hidden = np.zeros(4000, bool)
    hidden[near[:3]] = True
    assert not set(near[:3]) & set(index.nearest(bank[11], 5, exclude=hidden)[0][0])


def test_rows_without_direction_are_never_found(bank):
    pytest.importorskip("faiss")
    holes = bank[:400].copy()
    holes[::2], holes[5] = np.nan, 0
    index = IndexSearch(holes)
    rows, _ = index.nearest(np.stack([bank[1], np.full(16, np.nan)]), 250)
    assert (rows[0][rows[0] >= 0] % 2 == 1).all()
    assert 5 not in rows[0]
    assert (rows[1] == -1).all()
    assert index.recall > 0.9


def test_same_seed_same_index(bank):
    pytest.importorskip("faiss")
    one, two = (IndexSearch(bank[:1000], seed=4).nearest(bank[:50], 8)[0] for _ in range(2))
    assert (one == two).all()


def test_an_index_comes_back_from_its_file(bank, index, tmp_path):
    path = index.save(tmp_path / "places.index")
    back = IndexSearch.open(path, bank)
    assert (back.lists_read, back.recall) == (index.lists_read, index.recall)
    assert (back.nearest(bank[:20], 5)[0] == index.nearest(bank[:20], 5)[0]).all()
    with pytest.raises(ValueError, match="was built of"):
        IndexSearch.open(path, bank[:-1])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="not a whole index file"):
        IndexSearch.open(path, bank)
    with pytest.raises(FileNotFoundError):
        IndexSearch.open(tmp_path / "none.index", bank)


def test_bad_banks_and_questions_are_refused(bank, index):
    for wrong in (bank[0], np.full((9, 3), np.nan)):
        with pytest.raises(ValueError, match="bank"):
            IndexSearch(wrong)
    with pytest.raises(ValueError, match="share D"):
        index.nearest(bank[:, :3], 2)
    with pytest.raises(ValueError, match="recall wanted"):
        IndexSearch(bank, wanted_recall=0)
