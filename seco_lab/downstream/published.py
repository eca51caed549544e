"""What the papers report, to stand beside one's own numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

SECO, GASSL = "arXiv:2103.16607", "arXiv:2011.09980"


@dataclass(frozen=True)
class PublishedScore:
    """One number of a paper.

    Attributes:
        task: As in ``Protocol.task``.
        name: Pre-training and network.
        score: As in ``Result.scores``, where our protocol asks the same; the papers' own protocols differ in
            what docs/downstream.md tells.
        percent: As printed.
        source: Paper.
    """

    task: str
    name: str
    score: str
    percent: float
    source: str


def _rows(task: str, source: str, scores: tuple[str, ...], table: str) -> list[PublishedScore]:
    """One line a network: its name, and after a colon a number for each score, "-" for none."""
    rows = []
    for line in table.strip().splitlines():
        name, _, numbers = line.strip().rpartition(":")
        for score, number in zip(scores, numbers.split(), strict=True):
            if number != "-":
                rows.append(PublishedScore(task, f"{name} (paper)", score, float(number), source))
    return rows


# The baselines of SeCo's tables do not say which network they are; its own rows do.
PUBLISHED = (
    *_rows("eurosat", SECO, ("linear",), """
        ImageNet, r18: 86.44
        MoCo-v2+TP, r18: 89.51
        SeCo, r18: 93.14
    """),
    *_rows("bigearthnet", SECO, ("batch_ap", "finetune_batch_ap"), """
        random: 45.95 79.80
        ImageNet: 66.40 85.90
        MoCo-v2: 70.90 85.17
        MoCo-v2+TP: 71.08 85.71
        SeCo 1M, r18: 77.00 87.27
        SeCo 1M, r50: 80.35 87.81
    """),
    *_rows("oscd", SECO, ("f1",), """
        MoCo-v2+TP, r18: 40.12
        SeCo, r18: 46.94
    """),
    *_rows("fmow", GASSL, ("linear_f1", "finetune_f1", "linear", "finetune"), """
        supervised, ImageNet start, r50: - 64.72 - 69.07
        supervised, r50: - 64.71 - 69.05
        geo-location only, r50: 48.96 52.23 52.40 56.59
        MoCo-v2 on ImageNet, r50: 31.55 57.36 37.05 62.90
        MoCo-v2, r50: 55.47 60.61 60.69 64.34
        MoCo-v2+Geo, r50: 61.60 66.60 64.07 69.04
        MoCo-v2+TP, r50: 64.53 67.34 68.32 71.55
        MoCo-v2+Geo+TP, r50: 63.13 66.56 66.33 70.60
    """),
    *_rows("fmow-temporal", GASSL, ("mean_features_f1", "mean_features"), """
        MoCo-v2+Geo+TP, r50: 69.56 72.76
    """),
    *_rows("xview", GASSL, ("ap50",), """
        random, r50: 10.75
        supervised, ImageNet start, r50: 14.44
        supervised, r50: 14.42
        MoCo-v2, r50: 15.45
        MoCo-v2+Geo, r50: 15.63
        MoCo-v2+TP, r50: 17.65
        MoCo-v2+Geo+TP, r50: 17.74
    """),
    *_rows("spacenet", GASSL, ("miou",), """
        random, r50: 74.93
        ImageNet, r50: 75.23
        fMoW supervised, r50: 75.57
        MoCo-v2, r50: 78.05
        MoCo-v2+TP, r50: 78.48
    """),
    *_rows("geoimagenet", GASSL, ("linear", "linear_top5"), """
        supervised, r50: 35.04 54.11
        geo-location only, r50: 22.26 39.33
        MoCo-v2, r50: 38.51 57.67
        MoCo-v2+Geo, r50: 39.96 58.71
    """),
)  # fmt: skip


# Under the name of the same protocol on our side: what the papers call linear is what we call official.
_OFFICIAL = {
    "linear": "official",
    "linear_f1": "official_f1",
    "linear_top5": "official_top5",
    "batch_ap": "official_batch_ap",
}


def published_beside(task: str, scores: Collection[str]) -> list[dict[str, Any]]:
    """As ``published_rows``, but only numbers of the scores that one's own results have.

    A result of a paper's own protocol gets the paper's number beside it as well. No rows where the papers
    have no such task.

    Args:
        task: As in ``Protocol.task``.
        scores: Names of the scores of one's own results.
    """
    if all(row.task != task for row in PUBLISHED):
        return []
    rows = []
    for row in published_rows(task):
        twins = {_OFFICIAL[name]: value for name, value in row.items() if name in _OFFICIAL}
        kept = {name: value for name, value in (row | twins).items() if name in scores}
        if kept:
            rows.append({name: row[name] for name in ("name", "task", "protocol")} | kept)
    return rows


def published_rows(task: str) -> list[dict[str, Any]]:
    """Rows for ``join_results``: name, task and the paper's numbers in percent under the names of our scores.

    Raises:
        LookupError: Nothing is known of that task; the message lists those known.
    """
    found = [row for row in PUBLISHED if row.task == task]
    if not found:
        known = ", ".join(dict.fromkeys(row.task for row in PUBLISHED))
        raise LookupError(f"no published numbers for {task!r}; there are some for {known}")
    joined: dict[str, dict[str, Any]] = {}
    for row in found:
        head = {"name": row.name, "task": task, "protocol": f"paper ({row.source})"}
        joined.setdefault(row.name, head)[row.score] = f"{row.percent:.1f}"
    return list(joined.values())
