"""Input contracts of the published weights.

SeCo's own numbers hold for pixels of its 8-bit files, in which reflectance 1 is written as 255. torchgeo's
transform for the same weights (torchgeo/models/resnet.py, commit 0422b32) is wrong twice. After the limits
it multiplies by 255 and never divides again, so that its network sees values 255 times too large. And its
limits stand in the order B02, B03, B04, while the channels of the weights are B04, B03, B02: red and blue
are swapped. Here every limit stands beside its band.
"""

from __future__ import annotations

import json
from pathlib import Path

from seco_lab.input_spec import InputSpec

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SENTINEL2_RGB, _PICTURE = ("B04", "B03", "B02"), ("R", "G", "B")

# Official SeCo code, datasets/seco_dataset.py: 2 % and 98 % quantiles of 3000 images, B04 0 to 129, B03 2 to
# 103, B02 3 to 88. In Sentinel-2 DN: B04 0 to 5059, B03 78 to 4039, B02 118 to 3451, by unit_factor. The
# official code rounds down to whole counts twice, which the contract leaves out: at most 1.6 % of the range.
SECO = InputSpec(
    "sentinel2-l2a",
    _SENTINEL2_RGB,
    "seco_8bit",
    (0, 2, 3),
    (129, 103, 88),
    IMAGENET_MEAN,
    IMAGENET_STD,
    10.0,
    224,
)
# Official GASSL code: fMoW RGB JPEGs, views of 224 px. Pixels of these pictures are 0.3 m to some metres wide
# on the ground, and ImageNet's have no ground size: 1 m stands for "unknown".
GASSL = InputSpec("rgb8", _PICTURE, "uint8", (0,) * 3, (255,) * 3, IMAGENET_MEAN, IMAGENET_STD, 1.0, 224)
IMAGENET = GASSL
# How weights of ordinary pictures are fed with Sentinel-2: as the picture that EuroSAT's JPEGs are.
PICTURE_OF_SENTINEL2 = InputSpec(
    "sentinel2-l2a",
    _SENTINEL2_RGB,
    "eurosat_jpeg",
    (0,) * 3,
    (255,) * 3,
    IMAGENET_MEAN,
    IMAGENET_STD,
    10.0,
    224,
)

CONTRACTS = {
    "seco": SECO,
    "gassl": GASSL,
    "imagenet": IMAGENET,
    "picture-of-sentinel2": PICTURE_OF_SENTINEL2,
}


def contract_from(text: str) -> InputSpec:
    """A contract by its name or from a JSON file of ``InputSpec.to_dict``.

    Args:
        text: A key of ``CONTRACTS``, or a path.

    Raises:
        LookupError: Neither a name nor a file; the message lists the names.
        ValueError: The file is no contract.
    """
    if text in CONTRACTS:
        return CONTRACTS[text]
    path = Path(text)
    if not path.is_file():
        raise LookupError(
            f"no input contract {text!r}: known are {', '.join(CONTRACTS)}, or a JSON file of one"
        )
    try:
        values = json.loads(path.read_text())
        return InputSpec.from_dict(values.get("input_spec", values))
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is no input contract: {error}") from error
