"""Views of some rows of a batch are those that the whole batch would get."""

import pytest
import torch

from seco_lab.batch import Share, generator_for
from seco_lab.input_spec import InputSpec
from seco_lab.views import ChangeViews, MoCoViews, SeasonalViews, TemporalViews

RGB, FOUR = ("B04", "B03", "B02"), ("B02", "B03", "B04", "B08")


def spec_of(bands):
    count = len(bands)
    return InputSpec(
        "sentinel2-l2a", bands, "dn", (0,) * count, (9000,) * count, (0.5,) * count, (0.3,) * count, 10.0, 16
    )


@pytest.mark.parametrize("bands", [RGB, FOUR])
@pytest.mark.parametrize("kind", [MoCoViews, TemporalViews, SeasonalViews, ChangeViews])
def test_shares_make_up_the_whole(kind, bands):
    chance = torch.Generator().manual_seed(0)
    images = torch.rand(6, kind.seasons, len(bands), 20, 20, generator=chance) * 9000
    views = kind(spec_of(bands), 16, arithmetic=torch.float32)
    whole = views(images, generator_for(1, 2))
    shares = [Share(0, 1, 6), Share(1, 3, 6), Share(4, 2, 6)]
    parts = [views(images[share.slice], generator_for(1, 2), share=share) for share in shares]
    for name, view in whole.items():
        assert torch.allclose(torch.cat([part[name] for part in parts]), view, atol=1e-5), name


def test_share_of_other_images_is_refused():
    views = MoCoViews(spec_of(RGB), 16)
    with pytest.raises(ValueError, match="MoCoViews was given a share of 2 rows of a batch, but 3 images"):
        views(torch.zeros(3, 1, 3, 20, 20), generator_for(0, 0), share=Share(0, 2, 6))
