"""Exact neighbours: a plain loop agrees, ties are settled, memory is bounded."""

import numpy as np
import pytest

from seco_lab import neighbours
from seco_lab.neighbours import ExactSearch, nearest


def by_hand(queries, bank, k, hidden=lambda q, n: False):
    rows = []
    for q, query in enumerate(queries.astype(np.float64)):
        scored = []
        for n, row in enumerate(bank.astype(np.float64)):
            if np.isfinite(row).all() and not hidden(q, n):
                scored.append((-float(query @ row / np.linalg.norm(query) / np.linalg.norm(row)), n))
        rows.append([n for _, n in sorted(scored)[:k]])
    return rows


@pytest.fixture
def vectors():
    chance = np.random.default_rng(3)
    return chance.normal(size=(9, 6)).astype(np.float32), chance.normal(size=(200, 6)).astype(np.float32)


@pytest.mark.parametrize("block", [50, 2**16])
def test_agrees_with_a_loop(vectors, block, monkeypatch):
    monkeypatch.setattr(neighbours, "_BANK_ROWS", block)
    monkeypatch.setattr(neighbours, "_BLOCK", 150)
    queries, bank = vectors
    rows, cosines = nearest(queries, bank, 7)
    assert rows.tolist() == by_hand(queries, bank, 7)
    assert (np.diff(cosines, axis=1) <= 0).all()
    wanted = queries[0] @ bank[rows[0, 0]] / np.linalg.norm(queries[0]) / np.linalg.norm(bank[rows[0, 0]])
    assert cosines[0, 0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("few", [0, 8])
def test_a_bank_that_gets_better_block_by_block(few, monkeypatch):
    """The last block holds the best: whether survivors are gathered or sorted, the same is found."""
    monkeypatch.setattr(neighbours, "_BANK_ROWS", 60)
    monkeypatch.setattr(neighbours, "_FEW", few)
    angle = np.linspace(1.5, 0, 300)
    bank = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    queries = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    assert nearest(queries, bank, 9)[0].tolist() == by_hand(queries, bank, 9)


@pytest.mark.parametrize("block", [37, 2**16])
def test_ties_go_to_the_lower_row(block, monkeypatch):
    monkeypatch.setattr(neighbours, "_BANK_ROWS", block)
    chance = np.random.default_rng(0)
    kinds = chance.normal(size=(4, 65)).astype(np.float32)
    bank = kinds[np.arange(400) % 4]
    rows, cosines = nearest(kinds[2] * 3, bank, 30)
    assert rows[0].tolist() == list(range(2, 122, 4))
    assert len(set(cosines[0].tolist())) == 1


def test_exclude_by_row_and_by_mask(vectors):
    _, bank = vectors
    rows, _ = nearest(bank[:5], bank, 4, exclude=np.arange(5))
    assert rows.tolist() == by_hand(bank[:5], bank, 4, lambda q, n: q == n)
    pairs = np.stack([np.arange(5), np.arange(5) + 1], 1)
    assert nearest(bank[:5], bank, 4, exclude=pairs)[0].tolist() == by_hand(
        bank[:5], bank, 4, lambda q, n: n in (q, q + 1)
    )
    mask = np.arange(200) < 100
    assert nearest(bank[:5], bank, 4, exclude=mask)[0].min() >= 100


def test_nan_rows_are_never_found(vectors):
    queries, bank = vectors
    bank[::2] = np.nan
    queries[3] = np.nan
    rows, cosines = nearest(queries, bank, 100)
    assert (rows[0] % 2 == 1).all()
    assert (rows[3] == -1).all()
    assert np.isnan(cosines[3]).all()
    assert (nearest(queries[:1], bank, 120)[0][0, 100:] == -1).all()


@pytest.mark.filterwarnings("error")
def test_read_only_bank(vectors):
    queries, bank = vectors
    wanted = nearest(queries, bank, 3)[0]
    bank.flags.writeable = False
    assert (nearest(queries, bank, 3)[0] == wanted).all()


def test_zero_vectors_do_no_harm():
    rows, cosines = nearest(np.zeros((1, 3)), np.eye(3), 2)
    assert rows.tolist() == [[0, 1]]
    assert cosines.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("k", "exclude", "words"),
    [(0, None, "between 1 and the 200"), (201, None, "between 1"), (3, np.arange(4), "exclude needs"),
     (3, np.ones(7, bool), "a mask"), (3, np.full(9, 200), "exclude needs")],
)  # fmt: skip
def test_bad_questions_are_refused(vectors, k, exclude, words):
    with pytest.raises(ValueError, match=words):
        nearest(*vectors, k, exclude=exclude)


def test_other_lengths_are_refused(vectors):
    with pytest.raises(ValueError, match="share D"):
        nearest(vectors[0][:, :3], vectors[1], 1)


@pytest.mark.parametrize("block", [37, 2**16])
def test_half_precision_finds_what_its_numbers_say(vectors, block, monkeypatch):
    monkeypatch.setattr(neighbours, "_BANK_ROWS", block)
    monkeypatch.setattr(neighbours, "_HALF_ROWS", 10)
    queries, bank = vectors
    half = bank.astype(np.float16)
    rows, _ = ExactSearch(half).nearest(queries, 7)
    assert rows.tolist() == by_hand(queries, half.astype(np.float32), 7)


def test_a_bank_asked_again_gives_the_same(vectors):
    queries, bank = vectors
    search = ExactSearch(bank)
    assert len(search) == 200
    for _ in range(2):
        assert (search.nearest(queries, 5)[0] == nearest(queries, bank, 5)[0]).all()


def test_an_empty_bank_is_refused():
    with pytest.raises(ValueError, match=r"shape \(N, D\), got \(0, 4\)"):
        ExactSearch(np.ones((0, 4)))
