"""SeCo, trained for a minute: its sub-spaces part as they are told, and exchanged heads are noticed.

The settings make a short run learn: places between 38 and 62 degrees, near infrared, no clouds, strong
changes of colour, large crops (``docs/decisions/0048-what-to-watch.md``).
"""

import pytest

from seco_lab import places, seasons
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.downstream import SubspaceMonitor
from seco_lab.methods import SeCo
from seco_lab.nn.encoders import resnet18
from seco_lab.sources import SimulatedSource
from seco_lab.train import PretrainingRun, StepCosine, TrainConfig
from seco_lab.views import SeasonalViews, Strength

BANDS, SIZE_PX, BATCH, STEPS, SEED = ("B08", "B04", "B03"), 24, 64, 250, 2
STRONG = Strength(area=(0.8, 1.0), jitter=0.6, p_jitter=1.0, p_gray=0.3)


@pytest.fixture(scope="module")
def trained():
    drawn = places.plan_places(900, places.AroundCities(std_km=50), seed=0).place_list()
    chosen = [place for place in drawn if 38 < abs(place.lat) < 62][:160]
    dates = seasons.quarters(len(chosen), years=(2024,))
    cube = SimulatedSource(clouds=False).load(chosen, dates, size_px=36, bands=BANDS)
    spec = input_spec_for(cube, bands=BANDS, size_px=SIZE_PX)
    monitor = SubspaceMonitor(cube, spec, strength=STRONG, images=480, device="cpu")
    options = {"queue_size": 4 * BATCH, "momentum": 0.95, "temperature": 0.1, "steady": True, "seed": SEED}
    method = SeCo(resnet18(width=8, seed=SEED), dim=64, **options)
    batches = CubeBatches(cube, BATCH, seasons=3, bands=BANDS, seed=SEED)
    schedule = {"schedule": StepCosine(warmup_steps=10), "precision": "float32", "seed": SEED}
    config = TrainConfig(steps=STEPS, lr=0.004, optimizer="adamw", **schedule)
    views = SeasonalViews(spec, SIZE_PX, strength=STRONG)
    before = monitor(method)
    for _ in PretrainingRun(method, batches, views, config, spec=spec, device="cpu"):
        pass
    return method, monitor, before


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sub_spaces_part_and_exchanged_heads_are_noticed(trained):
    method, monitor, before = trained
    after = monitor(method)
    season = {name: reading.season_shift for name, reading in after.spaces.items()}
    look = {name: reading.augmentation_shift for name, reading in after.spaces.items()}
    # Heads of random numbers differ by 5 %.
    assert season["augmentation"] > 1.1 * max(season["all"], season["season"])
    assert look["season"] > 1.1 * max(look["all"], look["augmentation"])
    assert after.complaints() == []
    leak = {name: reading.season_leak for name, reading in after.spaces.items()}
    assert leak["augmentation"] > leak["season"]
    assert before.complaints() != [], "heads of random numbers treat season and augmentation alike"
    method.heads[1], method.heads[2] = method.heads[2], method.heads[1]
    told = monitor(method).complaints()
    method.heads[1], method.heads[2] = method.heads[2], method.heads[1]
    # Shifts part for sure in so short a run; a third sentence, about what can be read, comes in most.
    assert "season shift of sub-space 'augmentation', which is to keep it" in told[0]
    assert any(
        "augmentation shift of sub-space 'season', which is to keep it" in sentence for sentence in told
    )
