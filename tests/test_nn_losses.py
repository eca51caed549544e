import math

import pytest
import torch

from seco_lab.nn.losses import (
    batch_logits,
    contrastive_logits,
    geometric_between,
    info_nce,
    ml_cpc,
    pick_positive,
    top1,
    top_n_share,
    unit_length,
)


def vectors(rows, dim=8, seed=0):
    return unit_length(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)))


def test_batch_logits_leave_the_own_key_out():
    query, keys = vectors(5, seed=1), vectors(5, seed=2)
    found = batch_logits(query, keys, temperature=0.2)
    wanted = [[float(query[i] @ keys[j]) / 0.2 for j in range(5) if j != i] for i in range(5)]
    assert torch.allclose(found, torch.tensor(wanted), atol=1e-6)


def test_info_nce_agrees_with_plain_loops():
    query, positive, negatives = vectors(5, seed=1), vectors(5, seed=2), vectors(11, seed=3)
    losses = []
    for q, p in zip(query, positive, strict=True):
        others = sum(math.exp(float(q @ n) / 0.07) for n in negatives)
        own = math.exp(float(q @ p) / 0.07)
        losses.append(-math.log(own / (own + others)))
    assert info_nce(query, positive, negatives, temperature=0.07).item() == pytest.approx(sum(losses) / 5)


def test_info_nce_of_equal_vectors_is_the_log_of_the_choices():
    same = torch.tensor([[1.0, 0.0]])
    loss = info_nce(same, same, same.expand(7, 2), temperature=0.07)
    assert loss.item() == pytest.approx(math.log(8))


def test_logits_put_the_positive_first():
    query = torch.tensor([[1.0, 0.0]])
    logits = contrastive_logits(query, query, torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), temperature=0.5)
    assert logits.tolist() == [[2.0, 0.0, -2.0]]


def test_logits_stay_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        logits = contrastive_logits(vectors(2), vectors(2), vectors(3), temperature=0.07)
    assert logits.dtype == torch.float32
    assert torch.equal(logits[:, 1:], vectors(2) @ vectors(3).T / 0.07)


def test_temperature_must_be_positive():
    with pytest.raises(ValueError, match="temperature must be positive, got 0"):
        info_nce(vectors(2), vectors(2), vectors(3), temperature=0)


def test_top1_counts_rows_that_the_positive_wins():
    logits = torch.tensor([[3.0, 1.0], [0.0, 1.0], [2.0, 1.0], [5.0, 4.0]])
    assert top1(logits).item() == 0.75


def ml_cpc_by_loops(logits, alpha):
    rows, columns = logits.shape
    beta = (columns - alpha) / (columns - 1)
    whole = sum(
        (alpha if j == 0 else beta) * math.exp(logits[i, j]) for i in range(rows) for j in range(columns)
    )
    shares = [alpha * math.exp(logits[i, 0]) / whole for i in range(rows)]
    return sum(math.log(1 / rows) - math.log(share) for share in shares) / rows / alpha


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.5])
def test_ml_cpc_agrees_with_plain_loops(alpha):
    logits = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    assert ml_cpc(logits, alpha=alpha).item() == pytest.approx(ml_cpc_by_loops(logits, alpha), rel=1e-5)


def test_ml_cpc_of_equal_logits_is_the_log_of_the_columns():
    assert ml_cpc(torch.zeros(4, 6)).item() == pytest.approx(math.log(6), rel=1e-5)


def test_ml_cpc_of_one_row_is_cross_entropy():
    logits = torch.randn(1, 9, generator=torch.Generator().manual_seed(1))
    assert ml_cpc(logits).item() == pytest.approx(pick_positive(logits).item(), rel=1e-5)


def test_ml_cpc_refuses_impossible_weights():
    with pytest.raises(ValueError, match="between 0 and the 3 columns of the logits, got 3"):
        ml_cpc(torch.zeros(2, 3), alpha=3)


def test_top_n_share_looks_at_all_rows_at_once():
    logits = torch.tensor([[9.0, 8.0, 0.0], [1.0, 0.0, 0.0]])
    assert top_n_share(logits).item() == 0.5


def test_geometric_between_has_equal_ratios():
    assert [geometric_between(1, 16, s) for s in (0, 0.25, 0.5, 1)] == [1, 2, 4, 16]
