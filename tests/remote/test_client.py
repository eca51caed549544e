"""The range client against a server that misbehaves: every fault ends in the right bytes or one sentence."""

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fault_server import FaultServer, Rule
from loops import run

from seco_lab.remote import (
    AllParts,
    ChangedError,
    DeniedError,
    GoneError,
    NoRangesError,
    UnreachableError,
    Unsigned,
    UnsupportedError,
    retries,
)
from seco_lab.remote.client import RangeClient
from seco_lab.remote.disk import DiskParts, is_on_disk
from seco_lab.remote.gate import Gate

CONTENT = os.urandom(50_000)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    return tmp_path


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retries, "_FIRST_WAIT_S", 0.01)


async def reading(server, *, signer=None, start=100, stop=9000, **options):
    async with RangeClient(signer or Unsigned(), silence_s=options.pop("silence_s", 5), **options) as client:
        part = await client.read(f"{server.url}/a.bin", start, stop)
        return part, client


def read(server, **options):
    return run(reading(server, **options))


def test_a_part_and_the_end_of_a_file(root):
    with FaultServer(root) as server:
        part, client = read(server)
        assert part.content == CONTENT[100:9000]
        assert part.size == 50_000
        assert part.version.startswith('"')
        tail, _ = read(server, start=49_990, stop=60_000)
        assert tail.content == CONTENT[49_990:]
        assert (client.traffic.requests, client.traffic.bytes, client.traffic.retries) == (1, 8900, 0)


@pytest.mark.parametrize("fault", ["429", "503", "500", "502", "408", "reset", "truncate"])
def test_passing_faults_are_got_over(root, fault):
    with FaultServer(root, rules=[Rule(fault, times=2)]) as server:
        part, client = read(server)
        assert part.content == CONTENT[100:9000]
        assert (server.requests, client.traffic.requests, client.traffic.retries) == (3, 3, 2)


def test_a_stall_ends_by_the_timeout(root):
    with FaultServer(root, rules=[Rule("stall", times=1)], stall_s=3) as server:
        begun = time.perf_counter()
        part, _ = read(server, silence_s=0.3)
        assert part.content == CONTENT[100:9000]
        assert time.perf_counter() - begun < 2.5


@pytest.mark.parametrize("wait", ["1", "date"])
def test_retry_after_is_waited_for_by_all_requests(root, wait):
    async def read_many(server):
        async with RangeClient(Unsigned()) as client:
            await asyncio.gather(*(client.read(f"{server.url}/a.bin", 0, 10) for _ in range(6)))
            return client

    with FaultServer(root, rules=[Rule("429", times=1)], retry_after=wait) as server:
        begun = time.perf_counter()
        client = run(read_many(server))
        assert time.perf_counter() - begun > 0.9
        (gate,) = client.gates.values()
        assert gate.throttled == 1


def test_retry_after_in_both_forms():
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert retries.retry_after_s({"Retry-After": "7"}) == 7
    assert retries.retry_after_s({"Retry-After": "Thu, 01 Jan 2026 12:00:30 GMT"}, now) == 30
    assert retries.retry_after_s({"Retry-After": "Thu, 01 Jan 2026 11:00:00 GMT"}, now) == 0
    assert [retries.retry_after_s({"Retry-After": text}) for text in ("soon", "", "-3")] == [0, 0, 0]
    assert retries.retry_after_s({"Retry-After": "999999"}) == 3600


def test_being_told_to_wait_is_no_failure(root):
    with FaultServer(root, rules=[Rule("429", times=9)]) as server:
        assert read(server, tries=2)[0].content == CONTENT[100:9000]


def test_faults_without_end_are_given_up(root):
    with FaultServer(root, rules=[Rule("500")]) as server:
        with pytest.raises(UnreachableError, match=r"answered 500, and 3 times failed before"):
            read(server, tries=3)
        assert server.requests == 3


def test_no_server_at_all(root):
    with FaultServer(root) as server:
        pass
    with pytest.raises(UnreachableError, match=r"127.0.0.1:.*failed .*2 times failed"):
        read(server, tries=2)


class Tokens:
    """Signs for some seconds; what was signed first is too old already."""

    def __init__(self, fresh=True):
        self.signed = self.resigned = 0
        self.fresh = fresh

    def sign(self, href):
        self.signed += 1
        return f"{href}?se=0&sig=old"

    def resign(self, href):
        self.resigned += 1
        return f"{href}?se={time.time() + 60 if self.fresh else 0}&sig=new"


def test_an_expired_signature_is_renewed_once(root):
    with FaultServer(root, signed=True) as server:
        tokens = Tokens()
        assert read(server, signer=tokens)[0].content == CONTENT[100:9000]
        assert (tokens.signed, tokens.resigned, server.requests) == (1, 1, 2)


def test_access_that_stays_refused_fails_fast(root):
    with FaultServer(root, signed=True) as server:
        with pytest.raises(DeniedError, match="answered 403, with a new signature too") as caught:
            read(server, signer=Tokens(fresh=False))
        assert server.requests == 2
        assert "sig=" not in str(caught.value), "signatures are secrets"


def test_no_signature_is_one_sentence(root):
    class Tokenless(Unsigned):
        def sign(self, href):
            raise RuntimeError("the token endpoint does not answer")

    with FaultServer(root) as server:
        with pytest.raises(UnreachableError, match="cannot be signed: the token endpoint does not answer"):
            read(server, signer=Tokenless())
        assert server.requests == 0


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("404", GoneError, "a.bin is not there"),
        ("410", GoneError, "is not there"),
        ("html", NoRangesError, r"answered with a web page instead of .*login page"),
        ("whole", NoRangesError, "comes only as a whole"),
        ("norange", NoRangesError, "do not say where they belong"),
        ("418", UnreachableError, "answered 418"),
    ],
)
def test_lasting_faults_are_one_sentence_at_once(root, fault, error, words):
    with FaultServer(root, rules=[Rule(fault)]) as server:
        with pytest.raises(error, match=words) as caught:
            read(server)
        assert server.requests == 1
        assert "\n" not in str(caught.value)


def test_a_whole_file_is_never_downloaded(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(30_000_000))
    with FaultServer(tmp_path, rules=[Rule("whole")]) as server:
        with pytest.raises(NoRangesError):
            read(server)
        time.sleep(0.1)
        assert server.bytes < 30_000_000


def test_a_replaced_file_is_seen(root):
    async def read_twice(server):
        async with RangeClient(Unsigned()) as client:
            part = await client.read(f"{server.url}/a.bin", 0, 100)
            (root / "a.bin").write_bytes(CONTENT[::-1])
            await client.read(f"{server.url}/a.bin", 100, 200, version=part.version)

    with FaultServer(root) as server, pytest.raises(ChangedError, match="replaced while it was read"):
        run(read_twice(server))
    with FaultServer(root) as server, pytest.raises(ChangedError, match="shorter than it was"):
        read(server, start=90_000, stop=90_010)


def test_a_rate_limit_is_found_by_itself(root):
    """Forty requests a second are allowed: all of 60 are answered, with far fewer than 32 at a time."""

    async def read_many(server):
        async with RangeClient(Unsigned(), most_requests=32) as client:
            await asyncio.gather(*(client.read(f"{server.url}/a.bin", n, n + 9) for n in range(60)))
            (gate,) = client.gates.values()
            return client, gate

    with FaultServer(root, rate=40, retry_after="0", latency_s=0.02) as server:
        client, gate = run(read_many(server))
    assert client.traffic.requests > 60
    assert gate.throttled > 0
    assert gate.limit < 16


def test_the_gate_doubles_until_the_first_complaint_then_grows_by_one_a_round():
    async def ask():
        gate = Gate(64)
        for _ in range(8):
            gate.succeeded()
        assert gate.limit == 16
        async with gate.pass_through() as first, gate.pass_through() as second:
            gate.refused(first, 0)
            gate.refused(second, 0)  # sent before the halving
        assert gate.limit == 8
        for _ in range(8):
            gate.succeeded()
        assert 8.9 < gate.limit < 9.1
        gate.limit = 1.0
        async with gate.pass_through() as third:
            gate.refused(third, 0)
        return gate.limit

    assert run(ask()) == 1.0


def test_no_more_requests_at_a_time_than_the_gate_lets_through():
    async def ask():
        gate, running, most = Gate(3), 0, 0

        async def one():
            nonlocal running, most
            async with gate.pass_through():
                running += 1
                most = max(most, running)
                await asyncio.sleep(0.001)
                running -= 1

        await asyncio.gather(*(one() for _ in range(40)))
        return most

    assert run(ask()) == 3


def test_other_addresses(root):
    async def read_any(href):
        async with AllParts(Unsigned(), most_requests=4, silence_s=1) as parts:
            return (await parts.read(href, 5, 10)).content, parts.traffic

    for href in (str(root / "a.bin"), (root / "a.bin").as_uri()):
        content, traffic = run(read_any(href))
        assert content == CONTENT[5:10]
        assert traffic.bytes == 5
    assert is_on_disk(r"C:\scenes\B04.tif")
    with pytest.raises(UnsupportedError, match="wanted an address of https or a path, got s3://"):
        run(read_any("s3://bucket/a.bin"))


def test_an_archive_on_a_disk_needs_no_optional_package(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "seco_lab.remote.client")

    async def read_any(href):
        async with AllParts(Unsigned(), most_requests=4, silence_s=1) as parts:
            return (await parts.read(href, 5, 10)).content, parts.traffic.requests

    assert run(read_any(str(root / "a.bin"))) == (CONTENT[5:10], 1)
    with pytest.raises(ImportError, match=r"https://a.example needs aiohttp.* 'seco-lab\[stac\]'"):
        run(read_any("https://a.example/a.bin"))


def test_the_version_of_a_file_on_disk_is_that_of_the_bytes_read(tmp_path, monkeypatch):
    """Replaced at the very moment at which it was opened."""
    path, opened = tmp_path / "a.bin", Path.open
    path.write_bytes(b"old")
    (tmp_path / "b.bin").write_bytes(b"newer")

    def replacing(self, mode):
        file = opened(self, mode)
        (tmp_path / "b.bin").replace(path)
        return file

    with monkeypatch.context() as late:
        late.setattr(Path, "open", replacing)
        before = run(DiskParts().read(str(path), 0, 3))
    assert (before.content, before.size) == (b"old", 3)
    with pytest.raises(ChangedError, match="was replaced while it was read"):
        run(DiskParts().read(str(path), 0, 3, version=before.version))


def test_the_interpreter_ends_well(root):
    code = (
        "import asyncio, sys; from seco_lab.remote import *\n"
        "async def main():\n"
        "    async with AllParts(Unsigned(), most_requests=4, silence_s=5) as parts:\n"
        "        await asyncio.gather(*(parts.read(sys.argv[1], n, n + 10) for n in range(9)))\n"
        "asyncio.run(main())"
    )
    with FaultServer(root) as server:
        run = subprocess.run([sys.executable, "-c", code, f"{server.url}/a.bin"], capture_output=True)
    assert (run.returncode, run.stderr) == (0, b"")
