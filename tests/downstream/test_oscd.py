"""Change detection from end to end: bright squares, the simulated world, real cities."""

import json

import numpy as np
import pytest
import torch
from change_pairs import cities, city_cube, scenes, write_official

from seco_lab.cli import main
from seco_lab.cube import check_cube
from seco_lab.downstream.change_maps import (
    FeatureDistance,
    change_vectors,
    channel_distance,
    feature_distance,
)
from seco_lab.downstream.change_scores import CityScore
from seco_lab.downstream.change_unet import UNetProtocol, held_out
from seco_lab.downstream.comparing import compare
from seco_lab.downstream.oscd import OFFICIAL_SPEC, evaluate_oscd, load_oscd, random_weights
from seco_lab.downstream.pairs import city_folds, cut_pairs, grid_of, judged, ungrid
from seco_lab.downstream.result import Result
from seco_lab.downstream.simulated_scenes import simulated_cities
from seco_lab.nn.encoders import resnet18

SHORT = UNetProtocol(epochs=1, batch_size=8, size_px=32)


def small_cities(count=2):
    """Scenes of 40 x 48 px: four patches each."""
    pairs = {f"city{number}": scenes(40, 48, seed=number) for number in range(count)}
    return {n: city_cube(n, pixels=pixels, change=change) for n, (pixels, change) in pairs.items()}


def tiny(seed=0):
    return resnet18(3, width=4, seed=seed)


def test_folder_to_cubes(tmp_path):
    for number in range(2):
        pixels, change = scenes(50 + number, 60, seed=number)
        write_official(tmp_path, f"c{number}", pixels, change if number else None)
    found = load_oscd(tmp_path, progress=False)
    assert list(found) == ["c0", "c1"]
    for city in found.values():
        check_cube(city)
    assert dict(found["c1"].sizes) == {"patch": 1, "season": 2, "band": 4, "y": 51, "x": 60}
    assert "mask" not in found["c0"]
    assert load_oscd(tmp_path, bands="rgb", limit=1)["c0"]["band"].values.tolist() == ["B04", "B03", "B02"]


def test_cut_and_put_together_again():
    image = np.arange(2 * 70 * 90).reshape(2, 70, 90)
    parts = grid_of(image, 32, -1)
    assert parts.shape == (9, 2, 32, 32)
    np.testing.assert_array_equal(parts[4], image[:, 32:64, 32:64])
    np.testing.assert_array_equal(ungrid(parts[:, 1], (70, 90)), image[1])


def test_patches_are_a_cube_and_mark_what_hangs_over():
    cube = cut_pairs(list(cities(2).values()), size_px=32)
    check_cube(cube)
    assert cube.sizes["patch"] == 18
    assert cube["city"].values.tolist() == ["city0"] * 9 + ["city1"] * 9
    assert cube["patch"].values[4] == "city0-0032-0032"
    outside = cube["mask"].values == 255
    assert int((~outside).sum()) == 2 * 70 * 90
    assert not cube["reflectance"].values.transpose(0, 3, 4, 1, 2)[outside].any()
    west, east = cube["lon"].values[[0, 1]]
    assert (east - west) * 111_320 * np.cos(np.radians(48)) == pytest.approx(320, rel=0.01)


def test_pixels_without_data_do_not_count():
    city = cities(1)["city0"]
    city["reflectance"][0, 1, :, :10] = 0
    city["mask"][0, :, :5] = 255
    assert int(judged(city).sum()) == 60 * 85
    patches = cut_pairs([city], size_px=32)["mask"].values
    assert int((patches != 255).sum()) == int(judged(city).sum())


def test_distance_ignores_another_sun_but_not_a_change():
    chance = torch.Generator().manual_seed(0)
    first = torch.rand(3, 40, 40, generator=chance)
    second = 2 * first + 5
    torch.testing.assert_close(
        channel_distance(torch.stack([first, second])), torch.zeros(40, 40), atol=1e-4, rtol=0
    )
    second[:, 5:9, 5:9] += 3
    found = channel_distance(torch.stack([first, second]))
    assert found[5:9, 5:9].min() > found[20:, 20:].max()
    # A dead channel and a dead image give no NaN.
    assert channel_distance(torch.zeros(2, 3, 4, 4)).eq(0).all()


def test_change_vectors_by_hand():
    pixels = np.array([[[[1, 3]]], [[[30, 10]]]], np.uint16)
    # Each date alone becomes -1, 1 and 1, -1: both pixels differ by 2.
    np.testing.assert_allclose(change_vectors(city_cube(pixels=pixels, bands=("B04",))), [[2, 2]], rtol=1e-6)


@pytest.mark.parametrize("shape", [(70, 90), (64, 64), (33, 40)])
def test_feature_distance_has_the_size_of_the_scene(shape):
    pixels, change = scenes(*shape)
    found = feature_distance(tiny(), OFFICIAL_SPEC, city_cube(pixels=pixels, change=change), device="cpu")
    assert found.shape == shape
    assert found[change == 1].mean() > 1.5 * found[change == 0].mean()


def test_all_numbers_and_a_protocol():
    encoder, given = tiny(seed=3), cities(4)
    given["silent"] = city_cube("silent", pixels=scenes(seed=9)[0])
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    found = evaluate_oscd(encoder, OFFICIAL_SPEC, given, name="tiny", device="cpu")
    values = json.loads(json.dumps(found.to_dict()))
    for key in (*found.scores, *found.baselines):
        assert 0 <= values[f"{key}_ci"][0] <= values[key] <= values[f"{key}_ci"][1] <= 1
    assert list(found.scores) == ["f1", "precision", "recall", "auc", "average_precision"]
    assert {"cva_f1", "cva_auc", "cva_same_bands_auc", "untrained_average_precision"} <= set(found.baselines)
    assert values["auc"] > 0.9
    assert set(values["per_class"]) == {"city0", "city1", "city2", "city3"}
    protocol = values["protocol"]
    assert protocol["sizes"] == {"train": 4, "validation": 0, "test": 4}
    assert protocol["settings"]["cities"]["city0"]["pixels"] == 70 * 90
    assert "silent" in " ".join(protocol["notes"])
    assert Result.from_dict(values).score == found.score
    assert found == evaluate_oscd(encoder, OFFICIAL_SPEC, given, name="tiny", device="cpu")
    torch.testing.assert_close(dict(encoder.state_dict()), state)


def test_city_score_by_hand():
    from seco_lab.downstream.change_maps import CityAnswer

    pixels, change = np.ones((2, 1, 2, 2), np.uint16), np.array([[1, 1], [0, 0]], np.uint8)
    city = city_cube(pixels=pixels, change=change, bands=("B04",))
    score = CityScore.of(city, CityAnswer(np.array([[0.9, 0.2], [0.7, 0.1]], np.float32), 0.5))
    assert (score.hits, score.calls, score.changed) == (1, 2, 2)
    assert (score.precision, score.recall, score.f1) == pytest.approx((0.5, 0.5, 0.5))
    assert score.auc == pytest.approx(0.75)
    assert score.average_precision == pytest.approx((1 + 2 / 3) / 2)


def test_the_threshold_never_sees_the_tested_city():
    given = cities(3)
    plain = evaluate_oscd(tiny(), OFFICIAL_SPEC, given, baselines=False, device="cpu")
    lying = dict(given)
    lying["city0"] = given["city0"].copy(deep=True)
    lying["city0"]["mask"][:] = 1 - given["city0"]["mask"]
    other = evaluate_oscd(tiny(), OFFICIAL_SPEC, lying, baselines=False, device="cpu")
    before, after = (r.protocol.settings["cities"] for r in (plain, other))
    assert before["city0"]["threshold"] == after["city0"]["threshold"]
    assert before["city1"]["threshold"] != after["city1"]["threshold"]


def test_folds():
    folds = city_folds(cities(5), groups=2)
    assert [test for _, test in folds] == [("city0", "city2", "city4"), ("city1", "city3")]
    assert all(not set(train) & set(test) for train, test in folds)
    official = {
        **cities(3, split="train"),
        "x": city_cube("x", seed=8, change=scenes(seed=8)[1], split="test"),
    }
    assert city_folds(official) == ((("city0", "city1", "city2"), ("x",)),)
    with pytest.raises(ValueError, match="two labelled cities"):
        city_folds(cities(1))


def test_one_test_city_has_an_interval_over_patches():
    given = {**cities(2, split="train"), **{"x": city_cube("x", seed=8, split="test")}}
    found = evaluate_oscd(tiny(), OFFICIAL_SPEC, given, baselines=False, device="cpu")
    assert "patches of 96 px" in found.protocol.settings["intervals"]
    assert found.protocol.split.startswith("the official lists")


def test_held_out_patches():
    masks = np.zeros((40, 2, 2), np.uint8)
    masks[:12, 0, 0] = 1
    held = held_out(masks, wanted=True)
    assert np.flatnonzero(held).tolist() == [4, 9, 16, 21, 26, 31, 36]
    assert not held_out(masks, wanted=False).any()
    assert not held_out(masks[8:], wanted=True).any()


@pytest.mark.parametrize(
    "config", [SHORT, UNetProtocol(epochs=1, batch_size=5, size_px=32, train_encoder=True)]
)
def test_unet_repeats_itself_and_leaves_the_encoder_alone(config):
    encoder, given = tiny(), small_cities()
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    one, other = (
        evaluate_oscd(encoder, OFFICIAL_SPEC, given, config, baselines=False, device="cpu") for _ in range(2)
    )
    assert one == other
    torch.testing.assert_close(dict(encoder.state_dict()), state)


def test_official_protocol_drifts_and_says_so():
    from dataclasses import replace

    config = replace(UNetProtocol.official(epochs=1), size_px=32)
    found = evaluate_oscd(tiny(), OFFICIAL_SPEC, small_cities(), config, baselines=False, device="cpu")
    assert found.protocol.kind == "official"
    assert all(city["threshold"] == 0.5 for city in found.protocol.settings["cities"].values())
    sound = evaluate_oscd(
        tiny(),
        OFFICIAL_SPEC,
        small_cities(),
        replace(config, batchnorm_drifts=False),
        baselines=False,
        device="cpu",
    )
    assert found.protocol.settings["cities"] != sound.protocol.settings["cities"]


@pytest.mark.slow
def test_short_training_on_the_simulated_world_beats_chance():
    given = simulated_cities(10)
    config = UNetProtocol(epochs=20, batch_size=4)
    found = evaluate_oscd(
        resnet18(3, width=8), OFFICIAL_SPEC, given, config, baselines=False, groups=2, device="cpu"
    )
    changed = np.mean([(city["mask"].values == 1).mean() for city in given.values()])
    # Chance: AUC 0.5, average precision the share of changed pixels, F1 of calling everything.
    assert found.scores["auc"].low > 0.6
    assert found.scores["average_precision"].value > 1.8 * changed
    assert found.score > 1.2 * 2 * changed / (1 + changed)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c.drop_vars("mask"), "none of the 2 cities has a change map; put the labels"),
        (lambda c: c.assign(mask=c["mask"] * 0), "change maps of all 2 cities are empty"),
        (lambda c: c.assign(reflectance=c["reflectance"] * 0), "no pixel with data at both dates"),
        (lambda c: c.isel(season=[0]), "two seasons"),
    ],
)
def test_bad_cities_are_named(change, match):
    with pytest.raises(ValueError, match=match):
        evaluate_oscd(tiny(), OFFICIAL_SPEC, {n: change(c) for n, c in cities(2).items()}, device="cpu")


def test_no_change_left_to_learn_from():
    given = small_cities()
    given["city0"]["mask"][:] = 0
    for protocol in (FeatureDistance(), SHORT):
        with pytest.raises(ValueError, match=r"no training city shows change|training patches shows change"):
            evaluate_oscd(tiny(), OFFICIAL_SPEC, given, protocol, device="cpu")


def test_broken_weights_and_odd_encoders_are_named():
    encoder = tiny()
    encoder.layer1[0].conv1.weight.data[:] = torch.nan
    with pytest.raises(ValueError, match="hold NaN or infinity at stage 1"):
        evaluate_oscd(encoder, OFFICIAL_SPEC, small_cities(), device="cpu")
    with pytest.raises(FloatingPointError, match="look for NaN"):
        evaluate_oscd(encoder, OFFICIAL_SPEC, small_cities(), SHORT, device="cpu")
    with pytest.raises(ValueError, match="wanted an encoder with feature_maps"):
        evaluate_oscd(torch.nn.Identity(), OFFICIAL_SPEC, cities(2), device="cpu")
    with pytest.raises(LookupError, match="lacks band B04"):
        evaluate_oscd(tiny(), OFFICIAL_SPEC, {n: c.isel(band=[0, 1]) for n, c in cities(2).items()})


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"size_px": 50}, {"lr": 0}])
def test_odd_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        UNetProtocol(**wrong)
    with pytest.raises(ValueError, match="stages are numbers from 0 to 4"):
        FeatureDistance(stages=(5,))


def test_from_the_command_line(tmp_path, capsys):
    for number in range(3):
        write_official(tmp_path / "data", f"c{number}", *scenes(50, 60, seed=number))
    common = ["probe", "oscd", "--weights", "random", "--data", str(tmp_path / "data"), "--device", "cpu"]
    assert main([*common, "--out", str(tmp_path / "r.json"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert values["task"] == "oscd"
    assert values.items() <= json.loads((tmp_path / "r.json").read_text()).items()
    again = Result.load(tmp_path / "r.json")
    assert compare(again, again, "f1").difference == 0
    with pytest.raises(SystemExit, match="2"):
        main([*common, "--test", "x"])
    assert "probe oscd: unrecognized arguments: --test x" in capsys.readouterr().err
    assert main([*common, "--epochs", "3"]) == 2
    assert "--epochs means nothing here: --protocol distance trains nothing" in capsys.readouterr().err
    assert main(["probe", "oscd", "--weights", "random", "--data", str(tmp_path / "none")]) == 2


@pytest.mark.real_data
@pytest.mark.slow
def test_real_cities(real_data, tmp_path):
    for name in ("bercy", "rennes", "bordeaux"):  # the smaller ones
        (tmp_path / name).symlink_to(real_data / "oscd_change_pairs" / name)
    encoder, spec = random_weights("resnet18-narrow")
    found = evaluate_oscd(encoder, spec, load_oscd(tmp_path, progress=False), device="cpu")
    cva = found.protocol.settings["baseline_cities"]["cva"]
    for name, auc in {"bercy": 0.797, "bordeaux": 0.827, "rennes": 0.942}.items():
        assert cva[name]["auc"] == pytest.approx(auc, abs=0.002)
    # Untrained features already see more than single pixels do.
    assert found.scores["auc"].value > 0.85
