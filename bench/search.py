"""Search at size: exact in float32 and float16, and indexes of well-kept libraries, in one run.

Run ``python bench/search.py [--json FILE] [--rows 200000] [--dims 64,512] [--kinds "exact, float32;..."]``.
faiss-cpu comes with the ``index`` extra. Graphs (HNSW) of faiss and usearch, where it is installed, are
measured when ``--kinds`` names them: they take minutes to build. Vectors lie in 500 clouds, as embeddings do;
on plain noise every index fails, because there everything is equally far.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import numpy as np

from seco_lab.neighbours import ExactSearch

K, QUERIES, ROUNDS = 10, 100, 9


def clouds(rows: int, dims: int) -> np.ndarray:
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(500, dims)).astype(np.float32)
    out = chance.standard_normal((rows, dims), np.float32)
    for start in range(0, rows, 65_536):
        part = out[start : start + 65_536]
        part *= chance.uniform(0.3, 1.2, (len(part), 1)).astype(np.float32)
        part += centres[chance.integers(0, 500, len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return out


def exact(bank: np.ndarray) -> Callable:
    search = ExactSearch(bank)
    return lambda queries: search.nearest(queries, K)[0]


def half(bank: np.ndarray) -> Callable:
    return exact(bank.astype(np.float16))


def flat(bank: np.ndarray) -> Callable:
    import faiss

    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank)
    return lambda queries: index.search(queries, K)[1]


def ours(bank: np.ndarray) -> Callable:
    from seco_lab.search import IndexSearch

    search = IndexSearch(bank)
    return lambda queries: search.nearest(queries, K)[0]


def faiss_hnsw(bank: np.ndarray) -> Callable:
    import faiss

    index = faiss.index_factory(bank.shape[1], "HNSW16", faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = 80, 128
    index.add(bank)
    return lambda queries: index.search(queries, K)[1]


def usearch_hnsw(bank: np.ndarray) -> Callable:
    from usearch.index import Index

    index = Index(ndim=bank.shape[1], metric="cos", dtype="f16", expansion_search=128)
    index.add(np.arange(len(bank)), bank)
    return lambda queries: np.array([index.search(query, K).keys for query in queries], np.int64)


KINDS = {
    "exact, float32": (exact, None),
    "exact, float16": (half, None),
    "faiss, flat": (flat, "faiss"),
    "IndexSearch (faiss, lists)": (ours, "faiss"),
    "faiss, HNSW": (faiss_hnsw, "faiss"),
    "usearch, HNSW": (usearch_hnsw, "usearch"),
}
USUAL = list(KINDS)[:4]


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measured(rows: int, dims: int, kinds: list[str]) -> list[dict]:
    """One row a kind: build once, then all kinds answer in turns."""
    bank, chance = clouds(rows, dims), np.random.default_rng(1)
    chosen = bank[chance.integers(0, rows, QUERIES)]
    queries = (chosen + 0.2 / np.sqrt(dims) * chance.standard_normal(chosen.shape)).astype(np.float32)
    asks, build = {}, {}
    for name in kinds:
        make, package = KINDS[name]
        if package is None or find_spec(package):
            build[name] = seconds(lambda name=name, make=make: asks.update({name: make(bank)}))
    truth = asks[kinds[0]](queries)
    times: dict[str, list[float]] = {name: [] for name in asks}
    for one in range(ROUNDS):
        for name, ask in asks.items():
            times[name].append(seconds(lambda ask=ask, one=one: ask(queries[one : one + 1])))
    base = median(times[kinds[0]])
    return [
        {
            "rows x dims": f"{rows:,} x {dims}",
            "search": name,
            "ready after s": round(build[name], 1),
            "one query, ms": 1000 * median(times[name]),
            "times exact": base / median(times[name]),
            "recall@10": recall(ask(queries), truth),
        }
        for name, ask in asks.items()
    ]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found[:, :, None] == truth[:, None]).any(2).mean())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dims", default="64,512")
    parser.add_argument("--kinds", default=";".join(USUAL), help="names of the table, with ; between")
    options = parser.parse_args()
    table = []
    for dims in options.dims.split(","):
        for row in measured(options.rows, int(dims), options.kinds.split(";")):
            print(row, flush=True)
            table.append(row)
    if options.json:
        result = {
            "name": "Search at size",
            "rows": table,
            "ratio": next(row["times exact"] for row in table if row["search"].startswith("IndexSearch")),
            "target": "one exact query in 1e6 x 512 under 300 ms; an index with a recall of 0.95",
            "command": "python bench/search.py",
        }
        with open(options.json, "w") as file:
            json.dump(result, file)


if __name__ == "__main__":
    main()
