import numpy as np
import pytest
from test_map_scene import cube_of, embeddings

from seco_lab.viz import plots
from seco_lab.viz.figure import figure_png
from seco_lab.viz.leakage import leakage_bars


def test_importing_plots_leaves_pyplot_alone():
    import subprocess
    import sys

    code = (
        "import sys, seco_lab.viz.plots, seco_lab.viz.report, seco_lab.viz.dashboard\n"
        "import seco_lab.viz.leakage\n"
        "print(*(name in sys.modules for name in ('matplotlib.pyplot', 'torch', 'leafmap')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


def test_grid_has_a_row_per_patch_and_a_column_per_season():
    data = embeddings()
    figure = plots.true_colour_grid(cube_of(data), [2, 5])
    assert len(figure.axes) == 6
    assert figure.axes[0].get_ylabel() == "p2"


def test_patches_of_one_season_stand_side_by_side():
    data = embeddings()
    figure = plots.true_colour_grid(cube_of(data).isel(season=[0]), [2, 5, 1])
    assert len({axis.get_position().y0 for axis in figure.axes}) == 1
    assert [axis.get_title().split()[0] for axis in figure.axes] == ["p2", "p5", "p1"]


def test_grid_shows_dates_where_known():
    data = embeddings()
    cube = cube_of(data).assign_coords(time=data["time"])
    assert plots.true_colour_grid(cube, 0).axes[0].get_title() == "2020-01-10"


def test_histograms_leave_no_data_out():
    data = embeddings()
    cube = cube_of(data)
    cube["reflectance"][:, :, 0] = 0
    figure = plots.band_histograms(cube)
    assert [axis.get_title() for axis in figure.axes[:3]] == ["B04", "B03", "B02"]
    assert figure.axes[0].texts[0].get_text() == "no data"
    assert figure.axes[1].patches


def test_every_figure_becomes_a_png():
    data = embeddings()
    lon, lat = data["lon"].values, data["lat"].values
    for figure in (
        plots.places_map(lon, lat),
        plots.places_map(lon, lat, world=False, title="near"),
        plots.embedding_scatter(np.random.default_rng(0).normal(size=(30, 2)), np.array(["a", "b"] * 15)),
        plots.training_curves({"step": [1, 2, 3], "loss": [3.0, 2.0, np.nan]}, smooth=2),
    ):
        assert figure_png(figure, dpi=40).startswith(b"\x89PNG")
        assert figure._repr_png_().startswith(b"\x89PNG")  # what JupyterLab shows


def test_leakage_bars_have_a_bar_a_space():
    values = {"loss": 2.0, "season_leak_all": 0.1, "season_leak_season": -0.02, "augmentation_leak_all": 0.6}
    figure = leakage_bars(values, title="after 10 steps")
    season, augmentation = figure.axes
    assert [label.get_text() for label in season.get_xticklabels()] == ["as guessing", "always right"]
    assert len(leakage_bars({**values, "season_shift_all": 0.2}).axes) == 4
    assert [label.get_text() for label in season.get_yticklabels()] == ["all", "season"]
    assert [bar.get_width() for bar in season.patches] == [0.1, -0.02]
    assert augmentation.get_title("left") == "Augmentation that can be read"
    assert figure_png(figure, dpi=40).startswith(b"\x89PNG")
    with pytest.raises(LookupError, match=r"season_leak_\.\.\., augmentation_leak_\.\.\.; got loss$"):
        leakage_bars({"loss": 2.0})


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"\(N, 2\), got \(3, 3\)"):
        plots.embedding_scatter(np.zeros((3, 3)))
    with pytest.raises(LookupError, match="no column 'top5'"):
        plots.training_curves({"step": [1], "loss": [1]}, panels=["top5"])


def test_the_still_picture_shows_points_and_survives_missing_ones():
    import io

    from PIL import Image

    from seco_lab.viz.still import still_png

    lonlat = np.array([[0.0, 0.0], [np.nan, 1.0]])
    plane = np.array([[0.5, 0.5], [np.nan, np.nan]])
    colour = np.array([[200, 10, 10]] * 2, np.uint8)
    picture = np.asarray(Image.open(io.BytesIO(still_png(lonlat, plane, colour))).convert("RGB"))
    red = (picture == (200, 10, 10)).all(-1)
    assert red[:, :640].any()
    assert red[:, 652:].any()
    assert (picture[..., 0] != picture[0, 0, 0]).any()
    empty = still_png(lonlat, plane, colour, hidden=np.ones(2, bool))
    assert not (np.asarray(Image.open(io.BytesIO(empty)).convert("RGB")) == (200, 10, 10)).all(-1).any()
