"""A file server on this machine that knows ranges and misbehaves on demand; standard library only."""

import mimetypes
import random
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass
class Rule:
    """The next ``times`` requests whose path contains ``match`` meet this fault."""

    fault: str
    match: str = ""
    times: int = 10**9
    after: int = 0  # requests that pass before


@dataclass
class FaultServer:
    """Serves a folder over HTTP; to be used as ``with FaultServer(root) as server``.

    Faults, by name: a status such as "429", "reset" (in mid-body), "truncate" (a body that is too short),
    "flip" (one bit), "bit-9" (that bit), "stall" (silence), "html" (a login page with 200), "whole" (200 and
    the whole file), "norange" (206 without Content-Range).

    Attributes:
        root: The folder.
        shares: Fault -> how often it happens, 0 to 1, by chance.
        rules: Faults that happen for certain, first match first.
        latency_s: Before each answer.
        retry_after: Header of 429 and 503; "date" gives a date two seconds ahead.
        signed: Whether addresses need ``?se=SECONDS`` in the future.
        rate: Requests a second beyond which 429 is answered; None knows no limit.
    """

    root: Path
    shares: dict = field(default_factory=dict)
    rules: list = field(default_factory=list)
    latency_s: float = 0.0
    retry_after: str | None = None
    signed: bool = False
    rate: float | None = None
    stall_s: float = 60.0

    def __enter__(self):
        self.log, self.lock, self.chance = [], threading.Lock(), random.Random(5)
        self._recent = []
        outer = self

        class Handler(_Handler):
            server_of = outer

        self._http = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        return self

    def __exit__(self, *error):
        self._http.shutdown()
        self._http.server_close()

    @property
    def requests(self):
        return len(self.log)

    @property
    def bytes(self):
        return sum(size for _, _, size in self.log)

    def faults(self):
        """How often each fault was dealt out."""
        return {name: sum(one == name for _, one, _ in self.log) for name in {one for _, one, _ in self.log}}

    def fault_for(self, path):
        with self.lock:
            if self.rate is not None:
                now = time.monotonic()
                self._recent = [moment for moment in self._recent if moment > now - 1]
                if len(self._recent) >= self.rate:
                    return "429"
                self._recent.append(now)
            for rule in self.rules:
                if rule.match in path:
                    if rule.after > 0:
                        rule.after -= 1
                    elif rule.times > 0:
                        rule.times -= 1
                        return rule.fault
            drawn = self.chance.random()
            for fault, share in self.shares.items():
                drawn -= share
                if drawn < 0:
                    return fault
        return ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """A client that was killed is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: FaultServer

    def log_message(self, *words):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self):
        server, parts = self.server_of, urlsplit(self.path)
        time.sleep(server.latency_s)
        fault = server.fault_for(parts.path)
        sent = 0
        try:
            sent = self._answer(server, parts, fault)
        finally:
            server.log.append((parts.path, fault, sent))

    def _answer(self, server, parts, fault):
        if server.signed and float(parse_qs(parts.query).get("se", ["0"])[0]) < time.time():
            return self._plain(403)
        if fault.isdigit():
            return self._plain(int(fault))
        if fault == "html":
            return self._send(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
        file = server.root / unquote(parts.path).lstrip("/")
        if not file.is_file():
            return self._plain(404)
        size, about = file.stat().st_size, self._about(file)
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if fault == "whole" or not asked:
            return self._send(200, file.read_bytes(), about)
        first, last = int(asked[1]), min(int(asked[2]), size - 1)
        if first >= size:
            return self._plain(416)
        if fault != "norange":
            about["Content-Range"] = f"bytes {first}-{last}/{size}"
        with file.open("rb") as content:
            content.seek(first)
            return self._part(content.read(last + 1 - first), about, fault)

    def do_HEAD(self):
        file = self.server_of.root / unquote(urlsplit(self.path).path).lstrip("/")
        time.sleep(self.server_of.latency_s)
        self.server_of.log.append((self.path, "", 0))
        if file.is_file():
            self._headers(200, file.stat().st_size, self._about(file) | {"Accept-Ranges": "bytes"})
        else:
            self._headers(404, 0, {})

    def _about(self, file):
        kind, state = mimetypes.guess_type(file.name)[0] or "application/octet-stream", file.stat()
        return {"ETag": f'"{state.st_size}-{state.st_mtime_ns}"', "Content-Type": kind}

    def _part(self, body, about, fault):
        if fault == "flip":
            at = self.server_of.chance.randrange(len(body))
            body = body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1 :]
        if fault.startswith("bit-"):
            at, bit = divmod(int(fault[4:]), 8)
            body = body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]
        if fault in ("reset", "truncate", "stall"):
            self._headers(206, len(body), about)
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "stall":
                time.sleep(self.server_of.stall_s)
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return len(body) // 2
        return self._send(206, body, about)

    def _plain(self, status):
        about, wait = {}, self.server_of.retry_after
        if status in (429, 503) and wait is not None:
            about["Retry-After"] = formatdate(time.time() + 2, usegmt=True) if wait == "date" else wait
        return self._send(status, b"no", about)

    def _send(self, status, body, about):
        self._headers(status, len(body), about)
        self.wfile.write(body)
        return len(body)

    def _headers(self, status, length, about):
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **about}.items():
            self.send_header(name, value)
        self.end_headers()
