"""Published files: the registry, imports and downloads that are checked, and what a wrong sum does."""

import hashlib
import http.client
import io
import os
import re
import urllib.error
from dataclasses import replace

import pytest
from weight_files import network, save_plain, save_seco

from seco_lab.checkpoints import (
    CONTRACTS,
    PUBLISHED,
    fetching,
    get_weights,
    published_named,
    recognise,
    sums_of,
)
from seco_lab.checkpoints import published as registry
from seco_lab.nn.encoders import ENCODER_NAMES


@pytest.fixture
def known(tmp_path, monkeypatch):
    """A file in the official layout and its entry, as if it were the published one."""
    path = save_seco(tmp_path / "copy.ckpt", network(width=4), network(width=4), monkeypatch=monkeypatch)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    entry = replace(published_named("seco_resnet18_1m"), md5=md5)
    monkeypatch.setattr(registry, "PUBLISHED", (entry,))
    return path, entry


def test_registry_is_whole():
    names = [entry.name for entry in PUBLISHED]
    assert len({*names, *(entry.file for entry in PUBLISHED)}) == len(names) + len(
        {entry.file for entry in PUBLISHED} - set(names)
    )
    for entry in PUBLISHED:
        assert entry.encoder in ENCODER_NAMES
        assert entry.contract in CONTRACTS
        assert entry.url.startswith("https://")
        assert entry.url.partition("?")[0].endswith(entry.file.replace("+", "%2B"))
        assert entry.md5 is None or re.fullmatch("[0-9a-f]{32}", entry.md5)
        assert entry.sha256 is None or f"-{entry.sha256}." in entry.file
    sums = {entry.name: entry.md5 for entry in PUBLISHED if entry.md5}
    assert sums["seco_resnet18_100k"].startswith("dcf336be")
    assert sums["seco_resnet18_1m"].startswith("53d5c41d")
    assert sums["seco_resnet50_100k"].startswith("9672c303")
    assert sums["seco_resnet50_1m"].startswith("7b09c54a")


def test_names_and_file_names_lead_to_an_entry():
    assert published_named("seco_resnet50_1m.ckpt") is published_named("seco_resnet50_1m")
    assert published_named("moco_geo+tp.pth.tar").name == "gassl_moco_geo+tp"
    with pytest.raises(LookupError, match="known are seco_resnet18_100k"):
        published_named("resnet9")


def test_sums_of_a_known_text(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert sums_of(path).md5 == "900150983cd24fb0d6963f7d28e17f72"
    assert sums_of(path).sha256.startswith("ba7816bf8f01cfea414140de5dae2223")


def test_import_from_a_path(known, tmp_path):
    path, entry = known
    out = get_weights(entry, tmp_path / "deep" / "a.ckpt", source=path)
    assert out.read_bytes() == path.read_bytes()
    assert os.listdir(out.parent) == ["a.ckpt"]
    assert recognise(out) == entry
    # Again: it is there and right, so nothing is read from the source.
    assert get_weights(entry, out, source=tmp_path / "gone") == out
    (tmp_path / "folder").mkdir()
    assert get_weights(entry, tmp_path / "folder", source=path).name == entry.file


def test_wrong_sum_is_refused_with_both(known, tmp_path):
    path, entry = known
    wanted = entry.md5
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    got = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=f"md5 should be {wanted} and is {got}; nothing was kept"):
        get_weights(entry, tmp_path / "out" / "a.ckpt", source=path)
    assert os.listdir(tmp_path / "out") == []


def test_beginning_of_a_sha256_is_enough(known, tmp_path):
    path, entry = known
    entry = replace(entry, md5=None, sha256=sums_of(path).sha256[:8])
    assert get_weights(entry, tmp_path / "a", source=path).exists()
    with pytest.raises(ValueError, match="sha256 should begin with 00000000 and is"):
        get_weights(replace(entry, sha256="00000000"), tmp_path / "b", source=path)


def test_without_a_sum_the_content_must_fit(known, tmp_path):
    path, entry = known
    entry, out = replace(entry, md5=None), tmp_path / "out" / "a"
    with pytest.raises(ValueError, match="it holds a resnet18, not a resnet50; nothing was kept"):
        get_weights(replace(entry, encoder="resnet50"), out, source=path)
    (tmp_path / "page").write_text("<html>log in</html>")
    with pytest.raises(ValueError, match="a web page, perhaps saved instead of the download"):
        get_weights(entry, out, source=tmp_path / "page")
    assert os.listdir(out.parent) == []
    assert get_weights(entry, out, source=path) == out


def test_another_file_is_not_overwritten(known, tmp_path):
    path, entry = known
    out = tmp_path / "taken"
    out.write_text("mine")
    with pytest.raises(
        FileExistsError, match=r"taken is there and is not seco_resnet18_1m\.ckpt: md5 should be"
    ):
        get_weights(entry, out, source=path)
    with pytest.raises(FileExistsError, match="no sum of"):
        get_weights(replace(entry, md5=None), out, source=path)
    assert out.read_text() == "mine"


def test_missing_copy(known, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file at .*gone; --from takes a copy of"):
        get_weights(known[1], tmp_path / "a", source=tmp_path / "gone")
    assert not (tmp_path / "a").exists()


class Answer(io.BytesIO):
    """What a server sends."""

    def __init__(self, content, length=True):
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content))} if length else {}


@pytest.mark.parametrize("length", [True, False])
def test_download(known, tmp_path, monkeypatch, length):
    path, entry = known
    asked, told = [], []

    def urlopen(request, timeout):
        asked.append(request.full_url)
        return Answer(path.read_bytes(), length)

    monkeypatch.setattr(fetching.urllib.request, "urlopen", urlopen)
    out = get_weights(entry, tmp_path / "a.ckpt", progress=lambda *state: told.append(state))
    size = path.stat().st_size
    assert asked == ["https://zenodo.org/records/4728033/files/seco_resnet18_1m.ckpt?download=1"]
    assert told[-1] == (size, size if length else None)
    assert out.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no route"),
        TimeoutError("too slow"),
        http.client.BadStatusLine("?"),
        "cut short",
    ],
)
def test_failed_download_leaves_nothing(known, tmp_path, monkeypatch, error):
    path, entry = known

    def urlopen(request, timeout):
        if isinstance(error, str):
            return Answer(path.read_bytes()[:1000])
        raise error

    monkeypatch.setattr(fetching.urllib.request, "urlopen", urlopen)
    words = (
        "md5 should be"
        if isinstance(error, str)
        else "fetch it on another machine, then: seco-lab weights get"
    )
    with pytest.raises((ValueError, ConnectionError), match=words):
        get_weights(entry, tmp_path / "out" / "a.ckpt")
    assert os.listdir(tmp_path / "out") == []


def test_unknown_file_is_recognised_as_none(tmp_path):
    assert recognise(save_plain(tmp_path / "resnet18-f37072fd.pth", network(width=2))) is None
