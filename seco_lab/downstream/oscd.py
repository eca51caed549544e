"""OSCD: where a city changed between two Sentinel-2 scenes (Daudt et al. 2018, arXiv:1810.08468)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from torch import nn
from tqdm.auto import tqdm

from seco_lab.cube import make_cube
from seco_lab.downstream.change_maps import (
    ChangeProtocol,
    CityAnswer,
    FeatureDistance,
    answers_of,
    change_vectors,
)
from seco_lab.downstream.change_scores import CityScore, overall
from seco_lab.downstream.cube_protocol import other_sensor
from seco_lab.downstream.features import encoder_entry
from seco_lab.downstream.metrics import paired_bootstrap
from seco_lab.downstream.pairs import PATCH_PX, Folds, city_folds, has_labels, judged
from seco_lab.downstream.result import Protocol, Result
from seco_lab.downstream.scene_results import ENCODER, baseline_scores, beside_untrained
from seco_lab.embeddings import cube_hash
from seco_lab.input_spec import InputSpec
from seco_lab.nn.encoders import encoder_named
from seco_lab.sensors import SENTINEL2_L1C
from seco_lab.sources.oscd import OSCD_ATTRS, CityFiles, bands_of, find_cities, read_city

# The quantiles of OSCD's L1C counts that the official SeCo code scales by; it standardises nothing.
OFFICIAL_SPEC = InputSpec(
    "sentinel2-l1c", ("B04", "B03", "B02"), "dn", (426, 667, 885), (3698, 2969, 2620), (0,) * 3, (1,) * 3,
    10.0, PATCH_PX,
)  # fmt: skip
_SHOWN = ("f1", "auc", "average_precision")


def load_oscd(
    root: str | Path,
    *,
    bands: str | Sequence[str] = "all",
    rectified: bool = False,
    limit: int | None = None,
    progress: bool = True,
) -> dict[str, xr.Dataset]:
    """The cities of OSCD, each a cube of one patch and two dates with the change map as ``mask``.

    Cities have sizes of their own, and a cube has one size; so each city is a cube, and ``cut_pairs`` makes
    one cube of equal patches of all of them.

    Args:
        root: Folder of the official download (images and labels side by side or in one folder a city), or of
            stacked GeoTIFFs; see ``seco_lab.sources.oscd.find_cities``.
        bands: "rgb", "all" (those that every city has) or names.
        rectified: Take the registered variant, ``imgs_1_rect``.
        limit: Only the first so many cities.
        progress: Show a bar where reading takes more than two seconds.

    Returns:
        By name: reflectance (1, 2, C, H, W) uint16, counts of L1C reflectance x 10000; mask (1, H, W) uint8,
        0 unchanged, 1 changed, absent for a city without labels; coordinate ``split`` where lists are there.

    Raises:
        FileNotFoundError: Nothing is there.
        LookupError: No city in a known layout, or a band is missing.
        ValueError: A file cannot be read, or a change map has another size than its scene.
    """
    found = find_cities(root, rectified=rectified)[:limit]
    shared = set.intersection(*(set(bands_of(city)) for city in found))
    names = [n for n in SENTINEL2_L1C.band_names if n in shared]
    names = names if bands == "all" else SENTINEL2_L1C.subset(bands)
    if not names:
        raise LookupError(f"the cities below {root} share no band; name those wanted, such as bands='rgb'")
    shown = tqdm(found, unit="city", desc="reading OSCD", disable=not progress, delay=2)
    return {city.name: _cube_of(city, names) for city in shown}


def _cube_of(city: CityFiles, bands: Sequence[str]) -> xr.Dataset:
    scenes = read_city(city, bands)
    labelled = {} if scenes.change is None else {"mask": scenes.change[None]}
    return make_cube(
        scenes.pixels[None],
        patch=[scenes.name],
        time=np.array([scenes.dates], "datetime64[ns]"),
        lon=[scenes.lon],
        lat=[scenes.lat],
        sensor=SENTINEL2_L1C,
        bands=bands,
        split=None if scenes.split is None else [scenes.split],
        class_names=("unchanged", "changed"),
        attrs=OSCD_ATTRS,
        **labelled,
    )


def random_weights(encoder: str = "resnet18", *, seed: int = 0) -> tuple[nn.Module, InputSpec]:
    """An untrained encoder with the official input contract, for ``--weights random``."""
    return encoder_named(encoder, len(OFFICIAL_SPEC.bands), seed=seed).eval(), OFFICIAL_SPEC


def evaluate_oscd(
    encoder: nn.Module,
    spec: InputSpec,
    cities: Mapping[str, xr.Dataset],
    protocol: ChangeProtocol | None = None,
    *,
    name: str = "encoder",
    baselines: bool = True,
    groups: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool = False,
) -> Result:
    """Precision, recall, F1, AUC and average precision of change, beside what has learnt nothing.

    Args:
        encoder: Gives ``feature_maps``; it stays as it is.
        spec: Its input contract; ``OFFICIAL_SPEC`` for SeCo's own scaling of OSCD.
        cities: From ``load_oscd``; those without labels are left out and named in the notes.
        protocol: ``FeatureDistance()`` (the default; no training, a minute on a CPU), ``UNetProtocol(...)``
            or ``UNetProtocol.official()``.
        name: Whose result it is.
        baselines: Whether to compute what the score must be held against.
        groups: See ``city_folds``.
        seed: Seed of the resampling.
        device: "auto", "cpu", "cuda" or "mps".
        progress: Whether to show bars.

    Returns:
        Scores "f1" (the main one), "precision", "recall", "auc", "average_precision" as ``overall`` defines
        them. Baselines, each with f1, auc and average_precision: "cva" (change vectors of all bands of the
        cubes), "cva_same_bands" where the encoder sees fewer, "untrained" (same architecture, contract and
        protocol). Per class: F1 of each city. ``protocol.settings["cities"]`` has all numbers of each city.

    Raises:
        ValueError: No labels, no change at all in training or test, NaN in features, an encoder without maps.
        LookupError: A band is missing.
    """
    protocol = protocol or FeatureDistance()
    kept = _usable(cities)
    folds = city_folds(kept, groups=groups)
    options = {"device": device, "progress": progress}

    def answered_by(one: nn.Module) -> dict[str, CityAnswer]:
        return protocol.answer(one, spec, kept, folds, **options)

    answers = beside_untrained(encoder, answered_by, baselines=baselines, seed=seed)
    if baselines:
        answers |= _baselines(kept, folds, spec)
    scores = {who: overall(kept, found, seed=seed) for who, found in answers.items()}
    detail = {who: _by_city(kept, found) for who, found in answers.items()}
    shown = {who: {key: found[key] for key in _SHOWN if key in found} for who, found in scores.items()}
    per_city = {city: score.f1 for city, score in detail[ENCODER].items()}
    settings = protocol.settings() | _described(detail)
    return Result(name, "f1", scores[ENCODER], baseline_scores(shown), per_city,
                  _protocol(encoder, spec, cities, kept, folds, protocol.kind, settings, seed))  # fmt: skip


def _usable(cities: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Cities with labels and pixels to judge.

    Raises:
        ValueError: There is none, or none shows change.
    """
    labelled = {name: city for name, city in cities.items() if has_labels(city)}
    if not labelled:
        raise ValueError(
            f"none of the {len(cities)} cities has a change map; put the labels' folder (city/cm/...) beside "
            "the folder of images"
        )
    empty = [name for name, city in labelled.items() if not judged(city).any()]
    if empty:
        raise ValueError(f"{empty[0]} has no pixel with data at both dates; leave it out")
    if not any((city["mask"].values == 1).any() for city in labelled.values()):
        raise ValueError(
            f"the change maps of all {len(labelled)} cities are empty: nothing can be learnt or scored; "
            "check that they are the maps themselves and not blanks"
        )
    return labelled


def _baselines(
    cities: Mapping[str, xr.Dataset], folds: Folds, spec: InputSpec
) -> dict[str, dict[str, CityAnswer]]:
    """Change vectors of all bands, and where the encoder sees fewer also of its bands."""
    found = {"cva": answers_of(change_vectors, cities, folds)}
    if any(set(map(str, city["band"].values)) != set(spec.bands) for city in cities.values()):
        found["cva_same_bands"] = answers_of(lambda city: change_vectors(city, spec.bands), cities, folds)
    return found


def _by_city(cities: Mapping[str, xr.Dataset], answers: Mapping[str, CityAnswer]) -> dict[str, CityScore]:
    return {name: CityScore.of(cities[name], answer) for name, answer in answers.items()}


def _described(detail: Mapping[str, Mapping[str, CityScore]]) -> dict[str, Any]:
    """All numbers of each city, and by how much the encoder's AUC differs from that of each baseline."""
    own = detail[ENCODER]
    out: dict[str, Any] = {"cities": {city: score.to_dict() for city, score in own.items()}}
    out["baseline_cities"] = {
        who: {city: score.to_dict() for city, score in found.items()}
        for who, found in detail.items() if who != ENCODER
    }  # fmt: skip
    pairs = {who: _auc_pairs(own, found) for who, found in detail.items() if who != ENCODER}
    out["auc_above"] = {
        who: vars(paired_bootstrap(*np.array(values).T)) for who, values in pairs.items() if values
    }
    return out


def _auc_pairs(own: Mapping[str, CityScore], other: Mapping[str, CityScore]) -> list[tuple[float, float]]:
    return [(own[n].auc, other[n].auc) for n in own if own[n].auc is not None and other[n].auc is not None]


def _protocol(
    encoder: nn.Module,
    spec: InputSpec,
    given: Mapping[str, xr.Dataset],
    cities: Mapping[str, xr.Dataset],
    folds: Folds,
    kind: str,
    settings: dict[str, Any],
    seed: int,
) -> Protocol:
    one, tested = len(folds) == 1, sum(len(test) for _, test in folds)
    train = sorted({name for names, _ in folds for name in names})
    test = sorted(name for _, names in folds for name in names)
    split = (
        "the official lists of training and test cities"
        if one
        else f"no official test labels: {tested} cities in {len(folds)} groups, each tested by what the "
        "others teach"
    )
    return Protocol(
        task="oscd",
        kind=kind,
        split=split,
        train_hash=_hash(cities, train),
        test_hash=_hash(cities, test),
        sizes={"train": len(train), "validation": 0, "test": len(test)},
        classes=("unchanged", "changed"),
        seed=seed,
        settings=settings | {"unit_of_sizes": "cities", "intervals": _interval_words(tested)},
        encoder=encoder_entry(encoder),
        input_spec=replace(spec, size_px=PATCH_PX).to_dict(),
        notes=tuple(_notes(spec, given, cities)),
    )


def _interval_words(tested: int) -> str:
    return "cities resampled" if tested >= 3 else f"patches of {PATCH_PX} px resampled: too few cities"


def _hash(cities: Mapping[str, xr.Dataset], names: Sequence[str]) -> str:
    """Hash of every pixel and label of some cities."""
    digest = hashlib.blake2b(digest_size=8)
    for name in names:
        digest.update(cube_hash(cities[name]).encode())
        digest.update(np.ascontiguousarray(cities[name]["mask"].values))
    return digest.hexdigest()


def _notes(spec: InputSpec, given: Mapping[str, xr.Dataset], cities: Mapping[str, xr.Dataset]) -> list[str]:
    """What a reader of the number should know."""
    notes = other_sensor(spec, str(next(iter(cities.values())).attrs["sensor"]), "scenes")
    absent = sorted(set(given) - set(cities))
    if absent:
        notes.append(f"without labels and left out: {', '.join(absent)}")
    silent = [name for name, city in cities.items() if not (city["mask"].values == 1).any()]
    if silent:
        notes.append(f"nothing changed in {', '.join(silent)}: no recall, AUC or average precision there")
    return notes
