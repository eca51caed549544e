"""Nearest neighbours at any size: exact up to a million long vectors, beyond that an index, one interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seco_lab.neighbours import ExactSearch, check_question, exclusions
from seco_lab.whole import whole_file

# Numbers in a bank up to which every query may read all of them: a million vectors of 512.
EXACT_NUMBERS = 1_000_000 * 512
# The index keeps 8 bits a number; this many times k candidates are ranked by the vectors themselves.
_CANDIDATES = 4
_TRAINED_ON = 64  # vectors for each list
_SAMPLE, _K = 200, 10
_BLOCK = 2**16


class Search(Protocol):
    """What both kinds of search answer."""

    def __len__(self) -> int:
        """Rows of the bank."""

    def nearest(
        self, queries: ArrayLike, k: int, *, exclude: ArrayLike | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows (Q, k) and cosines (Q, k), best first, as ``seco_lab.neighbours.nearest`` returns them."""


def search_over(bank: ArrayLike) -> Search:
    """A search in a bank (N, D): exact up to 512 million numbers, an ``IndexSearch`` beyond.

    Raises:
        ValueError: Another shape, or an empty bank.
        ImportError: The bank needs an index and faiss is not installed.
    """
    bank = np.asanyarray(bank)
    return ExactSearch(bank) if bank.size <= EXACT_NUMBERS else IndexSearch(bank)


class IndexSearch:
    """Approximate search in a large bank: vectors sorted into lists, of which a query reads a few.

    Lists are cells of a k-means; the bank itself (best a memory-mapped file) stays as it is, ranks what the
    lists bring up and gives the cosines. How many lists a query reads is chosen so that the recall wanted
    is reached on a sample of the bank, and the recall reached is told.

    Attributes:
        recall: Share of the true 10 nearest that were found for 200 rows of the bank.
        lists_read: Lists that a query reads.
    """

    def __init__(self, bank: ArrayLike, *, wanted_recall: float = 0.95, seed: int = 0) -> None:
        """Build the index; see ``search_over``.

        Args:
            bank: Shape (N, D), float32 or float16.
            wanted_recall: Recall of 10 neighbours to reach, above 0 to 1.
            seed: Seed of the k-means.

        Raises:
            ValueError: Another shape, no usable row, or a recall that cannot be wanted.
            ImportError: faiss is not installed.
        """
        if not 0 < wanted_recall <= 1:
            raise ValueError(f"a recall wanted lies above 0 and at most at 1, got {wanted_recall}")
        self._bank, self._usable = _checked(bank)
        self._index = _built(self._bank, self._usable, seed)
        self.recall = 0.0
        lists = 1
        while self.recall < wanted_recall and lists <= self._index.nlist:
            self.lists_read = self._index.nprobe = lists
            self.recall = recall_of(self, self._bank)
            lists *= 2

    @classmethod
    def open(cls, path: str | Path, bank: ArrayLike) -> IndexSearch:
        """An index that ``save`` wrote, over the bank that it was built of; its recall is measured anew.

        Raises:
            FileNotFoundError: No such file.
            ValueError: Not an index, or one of another bank.
        """
        faiss, path = _faiss(), Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no index at {path}")
        search = cls.__new__(cls)
        search._bank, search._usable = _checked(bank)
        try:
            search._index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path} is not a whole index file ({str(error).splitlines()[-1]})") from error
        shapes = (search._index.ntotal, search._index.d), (int(search._usable.sum()), search._bank.shape[1])
        if shapes[0] != shapes[1]:
            raise ValueError(f"{path} was built of {shapes[0]} vectors x numbers, the bank has {shapes[1]}")
        search.lists_read = search._index.nprobe
        search.recall = recall_of(search, search._bank)
        return search

    def save(self, path: str | Path) -> Path:
        """Write the index, whole or not at all; the bank is not in it."""
        path = Path(path)
        with whole_file(path) as partial:
            _faiss().write_index(self._index, str(partial))
        return path

    def __len__(self) -> int:
        return len(self._bank)

    def nearest(
        self, queries: ArrayLike, k: int, *, exclude: ArrayLike | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """About the k most similar rows for each query; see ``Search``."""
        queries = np.atleast_2d(np.asarray(queries, np.float32))
        check_question(queries, self._bank.shape, k)
        hidden, excluded = exclusions(exclude, len(queries), len(self._bank))
        unit = _unit(queries)
        known = np.isfinite(unit[:, 0])
        found = np.full((len(queries), min(len(self), _CANDIDATES * k + excluded.shape[1])), -1, np.int64)
        if known.any():
            found[known] = self._candidates(unit[known], found.shape[1], hidden)
        found[(found[:, :, None] == excluded[:, None]).any(2)] = -1
        return _ranked(unit, self._bank, found, k)

    def _candidates(self, unit: NDArray, count: int, hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
        faiss, options = _faiss(), {}
        if hidden.any():
            allowed = np.packbits(~hidden, bitorder="little")
            options["sel"] = faiss.IDSelectorBitmap(allowed)
        params = faiss.SearchParametersIVF(nprobe=self.lists_read, **options)
        return self._index.search(unit, count, params=params)[1]


def recall_of(search: Search, bank: ArrayLike, *, k: int = _K, sample: int = _SAMPLE) -> float:
    """Share of the true k nearest that a search finds, for rows of the bank drawn at random.

    Args:
        search: The search, over that bank.
        bank: Shape (N, D).
        k: Neighbours; fewer in a bank that has no more.
        sample: How many rows are asked about.

    Returns:
        0 to 1; NaN where no row asked about has a neighbour.
    """
    bank = np.asanyarray(bank)
    drawn = np.unique(np.random.default_rng(0).integers(0, len(bank), 4 * sample))
    rows = drawn[np.isfinite(_unit(bank[drawn])).all(1)]
    rows = rows[:: max(1, len(rows) // sample)]
    if not len(rows):
        return np.nan
    k = min(k, max(1, len(bank) - 1))
    truth, _ = ExactSearch(bank).nearest(bank[rows], k, exclude=rows)
    found, _ = search.nearest(bank[rows], k, exclude=rows)
    wanted = truth >= 0
    hits = (truth[:, :, None] == found[:, None]).any(2) & wanted
    return float(hits.sum() / wanted.sum()) if wanted.any() else np.nan


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            "a bank of this size needs an index: pip install 'seco-lab[index]', or ask ExactSearch, which "
            "reads all vectors for each query"
        ) from error
    return faiss


def _checked(bank: ArrayLike) -> tuple[NDArray, NDArray[np.bool_]]:
    """The bank and which of its rows have a direction."""
    bank = np.asanyarray(bank)
    if bank.ndim != 2 or not bank.size:
        raise ValueError(f"a bank of vectors needs shape (N, D), got {bank.shape}")
    usable = np.concatenate(
        [np.isfinite(_unit(bank[i : i + _BLOCK])).all(1) for i in range(0, len(bank), _BLOCK)]
    )
    if not usable.any():
        raise ValueError(f"no row of this bank of {len(bank)} has a direction: all are NaN or zero")
    return bank, usable


def _built(bank: NDArray, usable: NDArray[np.bool_], seed: int) -> Any:
    """Lists of 8-bit vectors; rows without a direction are in none."""
    faiss, rows = _faiss(), np.flatnonzero(usable)
    lists = max(1, min(round(len(rows) ** 0.5), len(rows) // _TRAINED_ON))
    index = faiss.index_factory(bank.shape[1], f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.min_points_per_centroid = seed, 1
    chosen = np.random.default_rng(seed).choice(rows, min(len(rows), lists * _TRAINED_ON), replace=False)
    index.train(_unit(bank[np.sort(chosen)]))
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        index.add_with_ids(_unit(bank[part]), part)
    return index


def _unit(rows: NDArray) -> NDArray[np.float32]:
    """Rows at unit length, float32; NaN where there is no direction."""
    rows = np.asarray(rows, np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.ascontiguousarray(rows / np.where(length > 0, length, np.nan))


def _ranked(
    unit: NDArray, bank: NDArray, found: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best of some candidates (Q, n), -1 for none, by their true cosines, ties by row."""
    out_rows = np.full((len(unit), k), -1, np.int64)
    out = np.full((len(unit), k), np.nan, np.float32)
    for q, candidates in enumerate(found):
        rows = np.unique(candidates[candidates >= 0])
        cosines = _unit(bank[rows]) @ unit[q]
        order = np.argsort(-cosines, kind="stable")[:k]
        out_rows[q, : len(order)], out[q, : len(order)] = rows[order], cosines[order]
    return out_rows, out
