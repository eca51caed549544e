"""Which of two encoders is better on one task, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seco_lab.downstream.metrics import Comparison, paired_bootstrap

if TYPE_CHECKING:
    from seco_lab.downstream.result import Result, Score


def compare(first: Result, second: Result, score: str | None = None, *, seed: int = 0) -> Comparison:
    """Paired bootstrap of two results on the same test list.

    Scores that are a mean over test items are compared item by item. Others (F1, average precision, change in
    whole cities) keep the values of their resamples, which both results drew alike.

    Args:
        first: One result.
        second: The other.
        score: Which score or baseline of both; by default the main one of each.
        seed: Seed of the resampling of items.

    Raises:
        ValueError: Other test lists or seeds, or results without what a paired test needs.
        LookupError: One of them lacks that score.
    """
    if first.protocol.test_hash != second.protocol.test_hash:
        raise ValueError(
            f"{first.name!r} and {second.name!r} were tested on different lists of images "
            f"({first.protocol.test_hash} and {second.protocol.test_hash}); a paired test needs the same"
        )
    one, other = _score_of(first, score), _score_of(second, score)
    if one.items is not None and other.items is not None:
        return paired_bootstrap(one.items, other.items, seed=seed)
    if one.draws is None or other.draws is None:
        bare = first if one.items is None and one.draws is None else second
        raise ValueError(f"{bare.name!r} was loaded without per-item scores, which a paired test needs")
    seeds = first.protocol.seed, second.protocol.seed
    if seeds[0] != seeds[1] or len(one.draws) != len(other.draws):
        raise ValueError(
            f"{first.name!r} and {second.name!r} were resampled with seeds {seeds[0]} and {seeds[1]}, "
            f"{len(one.draws)} and {len(other.draws)} times; a paired test needs the same resamples"
        )
    return Comparison.of(one.value - other.value, one.draws - other.draws)


def _score_of(result: Result, name: str | None) -> Score:
    scores = {**result.scores, **result.baselines}
    if name is not None and name not in scores:
        raise LookupError(f"{result.name!r} has no score {name!r}; it has {', '.join(scores)}")
    return result.main if name is None else scores[name]
