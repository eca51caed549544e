"""The command line: what it makes, what it says, and how it ends."""

import json
import os

import numpy as np
import pytest
import torch
from weight_files import network, save_plain, save_seco

from seco_lab.checkpoints import load_encoder
from seco_lab.cli import main
from seco_lab.places import AroundCities, plan_places
from seco_lab.seasons import random_phase
from seco_lab.sources.simulated import SimulatedSource
from seco_lab.store import open_cube, save_cube

# Four pictures are too few for their mean and spread to say anything.
pytestmark = pytest.mark.filterwarnings("ignore::seco_lab.train.guards.InputMismatchWarning")
TINY = ["--encoder", "resnet18-narrow", "--batch", "4", "--size-px", "32", "--queue", "8"]


@pytest.fixture(scope="module")
def cube_path(tmp_path_factory):
    plan = plan_places(12, AroundCities(), seed=3)
    dates = random_phase(plan.place_list(), seasons=3)
    cube = SimulatedSource().labelled(plan.place_list(), dates, size_px=40, bands="rgb")
    path = tmp_path_factory.mktemp("cli") / "cube.zarr"
    save_cube(cube.drop_vars(["labels", "mask", "boxes"], errors="ignore"), path)
    return path


def seco(cube, steps) -> list[str]:
    return ["pretrain", str(cube), "--method", "seco", "--steps", str(steps), *TINY]


@pytest.fixture(scope="module")
def run_path(cube_path):
    out = cube_path.parent / "run"
    assert main([*seco(cube_path, 3), "--out", str(out)]) == 0
    return out


def told(capsys) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_plan_and_gather(tmp_path, capsys):
    plan, cube = tmp_path / "p.parquet", tmp_path / "c.zarr"
    assert main(["plan", "--places", "3", "--out", str(plan), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["places"] == 3
    options = ["--size-px", "24", "--bands", "B02,B08", "--seasons", "2", "--out", str(cube), "--json"]
    assert main(["gather", str(plan), "--source", "simulated", *options]) == 0
    found = open_cube(cube)
    assert dict(found.sizes) | {"patch": 3, "season": 2, "band": 2, "y": 24, "x": 24} == dict(found.sizes)
    capsys.readouterr()
    assert main(["gather", str(plan), "--source", "simulated", *options]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["gathered"] == 0


def test_gather_by_quarters(tmp_path, capsys):
    plan, cube = tmp_path / "p.parquet", tmp_path / "c.zarr"
    assert main(["plan", "--places", "2", "--out", str(plan)]) == 0
    gather = ["gather", str(plan), "--size-px", "16", "--bands", "rgb", "--out", str(cube)]
    for bad, sentence in (
        (["--quarters", "23"], "wants years such as 2023"),
        (["--quarters", "2023", "--seasons", "3"], "--seasons means nothing here"),
    ):
        assert main([*gather, *bad]) == 2
        assert sentence in told(capsys)
        assert not cube.exists()
    capsys.readouterr()
    assert main([*gather, "--quarters", "2022,2099"]) == 0
    said = capsys.readouterr().err
    assert "8 of 16 dates lie in the future, up to 2099-" in said
    assert "the simulated world knows them, an archive refuses them" in said
    months = open_cube(cube)["time"].values.astype("datetime64[M]").astype(int) % 12
    assert open_cube(cube).sizes["season"] == 8
    # Days are those of the middle of each quarter, or of a pass near it.
    assert (np.abs((months - np.array([0, 3, 6, 9] * 2) + 6) % 12 - 6) <= 1).all()


@pytest.mark.filterwarnings("default::UserWarning")
def test_plan_of_swapped_points_warns_in_a_sentence(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("lon,lat\n52.5,13.4\n48.8,2.3\n40.4,-3.7\n52.4,4.9\n")
    assert (
        main(
            [
                "plan",
                "--places",
                "4",
                "--sampler",
                str(tmp_path / "a.csv"),
                "--out",
                str(tmp_path / "p.parquet"),
            ]
        )
        == 0
    )
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("seco-lab: ")
    assert first.endswith("points lie in the sea; swapped they would lie on land: is it lon, lat?")


@pytest.mark.real_data
def test_folders_become_one_cube(real_data, tmp_path, capsys):
    out = str(tmp_path / "series.zarr")
    options = ["--seasons", "5", "--size-px", "64", "--bands", "B02,B03,B04", "--out", out]
    assert main(["gather", "-", "--source", str(real_data / "s2_timeseries_boadella"), *options]) == 0
    assert main(["gather", "-", "--source", str(real_data / "s2_timeseries_boadella"), *options]) == 2
    worldcereal = str(real_data / "s2_timeseries_worldcereal_A")
    assert main(["gather", "-", "--source", worldcereal, "--add", *options]) == 0
    cube = open_cube(out)
    assert dict(cube.sizes) == {"patch": 26, "season": 5, "band": 3, "y": 64, "x": 64}
    assert int(cube.reflectance[-1].min()) > 0
    assert abs(float(cube.lat[-1]) - 50.8) < 0.1


@pytest.mark.parametrize("method", ["moco", "moco-tp", "geo", "geo-tp"])
def test_pretrain_every_method(method, cube_path, tmp_path, capsys):
    args = [*seco(cube_path, 1), "--method", method, "--out", str(tmp_path / "r")]
    assert main([*args, "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["steps"] == 1
    assert np.isfinite(result["loss"])


@pytest.mark.parametrize("method", ["caco", "seco-eco"])
def test_pretrain_by_dates(method, tmp_path, capsys):
    plan, cube = str(tmp_path / "p.parquet"), str(tmp_path / "c.zarr")
    assert main(["plan", "--places", "8", "--out", plan]) == 0
    dates = ["--years-apart", "4", "--seasons", "3"] if method == "caco" else ["--seasons", "6"]
    bands = ["--size-px", "32", "--bands", "B02,B03,B04,B08"]
    assert main(["gather", plan, "--source", "simulated", *dates, *bands, "--out", cube]) == 0
    out = tmp_path / "r"
    args = ["pretrain", cube, "--method", method, "--steps", "2", *TINY, "--out", str(out), "--json"]
    assert main(args) == 0
    assert np.isfinite(answer(capsys)["loss"])
    name = {"caco": "CACo", "seco-eco": "SeCoEco"}[method]
    assert torch.load(out / "checkpoint.pt", weights_only=True)["method"]["name"] == name


def test_pretrain_names_what_a_method_lacks(cube_path, tmp_path, capsys):
    args = ["pretrain", str(cube_path), "--steps", "1", "--out", str(tmp_path / "r"), "--batch", "4"]
    assert main([*args, "--method", "caco"]) == 2
    assert "three recent and three earlier dates of a place, the cube has 3" in told(capsys)
    assert main([*args, "--method", "seco-eco"]) == 2
    assert "6 dates and more to see the phases themselves, the cube has 3" in told(capsys)
    assert main([*args, "--method", "vicreg", "--queue", "8"]) == 2
    assert "got --queue, for which it has no use" in told(capsys)
    assert not (tmp_path / "r").exists()


def test_pretrain_tells_only_what_it_uses(cube_path, tmp_path, capsys):
    args = ["--encoder", "resnet18-narrow", "--batch", "4", "--size-px", "32", "--steps", "1"]
    assert main(["pretrain", str(cube_path), "--method", "simclr", *args, "--out", str(tmp_path / "r")]) == 0
    said = "".join(capsys.readouterr())
    assert "temperature 0.2" in said
    assert "key encoder" not in said


def test_minutes_become_steps_that_a_resumed_run_keeps(cube_path, tmp_path, capsys):
    args = ["pretrain", str(cube_path), "--minutes", "0.005", *TINY, "--out", str(tmp_path / "r")]
    assert main([*args, "--json"]) == 0
    steps = json.loads(capsys.readouterr().out.splitlines()[-1])["steps"]
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "r").iterdir()}
    assert main([*args, "--resume", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[-1])["steps"] == steps
    assert f"all {steps} steps of {tmp_path / 'r'} are done, so nothing is left to do" in captured.err
    assert "patches/s" not in captured.err, "nothing is measured"
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "r").iterdir()} == before


def test_pretrain_starts_from_weights_and_their_contract(cube_path, run_path, tmp_path, capsys):
    args = ["pretrain", str(cube_path), *TINY[2:], "--steps", "1", "--lr", "1e-9", "--method", "moco"]
    args += ["--weights", str(run_path), "--seed", "5", "--out", str(tmp_path / "r")]
    assert main(args) == 0
    assert "resnet18-narrow of B04, B03, B02 of sentinel2-l2a in dn" in capsys.readouterr().err
    (first, told_by), (second, kept) = (load_encoder(path) for path in (run_path, tmp_path / "r"))
    assert kept == told_by
    assert all(
        torch.allclose(a, b, atol=1e-5) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def test_pretrain_measures_the_contract_of_bare_weights_on_request(cube_path, run_path, tmp_path, capsys):
    bare, args = tmp_path / "bare.pt", ["pretrain", str(cube_path), *TINY[2:], "--steps", "1"]
    torch.save(load_encoder(run_path)[0].state_dict(), bare)
    args += ["--weights", str(bare), "--out", str(tmp_path / "r")]
    assert main(args) == 2
    assert "contract" in told(capsys)
    assert main([*args, "--spec", "cube"]) == 0
    assert load_encoder(tmp_path / "r")[1] == load_encoder(run_path)[1]


def test_pretrain_tells_how_to_feed_weights_of_other_bands(cube_path, tmp_path, capsys):
    bare = save_plain(tmp_path / "bare.pt", network())
    args = ["pretrain", str(cube_path), "--batch", "4", "--weights", str(bare), "--spec", "imagenet"]
    assert main([*args, "--out", str(tmp_path / "r")]) == 2
    said = told(capsys)
    assert "expects bands R, G, B; the data have" in said
    assert said.endswith("--spec cube measures on the data what they are fed")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weights", "RUN", "--encoder", "resnet18"], "the weights tell the encoder"),
        (["--weights", "RUN", "--bands", "rgb"], "the weights tell the bands, or --spec cube"),
        (["--weights", "no.pt"], "no.pt"),
        (["--spec", "seco"], "without --weights the contract is measured"),
    ],
)
def test_pretrain_refuses_two_ways_to_start(options, said, cube_path, run_path, tmp_path, capsys):
    out = tmp_path / "r"
    options = [str(run_path) if word == "RUN" else word for word in options]
    assert main(["pretrain", str(cube_path), "--batch", "4", *options, "--out", str(out)]) == 2
    assert said in told(capsys)
    assert not out.exists()


def test_embed_and_explore(cube_path, run_path, tmp_path, capsys):
    table, page = tmp_path / "e.parquet", tmp_path / "map.html"
    assert main(["embed", str(cube_path), "--weights", str(run_path), "--out", str(table)]) == 0
    assert main(["explore", str(table), "--cube", str(cube_path), "--out", str(page)]) == 0
    assert "http://" not in page.read_text().replace("http://www.w3.org", "")


def answer(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_weights_inspect_export_list(run_path, tmp_path, capsys):
    assert main(["weights", "inspect", str(run_path), "--json"]) == 0
    found = answer(capsys)
    assert found["input"]["bands"] == ["B04", "B03", "B02"]
    assert (found["layout"], found["encoder"]["name"], found["missing"]) == (
        "seco_lab",
        "resnet18-narrow",
        [],
    )
    out = tmp_path / "encoder.safetensors"
    assert main(["weights", "export", str(run_path), str(out), "--json"]) == 0
    assert answer(capsys)["difference"] == 0
    assert main(["weights", "export", str(out), "--format", "torchvision", "--out", str(tmp_path / "a")]) == 0
    assert main(["weights", "inspect", str(tmp_path / "a"), "--json"]) == 0
    assert answer(capsys)["input"] == found["input"]
    assert main(["weights", "list", "--json"]) == 0
    listed = answer(capsys)
    assert "resnet18" in listed["encoders"]
    assert listed["published"][1]["md5"] == "53d5c41d0f479bdfd31d6746ad4126db"


def test_weights_doctor(run_path, cube_path, tmp_path, capsys):
    assert main(["weights", "doctor", str(run_path), "--json"]) == 0
    assert answer(capsys)["verdict"] == "clean"
    out = tmp_path / "clean.pt"
    args = ["weights", "doctor", str(run_path), "--data", str(cube_path), "--images", "16"]
    assert main([*args, "--out", str(out)]) == 0
    one, other = load_encoder(run_path)[0], load_encoder(out)[0]
    assert torch.equal(one.conv1.weight, other.conv1.weight)
    assert not torch.equal(one.bn1.running_mean, other.bn1.running_mean)
    assert main(args) == 2
    assert "--data CUBE needs --out FILE" in told(capsys)


def test_weights_get(tmp_path, capsys):
    copy = tmp_path / "seco_resnet18_1m.ckpt"
    copy.write_bytes(b"not the published file")
    args = ["weights", "get", "seco_resnet18_1m", "--out", str(tmp_path / "out.ckpt")]
    assert main([*args, "--from", str(copy)]) == 2
    assert "md5 should be 53d5c41d0f479bdfd31d6746ad4126db and is " in told(capsys)
    assert main(args) == 1  # the network is closed in tests
    assert "cannot download https://zenodo.org" in told(capsys)
    assert main(["weights", "get", "seco_resnet9"]) == 2
    assert "known are seco_resnet18_100k" in told(capsys)
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]


def test_foreign_weights_are_used_everywhere(cube_path, tmp_path, monkeypatch, capsys):
    path, table = tmp_path / "seco.ckpt", str(tmp_path / "e.parquet")
    save_seco(path, network(width=4), network(width=4), monkeypatch=monkeypatch)
    assert main(["embed", str(cube_path), "--weights", str(path), "--out", table]) == 0
    plain = str(save_plain(tmp_path / "resnet.pth", network(width=4)))
    embed = ["embed", str(cube_path), "--weights", plain, "--out", str(tmp_path / "f.parquet")]
    assert main(embed) == 2
    assert "pass the contract, one of seco, gassl, imagenet" in told(capsys)
    assert main([*embed, "--spec", "gassl"]) == 2  # a picture's weights, satellite counts
    assert "expects" in told(capsys)
    assert main([*embed, "--spec", "seco"]) == 0
    assert main(["weights", "inspect", str(path), "--side", "key", "--json"]) == 0
    assert answer(capsys)["prefix"] == "encoder_k."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--bands", "B02,B99"], "B99"),
        (["--batch", "64"], "64"),
        (["--queue", "7"], "queue size 7"),
        (["--method", "byol"], "known are moco"),
        (["--encoder", "vit"], "resnet18"),
        (["--schedule", "linear"], "cosine"),
        (["--split", "train"], "no splits"),
        (["--device", "tpu"], "tpu"),
    ],
)
def test_bad_input_is_one_sentence(change, words, cube_path, tmp_path, capsys):
    args = seco(cube_path, 1)
    assert main([*args, *change, "--out", str(tmp_path / "r")]) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert words in error
    assert not (tmp_path / "r").exists()


def test_one_season_is_too_few_for_seco(tmp_path, cube_path, capsys):
    one = tmp_path / "one.zarr"
    save_cube(open_cube(cube_path).isel(season=slice(0, 1)).compute(), one)
    assert main([*seco(one, 1), "--out", str(tmp_path / "r")]) == 2
    assert "season" in told(capsys)


def test_a_run_is_not_overwritten(run_path, cube_path, capsys):
    args = [*seco(cube_path, 3), "--out", str(run_path)]
    capsys.readouterr()
    assert main(args) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert "already holds a run; resume it, or choose another folder" in error


def test_another_configuration_is_refused(run_path, cube_path, capsys):
    args = [*seco(cube_path, 3), "--out", str(run_path)]
    assert main([*args, "--lr", "0.5", "--resume"]) == 2
    assert "config.lr" in told(capsys)


def test_length_of_a_run_is_fixed_once_it_was_saved(run_path, cube_path, tmp_path, capsys):
    assert main([*seco(cube_path, 4), "--out", str(run_path), "--resume"]) == 2
    assert "was begun with 3 steps, and its learning rate falls over them, got 4" in told(capsys)
    # Killed before its first checkpoint, a run leaves nothing that binds the next one.
    out = tmp_path / "r"
    out.mkdir()
    (out / "run.json").write_text('{"steps": 9}')
    for more in ([], ["--resume"]):
        assert main([*seco(cube_path, 1), "--out", str(out), *more]) == 0
        assert json.loads((out / "run.json").read_text())["steps"] == 1


def test_a_run_of_another_process_is_left_alone(cube_path, tmp_path, capsys):
    fcntl = pytest.importorskip("fcntl")
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert main([*seco(cube_path, 1), "--out", str(tmp_path)]) == 2
    os.close(handle)
    assert "another process works in" in told(capsys)
    assert os.listdir(tmp_path) == []


def test_truncated_checkpoint(run_path, cube_path, tmp_path, capsys):
    broken = tmp_path / "broken.pt"
    data = (run_path / "checkpoint.pt").read_bytes()
    broken.write_bytes(data[: len(data) // 2])
    out = tmp_path / "e.parquet"
    assert main(["embed", str(cube_path), "--weights", str(broken), "--out", str(out)]) == 2
    assert "truncated" in told(capsys)
    assert not out.exists()


def test_missing_files_and_unknown_folders(tmp_path, capsys):
    assert main(["pretrain", str(tmp_path / "no.zarr"), "--out", str(tmp_path / "r")]) == 2
    assert "no.zarr" in told(capsys)
    (tmp_path / "empty").mkdir()
    assert main(["pretrain", str(tmp_path / "empty"), "--out", str(tmp_path / "r")]) == 2
    assert "empty" in told(capsys)


def test_a_file_that_the_system_refuses_is_named(tmp_path, capsys):
    assert main(["compare", str(tmp_path / "none.json")]) == 2
    assert told(capsys).endswith("none.json cannot be read or written: no such file or directory")


def test_unknown_option_and_missing_argument(capsys):
    run, plan = ["pretrain", "x", "--out", "y"], ["gather", "x", "--out", "y"]
    numbers = (
        [*run, "--steps", "0"],
        [*run, "--lr", "nan"],
        [*run, "--seed", "-1"],
        [*plan, "--seasons", "0"],
    )
    for argv in ([*run, "--stepz", "3"], ["plan"], ["fly"], *numbers):
        with pytest.raises(SystemExit) as end:
            main(argv)
        assert end.value.code == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_failed_work_is_not_bad_input(monkeypatch, cube_path, capsys):
    for place, words in ((), "on the disk"), (("p.parquet",), "for p.parquet"):

        def fail(args, place=place):
            raise OSError(28, "No space left on device", *place)

        monkeypatch.setattr("seco_lab.commands.gathering.plan", fail)
        assert main(["plan", "--places", "1", "--out", "p.parquet"]) == 1
        assert told(capsys).endswith(f"no space left {words}; make room and give the command again")


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("gather p.parquet --out c.zarr", "gathering.gather", "the same command goes on from here"),
        ("plan --places 1 --out p.parquet", "gathering.plan", "the same command begins anew"),
        ("pretrain c.zarr --method moco --out r", "training.pretrain", "with --resume goes on"),
    ],
)
def test_an_interrupt_tells_how_to_go_on(line, place, words, monkeypatch, capsys):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"seco_lab.commands.{place}", interrupted)
    assert main(line.split()) == 130
    assert words in told(capsys)


@pytest.mark.parametrize("action", "list get inspect export doctor".split())
def test_help_of_weights_has_an_example(action, capsys):
    with pytest.raises(SystemExit) as end:
        main(["weights", action, "--help"])
    assert end.value.code == 0
    assert f"seco-lab weights {action}" in capsys.readouterr().out.split("example:")[1]


@pytest.mark.parametrize(
    ("task", "own"),
    [
        ("eurosat", "--measure-input"),
        ("oscd", "--protocol"),
        ("xview", "--labels"),
        ("spacenet", "--variant"),
    ],
)
def test_help_of_a_task_shows_its_own_options(task, own, capsys):
    with pytest.raises(SystemExit) as end:
        main(["probe", task, "--help"])
    assert end.value.code == 0
    options, _, example = capsys.readouterr().out.partition("example:")
    assert own in options
    assert "--share" not in options
    assert f"seco-lab probe {task}" in example


@pytest.mark.parametrize("command", "demo plan gather pretrain embed probe compare explore weights".split())
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"seco-lab {command}" in capsys.readouterr().out.split("example:")[1]
