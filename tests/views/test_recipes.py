import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from seco_lab.batch import generator_for
from seco_lab.input_spec import InputSpec
from seco_lab.nn.inputs import standardise, to_unit_range
from seco_lab.sensors import SENTINEL2_L2A
from seco_lab.views import GASSL, MoCoViews, SeasonalViews, Strength, TemporalViews
from seco_lab.views.blur import gaussian_blur
from seco_lab.views.colour import LUMA, grayscale, jitter_rgb
from seco_lab.views.geometry import Boxes, resized_crop
from seco_lab.views.recipes import Studio
from seco_lab.views.rows import as_slice, take

KINDS = (MoCoViews, TemporalViews, SeasonalViews)
PLAIN = Strength(p_jitter=0, p_gray=0, p_blur=0, p_flip=0)


def spec_of(bands=("B04", "B03", "B02"), size=24):
    count = len(bands)
    return InputSpec(
        sensor="sentinel2-l2a",
        bands=bands,
        unit="dn",
        low=tuple(100.0 + 10 * band for band in range(count)),
        high=tuple(4000.0 + 100 * band for band in range(count)),
        mean=tuple(0.4 + 0.01 * band for band in range(count)),
        std=(0.2,) * count,
        pixel_size_m=10,
        size_px=size,
    )


def counts(batch=5, seasons=3, channels=3, size=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, seasons, channels, size, size)
    return torch.randint(1, 5000, shape, generator=generator, dtype=torch.int32).to(torch.uint16)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bands", [("B04", "B03", "B02"), ("B08", "B11"), SENTINEL2_L2A.band_names])
@pytest.mark.parametrize(("batch", "seasons"), [(1, 3), (4, 5)])
def test_views_of_any_bands_and_sizes(kind, bands, batch, seasons):
    views = kind(spec_of(bands), 24)
    made = views(counts(batch, seasons, len(bands)), generator_for(0, 0))
    assert tuple(made) == kind.names
    for view in made.values():
        assert view.shape == (batch, len(bands), 24, 24)
        assert view.dtype == torch.float32
        assert view.isfinite().all()
        assert view.min() >= (0 - 0.4 - 0.01 * len(bands)) / 0.2 - 1e-3
        assert view.max() <= (1 - 0.4) / 0.2 + 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_same_chance_same_views_whatever_the_global_generators_say(kind):
    images, views = counts(), kind(spec_of(), 24)
    first = views(images, generator_for(3, 7))
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.rand(5)
    state = torch.get_rng_state()
    second = views(images, generator_for(3, 7))
    other = views(images, generator_for(3, 8))
    assert torch.equal(torch.get_rng_state(), state)
    for name in kind.names:
        assert torch.equal(first[name], second[name])
        assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("kind", KINDS)
def test_one_image_never_shows_in_anothers_view(kind):
    images, views = counts(), kind(spec_of(), 24)
    changed = images.clone()
    changed[2] = 77
    before, after = views(images, generator_for(0, 0)), views(changed, generator_for(0, 0))
    for name in kind.names:
        same = [torch.equal(a, b) for a, b in zip(before[name], after[name], strict=True)]
        assert same == [True, True, False, True, True]


def test_the_input_is_not_changed():
    for dtype in (torch.uint8, torch.uint16, torch.float32):
        images = (counts().to(torch.float32) / 20).to(dtype)
        kept = images.clone()
        SeasonalViews(spec_of(), 24)(images, generator_for(0, 0))
        assert torch.equal(images, kept)


def plain_look(studio, count):
    return studio.draw_look(count, generator_for(0, 0))


def test_pipeline_a_agrees_with_its_parts_one_image_at_a_time():
    images, spec = counts(6, 1)[:, 0], spec_of()
    studio = Studio(spec, 24, Strength(), arithmetic=torch.float32)
    generator = generator_for(5, 0)
    source = torch.arange(6).repeat(4)
    boxes, look = studio.draw_boxes(images, 24, generator), studio.draw_look(24, generator)
    made = studio.crop_then_change(images, source, boxes, look)
    for view in range(24):
        part = slice(view, view + 1)
        x = to_unit_range(images[source[part]], spec, "dn")
        x = jitter_rgb(resized_crop(x, boxes[part], 24), look.jitter[part])
        x = grayscale(x, LUMA).clone() if look.gray[view] else x
        x = gaussian_blur(x, look.sigma[part]) if look.blur[view] else x
        x = x.flip(3) if look.flip[view] else x
        torch.testing.assert_close(made[view], standardise(x, spec)[0], atol=5e-5, rtol=0)


def test_pipeline_p_of_g_agrees_with_its_parts_one_image_at_a_time():
    images, spec = counts(6, 1)[:, 0], spec_of()
    studio = Studio(spec, 24, Strength(), arithmetic=torch.float32)
    generator = generator_for(6, 0)
    source = torch.arange(6).repeat(4)
    boxes, look = studio.draw_boxes(images, 24, generator), studio.draw_look(24, generator)
    made = studio.change_then_crop(images, source, boxes, look)
    for view in range(24):
        part = slice(view, view + 1)
        x = jitter_rgb(to_unit_range(images[source[part]], spec, "dn"), look.jitter[part])
        x = grayscale(x, LUMA).clone() if look.gray[view] else x
        x = gaussian_blur(x, look.sigma[part]) if look.blur[view] else x
        x = x.flip(3) if look.flip[view] else x
        x = resized_crop(x, boxes[part], 24)
        torch.testing.assert_close(made[view], standardise(x, spec)[0], atol=5e-5, rtol=0)


def test_small_parts_give_the_same_views(monkeypatch):
    images, views = counts(), SeasonalViews(spec_of(), 24, arithmetic=torch.float32)
    whole = views(images, generator_for(0, 0))
    monkeypatch.setattr("seco_lab.views.recipes._CPU_VALUES", 5000)
    for name, view in views(images, generator_for(0, 0)).items():
        torch.testing.assert_close(view, whole[name], atol=1e-5, rtol=0)


def test_fast_arithmetic_stays_within_its_bound():
    images = counts(8)
    exact = SeasonalViews(spec_of(), 24, arithmetic=torch.float32)(images, generator_for(0, 0))
    fast = SeasonalViews(spec_of(), 24, arithmetic=torch.bfloat16)(images, generator_for(0, 0))
    for name in exact:
        difference = (exact[name] - fast[name]).abs() * 0.2
        assert difference.max() <= 6 / 255
        assert difference.mean() <= 0.6 / 255


def test_views_come_in_the_format_asked_for():
    views = MoCoViews(spec_of(), 24, dtype=torch.bfloat16)(counts(), generator_for(0, 0))
    assert views["query"].dtype == torch.bfloat16


def test_which_season_goes_where():
    # Flat seasons and no changes of colour: the value of each view tells its season.
    images = torch.ones(4, 3, 3, 40, 40) * torch.tensor([1000.0, 2000.0, 3000.0])[:, None, None, None]
    spec, show = spec_of(), lambda view, s: (view * 0.2 + spec.mean[0]) * 3900 + 100 - s
    made = SeasonalViews(spec, 24, strength=PLAIN, arithmetic=torch.float32)(images, generator_for(0, 0))
    for name, season in {"query": 1000, "key0": 2000, "key1": 3000, "key2": 1000}.items():
        assert show(made[name][:, 0], season).abs().max() < 1, name
    pair = TemporalViews(spec, 24, strength=PLAIN, arithmetic=torch.float32)(images, generator_for(0, 0))
    assert show(pair["query"][:, 0], 1000).abs().max() < 1
    assert show(pair["key"][:, 0], 2000).abs().max() < 1


def test_query_and_time_key_are_crops_alone_and_every_crop_is_its_own():
    images = counts(3, size=24)
    whole = Strength(area=(1.0, 1.0), p_jitter=1, p_gray=0, p_blur=0, p_flip=1)
    views = SeasonalViews(spec_of(), 24, strength=whole, arithmetic=torch.float32)(
        images, generator_for(0, 0)
    )
    plain = standardise(to_unit_range(images, spec_of(), "dn"), spec_of())
    torch.testing.assert_close(views["query"], plain[:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(views["key1"], plain[:, 2], atol=1e-4, rtol=0)
    assert not torch.allclose(views["key2"], plain[:, 0], atol=1e-2)
    moco = MoCoViews(spec_of(), 24)(images, generator_for(0, 0))
    assert not torch.equal(moco["query"], moco["key"])


def test_shares_of_the_changes():
    look = Studio(spec_of(), 8, Strength()).draw_look(20_000, generator_for(1, 0))
    for name, share in {"gray": 0.2, "blur": 0.5, "flip": 0.5}.items():
        assert abs(getattr(look, name).float().mean() - share) < 0.015, name
    assert 0.1 <= look.sigma.min() < 0.11
    assert 1.99 < look.sigma.max() <= 2.0
    flags = torch.stack([look.gray, look.blur, look.flip, look.jitter.on]).float()
    assert (torch.corrcoef(flags) - torch.eye(4)).abs().max() < 0.03


def test_gassl_crops_are_smaller():
    studio = Studio(spec_of(), 8, GASSL)
    boxes = studio.draw_boxes(torch.empty(1, 3, 200, 200), 5000, generator_for(0, 0))
    assert 0.07 < (boxes.height * boxes.width / 40_000).min() < 0.1


def test_pixels_without_data_are_black_not_nan():
    images = counts(2).to(torch.float32)
    images[0] = 0
    images[1, :, :, :5] = float("nan")
    for kind in KINDS:
        views = kind(spec_of(), 24, strength=PLAIN)(images, generator_for(0, 0))
        black = (0 - torch.tensor(spec_of().mean)) / 0.2
        for view in views.values():
            assert view.isfinite().all()
            torch.testing.assert_close(view[0], black[:, None, None].expand(3, 24, 24), atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (SeasonalViews, (2, 1, 3, 40, 40), "SeasonalViews needs 3 seasons an image, got 1"),
        (TemporalViews, (2, 1, 3, 40, 40), "needs 2 seasons"),
        (MoCoViews, (2, 1, 4, 40, 40), r"expects 3 bands \(B04, B03, B02\), got 4"),
        (MoCoViews, (2, 3, 40, 40), r"needs images \(B, T, C, H, W\)"),
    ],
)
def test_wrong_images_are_refused_with_one_sentence(kind, shape, message):
    with pytest.raises(ValueError, match=message):
        kind(spec_of(), 24)(torch.zeros(shape), generator_for(0, 0))


def test_a_whole_view_agrees_with_pillow():
    """Crop, blur and flip through Pillow's own 8-bit path, end to end."""
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize(
        (60, 60), Image.BICUBIC
    )
    image = torch.from_numpy(np.array(smooth)).permute(2, 0, 1)
    spec = InputSpec("rgb8", ("R", "G", "B"), "uint8", (0,) * 3, (255,) * 3, (0.5,) * 3, (0.25,) * 3, 1, 32)
    studio = Studio(spec, 32, Strength(p_jitter=0, p_gray=0, p_blur=1, p_flip=1, sigma_px=(1.2, 1.2)))
    boxes = Boxes(*(torch.tensor([value]) for value in (7, 11, 40, 45)))
    made = studio.crop_then_change(image[None], torch.tensor([0]), boxes, plain_look(studio, 1))
    pil = smooth.crop((11, 7, 56, 47)).resize((32, 32), Image.BILINEAR).filter(ImageFilter.GaussianBlur(1.2))
    wanted = np.asarray(pil.transpose(Image.FLIP_LEFT_RIGHT)).transpose(2, 0, 1)
    assert np.abs((made[0].numpy() * 0.25 + 0.5) * 255 - wanted).max() <= 4


def test_rows_are_a_slice_only_where_they_rise_one_by_one():
    assert as_slice(torch.tensor([3, 4, 5])) == slice(3, 6)
    for rows in ([3, 5, 4, 6], [3, 4, 6], [5, 4, 3], [0, 0, 2]):
        assert as_slice(torch.tensor(rows)) is None
        assert torch.equal(take(torch.arange(9), torch.tensor(rows)), torch.tensor(rows))
