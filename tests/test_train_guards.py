import warnings
from collections import deque

import pytest
import torch
from training import SPEC, Squares, SquareViews, tiny_run

from seco_lab.batch import Batch, generator_for
from seco_lab.input_spec import InputSpec
from seco_lab.train import CollapseWarning, InputMismatchWarning
from seco_lab.train.guards import CollapseWatch, band_statistics, check_first_batch

FOUR = InputSpec(
    "sentinel2-l2a",
    ("B02", "B03", "B04", "B08"),
    "dn",
    (0,) * 4,
    (2500, 2500, 3000, 6000),
    (0.28, 0.32, 0.27, 0.45),
    (0.12, 0.12, 0.14, 0.15),
    10.0,
    16,
)
TYPICAL_DN = torch.tensor([700.0, 800.0, 800.0, 2700.0])


def standardised(counts, spec=FOUR):
    low, high, mean, std = (
        torch.tensor(v)[:, None, None] for v in (spec.low, spec.high, spec.mean, spec.std)
    )
    return {"query": (((counts - low) / (high - low)).clamp(0, 1) - mean) / std}


def scenes(seed=0):
    chance = torch.Generator().manual_seed(seed)
    return TYPICAL_DN[:, None, None] * (1 + 0.45 * torch.randn(16, 4, 8, 8, generator=chance)).clamp_min(0.1)


def test_typical_pixels_pass_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check_first_batch(standardised(scenes()), FOUR)
    assert [band.band for band in found] == list(FOUR.bands)
    assert all(abs(band.mean) < 0.5 and 0.5 < band.std < 2 for band in found)


def test_statistics_are_those_of_all_views():
    views = {"a": torch.full((2, 3, 2, 2), 1.0), "b": torch.full((2, 3, 2, 2), 3.0)}
    band = band_statistics(views, SPEC)[1]
    assert (band.band, band.mean, band.std) == ("B03", 2.0, 1.0)


def test_reflectance_where_dn_is_expected_is_refused():
    with pytest.raises(
        ValueError, match=r"another scale.*B02 has mean -2\.33 and std 0\.00.*dn.*wants mean near 0"
    ):
        check_first_batch(standardised(scenes() / 10000), FOUR)


def test_input_that_was_multiplied_by_255_is_refused():
    with pytest.raises(ValueError, match=r"B08 has mean .* and std \d\d\d"):
        check_first_batch({"query": standardised(scenes())["query"] * 255}, FOUR)


def test_swapped_bands_are_named():
    with pytest.warns(InputMismatchWarning, match="B04 has mean 3") as caught:
        check_first_batch(standardised(scenes()[:, [0, 1, 3, 2]]), FOUR)
    assert "B08 has mean -2" in str(caught[0].message)
    assert "B03 has" not in str(caught[0].message)


def test_views_of_another_number_of_bands_are_refused():
    with pytest.raises(ValueError, match=r"has 4 bands \(B02, B03, B04, B08\), view 'query' has 3"):
        check_first_batch({"query": torch.zeros(2, 3, 4, 4)}, FOUR)


class Reflectance(Squares):
    """Says DN, gives reflectance from 0 to 1."""

    def __getitem__(self, step):
        batch = super().__getitem__(step)
        return Batch(batch.images.float() / 10000, batch.index, batch.lonlat, batch.time)


def test_run_refuses_reflectance_before_it_trains(tmp_path):
    run = tiny_run(tmp_path / "run", batches=Reflectance())
    with pytest.raises(ValueError, match="another scale"):
        next(run)
    assert run.step == 0
    assert not (run.folder / "checkpoint.pt").exists()
    next(tiny_run(batches=Reflectance(), check_input=False))


def test_run_converts_units_that_are_known():
    batches = Reflectance()
    batches.unit = "reflectance"
    converted, plain = tiny_run(batches=batches), tiny_run()
    assert next(converted).loss.item() == pytest.approx(next(plain).loss.item(), rel=1e-3)
    batches.unit = "uint8"
    with pytest.raises(ValueError, match="expects 'dn' and the data are 'uint8'"):
        tiny_run(batches=batches)


class Spoiled(Squares):
    """The third batch has a pixel that is no number, in patch ``patch``."""

    def __getitem__(self, step):
        batch = super().__getitem__(step)
        images = batch.images.float()
        if step == 2:
            images[1] = float("nan")
            self.patch = int(batch.index[1])
        return Batch(images, batch.index, batch.lonlat, batch.time)


def test_spoiled_pixels_stop_the_run_and_name_the_patch(tmp_path):
    batches = Spoiled()
    run = tiny_run(tmp_path / "run", batches=batches, save_every_minutes=1e-9)
    next(run), next(run)
    before = (run.folder / "checkpoint.pt").read_bytes()
    with pytest.raises(
        FloatingPointError, match=r"nan at step 3 with learning rate 0\.0\d+; pixels of patches"
    ) as e:
        next(run)
    assert f"patches {batches.patch} are not finite" in str(e.value)
    assert (run.folder / "checkpoint.pt").read_bytes() == before
    assert run.step == 2


def test_runaway_learning_rate_is_blamed(tmp_path):
    run = tiny_run(tmp_path / "run", lr=1e30, steps=20)
    words = r"at step \d+ with learning rate .*are finite, so lower the learning rate"
    with pytest.raises(FloatingPointError, match=words):
        list(run)


def test_losses_are_looked_at_before_a_checkpoint_even_where_looking_is_rare(tmp_path):
    run = tiny_run(tmp_path / "run", batches=Spoiled(), steps=20)
    run._losses._every = 10  # as on a GPU
    next(run), next(run), next(run)
    with pytest.raises(FloatingPointError, match=r"nan at step 3 .*pixels of patches"):
        run.save()
    assert not (run.folder / "checkpoint.pt").exists()


def collapsed(step):
    return {"good": torch.randn(8, 6), "bad": torch.ones(8, 6) + 1e-3 * torch.randn(8, 6)}


def test_collapse_is_told_once_and_names_the_subspace():
    watch = CollapseWatch(every_steps=2)
    words = r"'bad' have collapsed by step \d+: spread 0\.0"
    with pytest.warns(CollapseWarning, match=words) as caught:
        deque((watch.look(step, collapsed(step)) for step in range(100)), maxlen=0)
    assert len(caught) == 1


def test_collapse_watch_keeps_quiet_at_the_start_and_about_healthy_embeddings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start, healthy = CollapseWatch(2), CollapseWatch(2)
        for step in range(100):
            if step < 20:
                start.look(step, collapsed(step))
            healthy.look(step, {"all": torch.randn(32, 16)})


def test_collapse_watch_measures_the_worst_subspace():
    watch = CollapseWatch(2)
    assert watch.look(1, collapsed(1)) == {}
    assert watch.look(2, {}) == {}
    assert watch.look(4, collapsed(4))["mean_cosine"] > 0.99


def test_views_are_made_anew_to_find_the_cause():
    first = SquareViews()(Squares()[3].images, generator_for(0, 3, "views"))
    again = SquareViews()(Squares()[3].images, generator_for(0, 3, "views"))
    assert all(torch.equal(first[name], again[name]) for name in first)
