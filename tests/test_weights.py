"""Files of weights of every layout: what comes out, what is said of it, and what is refused."""

import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from labelled import class_cube
from parity import fill, fill_queue, parameter, rand, tiny_encoder
from training import SPEC, resnet_method, same_state, tiny_run
from weight_files import (
    gassl_state,
    network,
    renamed,
    save_gassl,
    save_plain,
    save_seco,
    seco_state,
)

from seco_lab.checkpoints import contract_from, load_encoder, published, read_weights, save_encoder
from seco_lab.checkpoints.contracts import CONTRACTS, GASSL, IMAGENET, PICTURE_OF_SENTINEL2, SECO
from seco_lab.checkpoints.opening import open_file
from seco_lab.embeddings import Preparation
from seco_lab.methods import MoCo
from seco_lab.nn.inputs import standardise, to_unit_range


def close(ours, theirs):
    torch.testing.assert_close(ours.detach(), theirs, rtol=1e-4, atol=1e-5)


# --- the official checkpoint -----------------------------------------------------------------------------


def test_official_lightning_checkpoint(reference_dir):
    path = reference_dir / "seco_lightning_tiny.ckpt"
    weights = read_weights(path)
    report = weights.report
    assert report.layout == "seco"
    assert report.encoder == {"name": "resnet18", "in_channels": 3, "width": 4}
    assert (len(report.loaded), report.missing, len(report.extra)) == (120, (), 146)
    assert not any(name.startswith("encoder_q.") for name in report.extra)
    assert report.shells == (
        "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
        "pytorch_lightning.utilities.argparse_utils._gpus_arg_default",
    )
    assert (report.epoch, report.global_step, weights.spec) == (2, 4, SECO)
    # Tensors 0 and 1 of the file are queue and pointer; the next are the query encoder's, in order.
    with zipfile.ZipFile(path) as archive:
        for number, name in ((2, "conv1.weight"), (3, "bn1.weight"), (8, "layer1.0.conv1.weight")):
            stored = np.frombuffer(archive.read(f"ckpt_lightning118_like_tiny/data/{number}"), np.float32)
            ours = weights.encoder.state_dict()[name]
            assert ours.flatten().tolist() == stored.tolist()


def test_both_encoders_of_an_official_file_give_the_official_logits(reference_dir, tmp_path):
    tag, query, key = "moco_tiny", tiny_encoder(), tiny_encoder()
    state = seco_state(query, key, subspaces=1)
    torch.save({"state_dict": {k: parameter(tag, k, v.shape) for k, v in state.items()}}, tmp_path / "a.ckpt")
    method = MoCo(load_encoder(tmp_path / "a.ckpt")[0].train(), dim=16, queue_size=32)
    method.key_encoder = load_encoder(tmp_path / "a.ckpt", side="key")[0].train()
    fill(method.head, tag, "heads_q.0.")
    fill(method.key_head, tag, "heads_k.0.")
    fill_queue(method.queue, torch.nn.functional.normalize(rand(tag, "queue", (1, 16, 32)), dim=1)[0])
    method.update_keys()
    views = {"query": "img_q", "key": "img_k0"}
    views = {name: rand(tag, f"step0/{image}", (8, 3, 32, 32)) for name, image in views.items()}
    with torch.no_grad():
        logits = method.contrast(views)[-1]
    with np.load(reference_dir / "parity_compact.npz") as file:
        close(logits, torch.from_numpy(file[f"{tag}/logits0"]))


@pytest.mark.parametrize(
    ("name", "file", "entry"),
    [
        ("resnet18", "keys_seco.json", "seco_resnet18_seco"),
        ("resnet50", "keys_seco.json", "seco_resnet50_seco"),
        ("resnet18", "keys_gassl.json", "gassl_resnet18_state_dict"),
        ("resnet50", "keys_gassl.json", "gassl_resnet50_state_dict"),
    ],
)
def test_made_files_have_the_official_names_and_shapes(reference_dir, name, file, entry):
    official = json.loads((reference_dir / file).read_text())[entry]
    encoder = network(name, width=64)
    if "gassl" in file:
        made = gassl_state(encoder, encoder, negatives=65536)
    else:
        made = seco_state(encoder, encoder, negatives=16384)
    assert {k: list(v.shape) for k, v in made.items()} == {k: shape for k, shape, _ in official}


# --- layouts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_seco_layout(tmp_path, monkeypatch, name, legacy):
    query, key = network(name, seed=1), network(name, seed=2)
    path = save_seco(tmp_path / "a.ckpt", query, key, legacy=legacy, monkeypatch=monkeypatch)
    weights = read_weights(path)
    assert same_state(weights.encoder, query)
    assert same_state(load_encoder(path, side="key")[0], key)
    assert not any(part.training for part in weights.encoder.modules())
    assert weights.encoder.name == name
    assert weights.spec == SECO
    assert "pytorch_lightning.utilities.parsing.AttributeDict" in weights.report.shells


@pytest.mark.parametrize("geo", [True, False])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_gassl_layout(tmp_path, geo, legacy):
    query, key = network("resnet50", seed=1), network("resnet50", seed=2)
    path = save_gassl(tmp_path / "a.pth.tar", query, key, geo=geo, legacy=legacy)
    weights = read_weights(path)
    assert same_state(weights.encoder, query)
    assert same_state(load_encoder(path, side="key")[0], key)
    assert (weights.report.layout, weights.report.epoch, weights.spec) == ("gassl", 200, GASSL)
    assert "module.encoder_q.fc.0.weight" in weights.report.extra


def test_full_size_seco_checkpoint_gives_the_same_features(tmp_path, monkeypatch):
    query = network(width=64)
    encoder, spec = load_encoder(
        save_seco(tmp_path / "a.ckpt", query, network(seed=1, width=64), monkeypatch=monkeypatch)
    )
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(encoder(images), query(images))
    assert encoder.num_features == 512
    assert spec.bands == ("B04", "B03", "B02")


def test_classifier_of_imagenet_tells_the_contract(tmp_path):
    encoder = network("resnet34")
    weights = read_weights(save_plain(tmp_path / "a.pth", encoder, classes=1000))
    assert same_state(weights.encoder, encoder)
    assert (weights.report.layout, weights.spec) == ("torchvision", IMAGENET)
    assert weights.report.extra == ("fc.weight", "fc.bias")


def test_published_file_is_known_by_its_sum_under_any_name(tmp_path, monkeypatch):
    path = save_plain(tmp_path / "renamed.pth", network())
    sha256 = published.sums_of(path).sha256[:8]
    entry = replace(published.published_named("torchgeo_resnet18_sentinel2_rgb_seco"), sha256=sha256)
    monkeypatch.setattr(published, "PUBLISHED", (entry,))
    weights = read_weights(path)
    assert weights.spec == SECO
    assert entry.file in weights.report.contract
    # The name alone is no proof.
    other = save_plain(tmp_path / entry.file, network(seed=5))
    with pytest.raises(ValueError, match=r"nothing in .* tells which input its weights expect"):
        read_weights(other)


@pytest.mark.parametrize("prefix", ["", "backbone.", "model.encoder.", "module."])
def test_unknown_weights_need_a_contract(tmp_path, prefix):
    path = save_plain(tmp_path / "a.pth", network(), prefix=prefix)
    with pytest.raises(
        ValueError, match=r"tells which input .*: pass the contract, one of seco, gassl, imagenet"
    ):
        read_weights(path)
    assert read_weights(path, spec=SPEC).spec == SPEC


def test_numbered_backbone_and_momentum_copy_of_other_libraries(tmp_path):
    from parity import sequential_name

    query, key = network(seed=1), network(seed=2)
    state = renamed(query, "backbone.", sequential_name) | renamed(key, "backbone_momentum.", sequential_name)
    torch.save({"model_state_dict": state}, tmp_path / "a.pth")
    assert same_state(load_encoder(tmp_path / "a.pth", spec=SPEC)[0], query)
    assert same_state(load_encoder(tmp_path / "a.pth", spec=SPEC, side="key")[0], key)


def test_whole_pickled_module(tmp_path):
    encoder = network()
    for legacy in (False, True):
        torch.save(encoder, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
        weights = read_weights(tmp_path / "a.pth", spec=SPEC)
        assert same_state(weights.encoder, encoder)
        assert "seco_lab.nn.encoders.ResNet" in weights.report.shells


def test_a_small_file_cannot_fill_the_memory(tmp_path):
    torch.save(dict(resnet_method().encoder.state_dict()), tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as plain:
        packed = zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED)
        for name in plain.namelist():
            packed.writestr(name, plain.read(name) + bytes(10**5) * name.endswith("data.pkl"))
        packed.close()
    with pytest.raises(ValueError, match=r"b\.pth has \d+ bytes and says to hold \d+: no program of weights"):
        read_weights(tmp_path / "b.pth", spec=SECO)


def test_quantised_weights_are_no_weights(tmp_path):
    state = dict(resnet_method().encoder.state_dict())
    torch.save(state | {"bn1.weight": state["bn1.weight"].to(torch.int8)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"bn1\.weight in .*a\.pth holds torch.int8: quantised weights"):
        read_weights(tmp_path / "a.pth", spec=SECO)


def test_half_precision_and_old_files_without_counters(tmp_path):
    encoder = network()
    state = {k: v.half() for k, v in encoder.state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(OrderedDict(state), tmp_path / "a.pth")
    weights = read_weights(tmp_path / "a.pth", spec=SPEC)
    assert weights.encoder.conv1.weight.dtype == torch.float32
    assert torch.equal(weights.encoder.conv1.weight, encoder.conv1.weight.half().float())
    assert weights.report.missing[0] == "bn1.num_batches_tracked"
    assert len(weights.report.missing) == 20


def test_run_has_both_encoders_and_its_own_contract(tmp_path):
    run = tiny_run(tmp_path / "run", method=resnet_method(), steps=2)
    for _ in run:
        pass
    assert same_state(load_encoder(run.folder)[0], run.method.encoder)
    assert same_state(load_encoder(run.folder, side="key")[0], run.method.key_encoder)
    assert read_weights(run.folder).report.contract == "stored in the file"
    with pytest.raises(ValueError, match=r"carries its own input contract.*unit: dn != seco_8bit"):
        load_encoder(run.folder, spec=SECO)


def test_narrow_names_survive(tmp_path):
    from seco_lab.nn.encoders import encoder_named

    save_encoder(tmp_path / "a.pt", encoder_named("resnet50-narrow"), SPEC)
    assert load_encoder(tmp_path / "a.pt")[0].name == "resnet50-narrow"
    with pytest.raises(ValueError, match="no key encoder, its ResNets begin with ''"):
        load_encoder(tmp_path / "a.pt", side="key")


# --- contracts -------------------------------------------------------------------------------------------


def official_seco_pixels(reflectance, low, high):
    """The official pipeline of one band: 8-bit file, quantiles to 8 bits again, [0, 1]."""
    counts = np.floor(255 * np.clip(reflectance, 0, 1))
    return np.floor(np.clip(255 * (counts - low) / (high - low), 0, 255)) / 255


@pytest.mark.parametrize("unit", ["dn", "reflectance", "seco_8bit"])
def test_seco_contract_follows_the_official_pixels(unit):
    reflectance = np.linspace(0, 0.6, 301)
    factor = {"dn": 10_000, "reflectance": 1, "seco_8bit": 255}[unit]
    images = torch.as_tensor(reflectance * factor, dtype=torch.float32).expand(1, 3, 1, -1)
    ours = to_unit_range(images, SECO, unit)[0, :, 0].numpy()
    for band, (low, high) in enumerate([(0, 129), (2, 103), (3, 88)]):  # B04, B03, B02
        gap = ours[band] - official_seco_pixels(reflectance, low, high)
        # Two roundings down: a count of the file, and 1/255.
        assert gap.min() > -1e-6
        assert gap.max() < 1 / (high - low) + 1 / 255 + 1e-6


def test_seco_limits_in_dn_and_standardisation():
    # In DN: B04 0 to 5059, B03 78 to 4039, B02 118 to 3451.
    ends = torch.tensor([[0.0, 5058.8], [78.4, 4039.2], [117.6, 3451.0]])[None, :, None]
    pixels = to_unit_range(ends, SECO, "dn")
    close(pixels[0, :, 0], torch.tensor([[0.0, 1.0]] * 3))
    wanted = [[(0 - m) / s, (1 - m) / s] for m, s in zip(SECO.mean, SECO.std, strict=True)]
    close(standardise(pixels, SECO)[0, :, 0], torch.tensor(wanted))
    assert SECO.mean == (0.485, 0.456, 0.406)  # red first


def test_pictures_are_not_fed_with_satellite_counts():
    with pytest.raises(ValueError, match="expects 'uint8' and the data are 'dn'"):
        to_unit_range(torch.zeros(1, 3, 2, 2), GASSL, "dn")
    white = torch.full((1, 3, 2, 2), 255.0)
    assert to_unit_range(white, PICTURE_OF_SENTINEL2, "eurosat_jpeg").unique().tolist() == [1.0]


def test_weights_of_pictures_and_of_seco_take_eurosat():
    cube = class_cube(4)
    images = torch.full((1, 3, 16, 16), 102.0)  # reflectance 0.11
    for spec, red in ((SECO, 0.11 * 255 / 129), (PICTURE_OF_SENTINEL2, 102 / 255)):
        pixels = Preparation.of(cube, spec)(images)
        assert pixels.shape == (1, 3, 224, 224)
        assert float(pixels[0, 0].mean()) == pytest.approx((red - 0.485) / 0.229, abs=1e-4)
    with pytest.raises(ValueError, match="expects 'uint8' and the data are 'eurosat_jpeg'"):
        Preparation.of(cube, GASSL)


def test_contract_by_name_and_from_a_file(tmp_path):
    assert contract_from("seco") == CONTRACTS["seco"] == SECO
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(SPEC.to_dict()))
    assert contract_from(str(path)) == SPEC
    path.write_text('{"bands": 3}')
    with pytest.raises(ValueError, match=r"mine\.json is no input contract"):
        contract_from(str(path))
    with pytest.raises(LookupError, match="known are seco, gassl, imagenet"):
        contract_from("sentinel")


# --- what is refused -------------------------------------------------------------------------------------


class Runs:
    """Calls a function while it is unpickled."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("write", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("trick", ["mkdir", "eval", "shell", "import"])
def test_code_in_a_file_does_not_run(tmp_path, write, trick):
    proof, path = tmp_path / "ran", tmp_path / "evil.ckpt"
    evil = {
        "mkdir": Runs(os.mkdir, str(proof)),
        "eval": Runs(eval, f"__import__('os').mkdir({str(proof)!r})"),
        "shell": Runs(os.system, f"mkdir {proof}"),
        "import": Runs(__import__, "antigravity"),
    }[trick]
    content = {"state_dict": network().state_dict(), "callbacks": {"x": evil}}
    if write == "pickle":
        path.write_bytes(pickle.dumps({"x": evil}, protocol=2))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=write == "zip")
    with pytest.raises(ValueError, match=r"asks to run (posix|nt|builtins)\.\w+ .* not opened for safety"):
        read_weights(path, spec=SPEC)
    assert not proof.exists()


def test_functions_of_unknown_libraries_become_shells(tmp_path):
    proof = tmp_path / "ran"
    torch.save({"state_dict": network().state_dict(), "x": Runs(proof_maker, str(proof))}, tmp_path / "a.pth")
    weights = read_weights(tmp_path / "a.pth", spec=SPEC)
    assert weights.report.shells == (f"{__name__}.proof_maker",)
    assert not proof.exists()


def proof_maker(path):
    os.mkdir(path)


def test_a_file_cannot_change_what_reads_it(tmp_path):
    def written(program):
        with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + program)
            archive.writestr("a/version", "3\n")
        return tmp_path / "a.pth"

    open_file(written(b"."))
    # BUILD sets attributes of the object on the stack, which would be torch's own function.
    for attributes in (b"N}U\x0c__defaults__)s\x86b.", b"}U\x05extraK\x01sb."):
        with pytest.raises(ValueError, match="not a whole checkpoint") as caught:
            open_file(written(attributes))
        assert "tries to change a function" in str(caught.value.__cause__)
    assert torch._utils._rebuild_tensor_v2.__defaults__
    assert not hasattr(torch._utils._rebuild_tensor_v2, "extra")


def test_every_truncation_is_one_sentence(tmp_path, monkeypatch):
    for legacy in (False, True):
        path = tmp_path / f"{legacy}.ckpt"
        save_seco(path, network(width=2), network(width=2), legacy=legacy, monkeypatch=monkeypatch)
        whole = path.read_bytes()
        for length in (0, 1, 40, len(whole) // 2, len(whole) - 30, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(ValueError, match=r"is not a whole checkpoint") as caught:
                read_weights(path)
            assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"no weights at all", "begins with b'no weigh'"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * 50, "begins with"),
        (struct.pack("<Q", 20) + b'{"broken": [' + b" " * 40, "not a whole safetensors file"),
        (b"PK\x03\x04" + b"0" * 50, "truncated, damaged"),
    ],
)
def test_no_weights_at_all(tmp_path, content, words):
    path = tmp_path / "a.ckpt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")
def test_archives_that_are_no_weights(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(tmp_path / "a.zip", "\udc80")  # begins like a pickle
    for name, words in (("a.zip", "truncated, damaged"), ("a.tar", r"begins with b'\\x80")):
        with pytest.raises(ValueError, match=words):
            read_weights(tmp_path / name)
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / "a.jit")
    with pytest.raises(ValueError, match="TorchScript program"):
        read_weights(tmp_path / "a.jit")
    with pytest.raises(FileNotFoundError, match="no weights at"):
        read_weights(tmp_path / "missing.pth")


def altered(change):
    state = dict(network().state_dict())
    change(state)
    return state


def resnet101(state):
    for block in range(2, 23):
        for key in [k for k in state if k.startswith("layer3.1.")]:
            state[key.replace("layer3.1.", f"layer3.{block}.")] = state[key]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"cls_token": torch.zeros(2), "blocks.0.attn.weight": torch.zeros(2)},
            "no ResNet: wanted .* it has cls_token",
        ),
        ({"epoch": 3}, "no named tensors at all"),
        ([torch.zeros(2)], "no named tensors at all"),
        (altered(resnet101), r"basic blocks with depths 2-2-23-2; the toolkit builds resnet18"),
        (
            altered(lambda s: s.pop("layer4.1.bn2.running_var")),
            r"lacks 1 entries of a resnet18: layer4\.1\.bn2",
        ),
        (
            altered(lambda s: s.update({"conv1.weight": torch.zeros(8, 3, 3, 3)})),
            r"conv1\.weight in .* has shape \(8, 3, 3, 3\), a resnet18 of width 8 has \(8, 3, 7, 7\)",
        ),
        (
            altered(lambda s: s["bn1.running_var"].fill_(float("nan"))),
            "not finite numbers: training had diverged",
        ),
    ],
)
def test_other_architectures_are_named(tmp_path, content, words):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=words):
        read_weights(tmp_path / "a.pth", spec=SPEC)


def test_other_numbers_of_bands(tmp_path, monkeypatch):
    path = save_seco(tmp_path / "a.ckpt", network(bands=4), network(bands=4), monkeypatch=monkeypatch)
    with pytest.raises(ValueError, match="layout of the official SeCo code, 4 bands"):
        read_weights(path)
    with pytest.raises(ValueError, match="takes 4 bands, its contract names 3: B04, B03, B02"):
        read_weights(path, spec=SPEC)


def test_two_encoders_of_one_side(tmp_path):
    torch.save(renamed(network(), "a.") | renamed(network(), "b."), tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"2 encoders that could be the query encoder, .* 'a\.', 'b\.'"):
        read_weights(tmp_path / "a.pth", spec=SPEC)
    with pytest.raises(ValueError, match="encoder must be query or key, got 'teacher'"):
        read_weights(tmp_path / "a.pth", spec=SPEC, side="teacher")
