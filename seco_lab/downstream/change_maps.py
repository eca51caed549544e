"""Maps of change without any training: change vectors of the counts, and of a frozen encoder's features."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm.auto import tqdm

from seco_lab.downstream.pairs import Folds, judged, name_of, pixels_of
from seco_lab.downstream.ranking import best_threshold
from seco_lab.input_spec import InputSpec
from seco_lab.nn.devices import choose_device
from seco_lab.nn.inputs import network_input
from seco_lab.nn.segmentation import STRIDE, maps_of


@dataclass(frozen=True)
class CityAnswer:
    """What was found in one city that did not train.

    Attributes:
        scores: Shape (H, W), float32, higher means more likely changed.
        threshold: From here on a pixel is called changed; chosen on other cities alone.
    """

    scores: NDArray[np.float32]
    threshold: float


class ChangeProtocol(Protocol):
    """How an encoder is asked for change."""

    kind: str

    def answer(
        self,
        encoder: nn.Module,
        spec: InputSpec,
        cities: Mapping[str, xr.Dataset],
        folds: Folds,
        *,
        device: str,
        progress: bool,
    ) -> dict[str, CityAnswer]:
        """The answer for each city that a fold tests, from what its training cities teach."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything fixed or chosen, for the protocol of the result."""
        ...


@dataclass(frozen=True)
class FeatureDistance:
    """The training-free protocol: how far apart are the frozen encoder's feature maps of both dates?

    Each channel of each stage is standardised over the scene, date by date, so that another sun or haze is no
    change; the distance at a pixel is the root mean square over channels. Stages are enlarged (bilinear) to
    the pixels, divided by their mean over the scene, and averaged. Cosine distance did worse
    (docs/decisions/0067-change-without-training.md).

    Attributes:
        stages: Which of the five maps; 0 is ``conv1``, 1 to 4 the stages of a ResNet.
    """

    stages: tuple[int, ...] = (0, 1, 2)
    kind: ClassVar[str] = "sound"

    def __post_init__(self) -> None:
        """Refuse stages that there are not.

        Raises:
            ValueError: No stage, or one outside 0 to 4.
        """
        if not self.stages or not set(self.stages) <= set(range(5)):
            raise ValueError(f"stages are numbers from 0 to 4, one or more, got {self.stages}")

    def answer(
        self,
        encoder: nn.Module,
        spec: InputSpec,
        cities: Mapping[str, xr.Dataset],
        folds: Folds,
        *,
        device: str = "auto",
        progress: bool = False,
    ) -> dict[str, CityAnswer]:
        """As ``ChangeProtocol.answer``; every city is looked at once."""

        def measure(city: xr.Dataset) -> NDArray[np.float32]:
            return feature_distance(encoder, spec, city, stages=self.stages, device=device)

        return answers_of(measure, cities, folds, progress=progress)

    def settings(self) -> dict[str, Any]:
        """As ``ChangeProtocol.settings``."""
        return {"protocol": "distance of frozen features, standardised channels", **asdict(self)}


def answers_of(
    measure: Callable[[xr.Dataset], NDArray[np.float32]],
    cities: Mapping[str, xr.Dataset],
    folds: Folds,
    *,
    progress: bool = False,
) -> dict[str, CityAnswer]:
    """Maps of a measure that learns nothing, each with the threshold of its training cities' best F1."""
    shown = tqdm(cities.items(), unit="city", disable=not progress)
    maps = {name: measure(city) for name, city in shown}
    answers = {}
    for train, test in folds:
        threshold = threshold_on([cities[name] for name in train], [maps[name] for name in train])
        answers |= {name: CityAnswer(maps[name], threshold) for name in test}
    return answers


def threshold_on(cities: Sequence[xr.Dataset], maps: Sequence[NDArray]) -> float:
    """The threshold of the best F1 over all judged pixels of these cities.

    Raises:
        ValueError: None of them shows change.
    """
    kept = [judged(city) for city in cities]
    scores = np.concatenate([values[k] for values, k in zip(maps, kept, strict=True)])
    truth = np.concatenate([c["mask"].values[0][k] == 1 for c, k in zip(cities, kept, strict=True)])
    if not truth.any():
        names = ", ".join(map(name_of, cities))
        raise ValueError(f"no training city shows change ({names}), so no threshold can be chosen on them")
    return best_threshold(scores, truth)


def change_vectors(city: xr.Dataset, bands: Sequence[str] | None = None) -> NDArray[np.float32]:
    """Length of the change vector of each pixel, shape (H, W): plain change-vector analysis.

    Each band is standardised over the scene, date by date (relative radiometric normalisation).

    Args:
        city: A cube of one patch and two dates.
        bands: Names; all that the cube has if left out.
    """
    pixels = torch.as_tensor(pixels_of(city, bands).astype(np.float32))
    return channel_distance(pixels).numpy()


def channel_distance(maps: Tensor) -> Tensor:
    """Root mean square difference of channels standardised date by date: (2, C, H, W) to (H, W)."""
    centred = maps - maps.mean((2, 3), keepdim=True)
    spread = centred.square().mean((2, 3), keepdim=True).sqrt()
    # A channel that is constant at one date says nothing of change.
    alive = (spread > 1e-6).all(0, keepdim=True)
    first, second = torch.where(alive, centred / spread.clamp(min=1e-6), 0)
    return (second - first).square().mean(0).sqrt()


@torch.inference_mode()
def feature_distance(
    encoder: nn.Module,
    spec: InputSpec,
    city: xr.Dataset,
    *,
    stages: Sequence[int] = (0, 1, 2),
    device: str | torch.device = "auto",
) -> NDArray[np.float32]:
    """How far apart a frozen encoder's maps of both dates are, shape (H, W); see ``FeatureDistance``.

    Args:
        encoder: A ``PixelEncoder``; a copy of it, in eval mode, is asked.
        spec: Its input contract; the scene is seen at its own size.
        city: A cube of one patch and two dates.
        stages: Which of the five maps.
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ValueError: NaN in the features, or an encoder without maps.
        LookupError: A band is missing.
    """
    where = choose_device(device)
    images = prepared(city, spec).to(where)
    height, width = images.shape[-2:]
    mode = "reflect" if min(height, width) > STRIDE else "replicate"
    images = F.pad(images, (0, -width % STRIDE, 0, -height % STRIDE), mode=mode)
    maps_of(encoder)
    maps = copy.deepcopy(encoder).eval().to(where).feature_maps(images)
    total = torch.zeros(images.shape[-2:], device=where)
    for stage in stages:
        # What lies beyond the border must not count in mean and spread.
        scale = 2 ** (stage + 1)
        inside = maps[stage][:, :, : -(-height // scale), : -(-width // scale)]
        if not torch.isfinite(inside).all():
            raise ValueError(
                f"features of {name_of(city)} hold NaN or infinity at stage {stage}: the weights are broken; "
                "look into the run that made them"
            )
        near = channel_distance(inside)
        height_left, width_left = (maps[stage].shape[axis] - near.shape[axis - 2] for axis in (2, 3))
        near = F.pad(near[None, None], (0, width_left, 0, height_left), mode="replicate")
        large = F.interpolate(near, total.shape, mode="bilinear", align_corners=False)[0, 0]
        total += large / large.mean().clamp(min=1e-12) / len(stages)
    return total[:height, :width].cpu().numpy()


def prepared(city: xr.Dataset, spec: InputSpec) -> Tensor:
    """Network input (2, C, H, W) of a scene, at its own size."""
    counts = torch.as_tensor(pixels_of(city, spec.bands).astype(np.float32))
    return network_input(counts, spec, str(city.attrs["unit"]))
