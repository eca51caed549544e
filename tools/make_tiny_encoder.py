"""Make ``data/tiny_encoder.pt``, trained on the simulated world alone: ``python tools/make_tiny_encoder.py``.

About two minutes of one CPU core. Tests and notebooks take it where a trained encoder is wanted at once.
"""

from __future__ import annotations

from pathlib import Path

import torch
from tqdm.auto import tqdm

from seco_lab import places, seasons
from seco_lab.checkpoints import save_encoder
from seco_lab.data import CubeBatches, input_spec_for
from seco_lab.methods import SimCLR
from seco_lab.nn.encoders import resnet18
from seco_lab.sources import SimulatedSource
from seco_lab.train import PretrainingRun, StepCosine, TrainConfig
from seco_lab.views import MILD, TemporalViews

OUT = Path(__file__).resolve().parents[1] / "data" / "tiny_encoder.pt"
PLACES, SIZE_PX, VIEW_PX, STEPS, BATCH, WIDTH = 500, 32, 24, 700, 64, 8


def main() -> None:
    torch.set_num_threads(1)
    chosen = places.plan_places(PLACES, places.AroundCities(std_km=50), seed=0).place_list()
    dates = seasons.quarters(len(chosen), years=(2024,))
    cube = SimulatedSource(clouds=False).load(chosen, dates, size_px=SIZE_PX, bands="rgb")
    spec = input_spec_for(cube, bands="rgb", size_px=VIEW_PX)
    method = SimCLR(resnet18(width=WIDTH), dim=64, temperature=0.2)
    views = TemporalViews(spec, VIEW_PX, strength=MILD)
    schedule = StepCosine(warmup_steps=10)
    config = TrainConfig(steps=STEPS, lr=0.003, optimizer="adamw", schedule=schedule, precision="float32")
    batches = CubeBatches(cube, BATCH, seasons=views.seasons, bands="rgb")
    run = PretrainingRun(method, batches, views, config, spec=spec, device="cpu")
    for _ in tqdm(run, total=STEPS, unit="step"):
        pass
    save_encoder(OUT, method.encoder, spec)
    print(f"{OUT}: {method.encoder.name}, {OUT.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
