"""Published files: the registry, imports and downloads that are checked, and what a wrong sum does."""

import hashlib
import http.server
import os
import re
import threading
from dataclasses import replace

import pytest
from weight_files import network, save_plain, save_seco

from seco_lab.checkpoints import (
    CONTRACTS,
    PUBLISHED,
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
    with pytest.raises(ValueError, match="a web page, perhaps the login of a proxy; nothing was kept"):
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


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends the server's content, or as much of the rest as its ``cuts`` allow before the line breaks."""

    def do_GET(self):
        server, start = self.server, int((self.headers["Range"] or "bytes=0-")[6:-1])
        server.asked.append(start)
        start = start if server.knows_parts else 0
        if start and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if server.tells_length:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        stop = start + server.cuts.pop(0) if server.cuts else len(server.content)
        self.wfile.write(server.content[start:stop])

    def log_message(self, *words):
        pass


@pytest.fixture
def server(known):
    """A web server that holds the file, and the entry that leads there."""
    path, entry = known
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.asked, server.cuts = path.read_bytes(), [], []
    server.knows_parts = server.tells_length = True
    server.entry = replace(entry, url=f"http://127.0.0.1:{server.server_port}/a.ckpt?download=1")
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("length", [True, False])
def test_download(server, tmp_path, length):
    server.tells_length, told = length, []
    out = get_weights(server.entry, tmp_path / "out" / "a.ckpt", progress=lambda *state: told.append(state))
    assert told[-1] == (len(server.content), len(server.content) if length else None)
    assert out.read_bytes() == server.content
    assert os.listdir(out.parent) == ["a.ckpt"]


@pytest.mark.parametrize("knows_parts", [True, False])
def test_a_line_that_breaks_is_opened_again_for_the_rest(server, tmp_path, knows_parts):
    server.knows_parts, server.cuts = knows_parts, [1000, 5000]
    out = get_weights(server.entry, tmp_path / "a.ckpt")
    assert out.read_bytes() == server.content
    assert server.asked == ([0, 1000, 6000] if knows_parts else [0, 1000, 5000])


def test_a_line_that_broke_for_good_is_gone_on_with_by_the_next_call(server, tmp_path):
    out, server.cuts = tmp_path / "out" / "a.ckpt", [1000, 0]
    with pytest.raises(ConnectionError, match="1000 bytes are kept, the same command goes on from there; or"):
        get_weights(server.entry, out)
    assert os.listdir(out.parent) == ["a.ckpt.part"]
    assert get_weights(server.entry, out).read_bytes() == server.content
    assert server.asked == [0, 1000, 1000]
    assert os.listdir(out.parent) == ["a.ckpt"]


def test_what_had_come_whole_is_not_asked_for_again(server, tmp_path):
    (tmp_path / "a.ckpt.part").write_bytes(server.content)
    assert get_weights(server.entry, tmp_path / "a.ckpt").read_bytes() == server.content
    assert server.asked == [len(server.content)]


def test_what_is_longer_than_the_file_is_not_its_beginning(server, tmp_path):
    (tmp_path / "a.ckpt.part").write_bytes(bytes(len(server.content) + 1))
    assert get_weights(server.entry, tmp_path / "a.ckpt").read_bytes() == server.content


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"<!DOCTYPE html>log in", "a web page, perhaps the login of a proxy"), (b"?" * 99, "md5 should be")],
)
def test_something_else_in_its_place_is_not_kept(server, tmp_path, content, words):
    server.content = content
    with pytest.raises(ValueError, match=rf"is not seco_resnet18_1m\.ckpt: .*{words}.* nothing was kept"):
        get_weights(server.entry, tmp_path / "out" / "a.ckpt")
    assert os.listdir(tmp_path / "out") == []


def test_no_network_leaves_nothing(server, tmp_path):
    gone = replace(server.entry, url="http://127.0.0.1:9/a.ckpt")
    with pytest.raises(ConnectionError, match="fetch it on another machine, then: seco-lab weights get"):
        get_weights(gone, tmp_path / "out" / "a.ckpt")
    assert os.listdir(tmp_path / "out") == []


def test_unknown_file_is_recognised_as_none(tmp_path):
    assert recognise(save_plain(tmp_path / "resnet18-f37072fd.pth", network(width=2))) is None
