"""What views ask of the images that they are given."""

from __future__ import annotations

from torch import Tensor

from seco_lab.batch import Share
from seco_lab.input_spec import InputSpec


def check_images(
    images: Tensor, spec: InputSpec, seasons: int, views: str, share: Share | None = None
) -> None:
    """Refuse images that these views cannot be made of.

    Args:
        images: What should have the shape (B, T, C, H, W).
        spec: The input contract.
        seasons: How many seasons the views need.
        views: Their name, for the message.
        share: Which rows of a batch the images are said to be.

    Raises:
        ValueError: Wrong number of axes, too few seasons, wrong number of bands or of images.
    """
    if images.ndim != 5:
        raise ValueError(f"{views} needs images (B, T, C, H, W), got shape {tuple(images.shape)}")
    if images.shape[1] < seasons:
        raise ValueError(
            f"{views} needs {seasons} seasons an image, got {images.shape[1]}; "
            f"ask the batches for seasons={seasons}"
        )
    if images.shape[2] != len(spec.bands):
        raise ValueError(
            f"{views} expects {len(spec.bands)} bands ({', '.join(spec.bands)}), got {images.shape[2]}"
        )
    if share is not None and share.rows != len(images):
        raise ValueError(
            f"{views} was given a share of {share.rows} rows of a batch, but {len(images)} images"
        )
