"""Exact nearest neighbours by cosine, in blocks of bounded memory."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

# Similarities held at a time: 64 MB of float32.
_BLOCK = 2**24
_BANK_ROWS = 2**16
# float16 rows widened at a time: few enough to stay in the cache.
_HALF_ROWS = 2**11
# Above the rounding error of float32 cosines; candidates this close are compared in float64.
_CLOSE = 4e-6
_SPARE = 8
# Up to so many times the wanted candidates are gathered one by one, more are sorted.
_FEW = 8


class ExactSearch:
    """Exact search in one bank of vectors, many times: the bank is made ready once.

    Args:
        bank: Shape (N, D). Rows with NaN, such as seasons without data, are never found. float16 stays
            float16, which halves what a query has to read; a memory-mapped array stays on disk. Other
            types become float32.

    Raises:
        ValueError: Another shape, or an empty bank.
    """

    def __init__(self, bank: ArrayLike) -> None:
        bank = np.asanyarray(bank)
        if bank.ndim != 2 or not bank.size:
            raise ValueError(f"a bank of vectors needs shape (N, D), got {bank.shape}")
        self._bank = np.ascontiguousarray(bank, np.float16 if bank.dtype == np.float16 else np.float32)
        self._norms = _lengths(self._bank)
        self._lost = ~np.isfinite(self._norms)

    def __len__(self) -> int:
        return len(self._bank)

    def nearest(
        self, queries: ArrayLike, k: int, *, exclude: ArrayLike | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k most similar rows for each query; see ``nearest``."""
        queries = np.atleast_2d(np.asarray(queries, np.float32))
        check_question(queries, self._bank.shape, k)
        hidden, excluded = exclusions(exclude, len(queries), len(self._bank))
        hidden = hidden | self._lost
        rows, cosines = (
            np.full((len(queries), k), -1, np.int64),
            np.full((len(queries), k), np.nan, np.float32),
        )
        step = max(1, _BLOCK // min(len(self._bank), _BANK_ROWS))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            rows[part], cosines[part] = _search(
                queries[part], self._bank, self._norms, k, hidden, excluded[part]
            )
        return rows, cosines


def nearest(
    queries: ArrayLike, bank: ArrayLike, k: int, *, exclude: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k most similar rows of a bank for each query, exact, by cosine.

    Candidates are found in float32 and ranked in float64, so equal vectors tie exactly, and ties go to the
    lower row: the answer depends on nothing but the vectors. Who asks the same bank again and again makes
    an ``ExactSearch`` of it.

    Args:
        queries: Shape (Q, D), or (D,) for one.
        bank: Shape (N, D). Rows with NaN, such as seasons without data, are never found.
        k: How many, 1 to N.
        exclude: Rows of the bank not to find: a mask (N,) of bool for all queries, or row numbers (Q,) or
            (Q, E), -1 for none. A query that lies in the bank is excluded by its own row.

    Returns:
        Row numbers (Q, k) int64 and cosines (Q, k) float32, best first. Where fewer than k rows are left, or
        the query holds NaN, the rest is -1 and NaN.

    Raises:
        ValueError: Shapes do not fit, or k is not between 1 and N.
    """
    return ExactSearch(bank).nearest(queries, k, exclude=exclude)


def check_question(queries: NDArray, bank: tuple[int, ...], k: int) -> None:
    """Refuse queries that do not fit a bank of that shape.

    Raises:
        ValueError: Names both shapes, or the range of k.
    """
    if queries.ndim != 2 or queries.shape[1] != bank[1]:
        raise ValueError(f"queries (Q, D) and bank (N, D) must share D, got {queries.shape} and {bank}")
    if not 1 <= k <= bank[0]:
        raise ValueError(f"k must lie between 1 and the {bank[0]} rows of the bank, got {k}")


def _lengths(vectors: NDArray) -> NDArray[np.float32]:
    """Length of each row (N, D) in float32; a pass over the bank, so torch's threads are worth it."""
    import torch

    blocks = [_tensor(vectors[start : start + _BANK_ROWS]) for start in range(0, len(vectors), _BANK_ROWS)]
    return torch.cat([torch.linalg.vector_norm(part.float(), dim=1) for part in blocks]).numpy()


def _tensor(values: NDArray) -> Tensor:
    """The same memory as a tensor; it is only read, so that a read-only map of a file will do."""
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(values)


def exclusions(exclude: ArrayLike | None, queries: int, rows: int) -> tuple[NDArray, NDArray]:
    """Mask (N,) of rows hidden from all queries, and row numbers (Q, E) hidden from single ones.

    Raises:
        ValueError: Neither a mask nor row numbers, see ``nearest``.
    """
    hidden, none = np.zeros(rows, bool), np.full((queries, 1), -1, np.int64)
    if exclude is None:
        return hidden, none
    exclude = np.asarray(exclude)
    if exclude.dtype == bool:
        if exclude.shape != (rows,):
            raise ValueError(f"a mask of rows to exclude needs shape ({rows},), got {exclude.shape}")
        return exclude, none
    numbers = exclude.reshape(queries, -1) if exclude.shape[:1] == (queries,) else None
    if numbers is None or not np.issubdtype(exclude.dtype, np.integer) or numbers.max(initial=-1) >= rows:
        raise ValueError(
            f"exclude needs a bool mask ({rows},) or row numbers below {rows}, one or more for each of "
            f"{queries} queries, got {exclude.dtype} of shape {exclude.shape}"
        )
    return hidden, numbers.astype(np.int64)


def _search(
    queries: NDArray, bank: NDArray, norms: NDArray, k: int, hidden: NDArray, excluded: NDArray
) -> tuple[NDArray, NDArray]:
    """Rows and cosines of a block of queries."""
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    unit = np.nan_to_num(queries / np.maximum(lengths, 1e-12)[:, None]).astype(np.float32)
    wanted = min(len(bank), k + _SPARE)
    scores, rows = _candidates(unit, bank, norms, wanted, hidden, excluded)
    out_rows, out = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), np.nan, np.float32)
    for q in np.flatnonzero(np.isfinite(lengths)):
        candidates = rows[q][np.isfinite(scores[q])]
        # Others may lie as close as the last candidate: then take all that could belong to the best k.
        if len(candidates) > k and scores[q, -1] >= scores[q, k - 1] - _CLOSE:
            candidates = _all_close(unit[q], bank, norms, scores[q, k - 1], hidden, excluded[q])
        found = bank[candidates].astype(np.float64)
        exact = (found * queries[q]).sum(1)
        exact /= np.maximum(np.linalg.norm(found, axis=1) * lengths[q], 1e-12)
        order = np.lexsort((candidates, -exact))[:k]
        out_rows[q, : len(order)], out[q, : len(order)] = candidates[order], exact[order]
    return out_rows, out


def _candidates(
    unit: NDArray, bank: NDArray, norms: NDArray, wanted: int, hidden: NDArray, excluded: NDArray
) -> tuple[NDArray, NDArray]:
    """The best float32 scores (Q, wanted) and their rows, best first; -inf where nothing is left."""
    import torch

    best = torch.full((len(unit), 0), -torch.inf)
    best_rows = torch.zeros((len(unit), 0), dtype=torch.int64)
    for start in range(0, len(bank), _BANK_ROWS):
        stop = min(start + _BANK_ROWS, len(bank))
        scores = torch.from_numpy(_scores(unit, bank, norms, hidden, start, stop))
        for column in excluded.T:
            mine = np.flatnonzero((column >= start) & (column < stop))
            scores[mine, column[mine] - start] = -torch.inf
        full = best.shape[1] == wanted
        values, found = _better(scores, best[:, -1:], wanted) if full else _top(scores, wanted)
        best, best_rows = torch.cat([best, values], 1), torch.cat([best_rows, found + start], 1)
        best, keep = best.topk(min(wanted, best.shape[1]), dim=1)
        best_rows = best_rows.gather(1, keep)
    return best.numpy(), best_rows.numpy()


def _top(scores: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """The best of a block (Q, n) and their columns."""
    return scores.topk(min(wanted, scores.shape[1]), dim=1)


def _better(scores: Tensor, least: Tensor, wanted: int) -> tuple[Tensor, Tensor]:
    """Scores of a block (Q, n) above the worst candidates so far (Q, 1), and their columns.

    After the first block few are: to compare and gather them is much cheaper than to sort.
    """
    import torch

    # numpy finds and counts what is true several times faster than torch.
    at = torch.from_numpy(np.flatnonzero((scores > least).numpy()))
    query, column = at // scores.shape[1], at % scores.shape[1]
    counts = torch.bincount(query, minlength=len(scores))
    width = int(counts.max())
    if width > _FEW * wanted:
        return _top(scores, wanted)
    place = torch.arange(len(query)) - (counts.cumsum(0) - counts)[query]
    values, columns = torch.full((len(scores), width), -torch.inf), torch.zeros(len(scores), width).long()
    values[query, place], columns[query, place] = scores[query, column], column
    return values, columns


def _scores(
    unit: NDArray, bank: NDArray, norms: NDArray, hidden: NDArray, start: int, stop: int
) -> NDArray[np.float32]:
    """Cosines (Q, stop - start) in float32; -inf for hidden rows."""
    scores = _products(unit, bank[start:stop])
    scores /= np.maximum(norms[start:stop], 1e-12)
    scores[:, hidden[start:stop]] = -np.inf
    return scores


def _products(unit: NDArray, part: NDArray) -> NDArray[np.float32]:
    """Inner products (Q, n) of queries with a part of the bank."""
    import torch

    # numpy's own matrix product would wake a second pool of threads beside torch's.
    if part.dtype == np.float32 and len(unit) == 1:
        return torch.mv(_tensor(part), _tensor(unit[0]))[None].numpy()
    if part.dtype == np.float32:
        return (_tensor(unit) @ _tensor(part).T).numpy()
    out = torch.empty(len(unit), len(part))
    for start in range(0, len(part), _HALF_ROWS):
        rows = _tensor(part[start : start + _HALF_ROWS]).float()
        out[:, start : start + _HALF_ROWS] = _tensor(unit) @ rows.T
    return out.numpy()


def _all_close(
    unit: NDArray, bank: NDArray, norms: NDArray, threshold: float, hidden: NDArray, excluded: NDArray
) -> NDArray[np.int64]:
    """All rows whose float32 score could belong to the best."""
    found = []
    for start in range(0, len(bank), _BANK_ROWS):
        scores = _scores(unit[None], bank, norms, hidden, start, min(start + _BANK_ROWS, len(bank)))[0]
        found.append(start + np.flatnonzero(scores >= threshold - _CLOSE))
    return np.setdiff1d(np.concatenate(found), excluded)
