"""A STAC API on localhost, of the standard library alone, that can misbehave as real ones do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
]
PORTAL = b"<!DOCTYPE html><html><title>Hotel Wi-Fi</title>Please log in</html>"


@dataclass
class Fault:
    """What happens to the next requests whose path begins so.

    Attributes:
        path: Begin of the path.
        kind: "status", "html", "reset", "truncate" or "stall".
        times: How many requests it befalls.
        status: Code of the answer.
        headers: Further headers of the answer.
        seconds: How long it stalls.
    """

    path: str
    kind: str = "status"
    times: int = 1
    status: int = 503
    headers: dict = field(default_factory=dict)
    seconds: float = 2.0


@dataclass
class FakeStac:
    """The API's content and manners; ``with fake.running():`` serves it.

    Attributes:
        items: STAC items; their collections are what the API offers.
        max_limit: Most items of a page, whatever is asked for.
        repeats: Each page begins with the last item of the one before it.
        circles: The link to the next page leads to the same page.
        faults: Used up in order.
        expired_tokens: The first so many tokens have already ended.
        token_s: Life of a token.
        requests: (method, path, body or query) of all requests.
    """

    items: list
    max_limit: int = 1000
    repeats: bool = False
    circles: bool = False
    faults: list = field(default_factory=list)
    expired_tokens: int = 0
    token_s: float = 2700.0
    requests: list = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self):
        handler = type("Handler", (_Handler,), {"fake": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def searches(self) -> list[dict]:
        """Bodies of the searches that asked for a first page."""
        return [body for _, path, body in self.requests if path == "/search" and "token" not in body]

    def collections(self) -> list[dict]:
        names = dict.fromkeys(item["collection"] for item in self.items)
        return [_collection(name, self.url) for name in names]

    def fault_of(self, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and path.startswith(fault.path):
                    fault.times -= 1
                    return fault
        return None

    def token(self) -> dict:
        with self._lock:
            old = self.expired_tokens > 0
            self.expired_tokens -= old
            number = sum(path.startswith("/token") for _, path, _ in self.requests)
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + (-60 if old else self.token_s)))
        query = urlencode({"st": "2020-01-01T00:00:00Z", "se": ends, "sp": "rl", "sig": f"secret{number}"})
        return {"msft:expiry": ends, "token": query}

    def page(self, body: dict, method: str) -> dict:
        """A page of a search, newest items first."""
        found = [item for item in self.items if _matches(item, body)]
        found.sort(key=lambda item: (item["properties"]["datetime"], item["id"]), reverse=True)
        begin = int(str(body.get("token", "next:0")).removeprefix("next:"))
        size = min(int(body.get("limit", 10)), self.max_limit)
        end = begin + size
        shown = found[begin - (self.repeats and begin > 0) : end]
        links = [{"rel": "root", "href": self.url, "type": "application/json"}]
        if end < len(found):
            after = {**body, "token": f"next:{begin if self.circles else end}"}
            links.append(_next_link(f"{self.url}/search", after, method))
        return {"type": "FeatureCollection", "features": shown, "links": links, "numberMatched": len(found)}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeStac
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urlsplit(self.path)
        self._answer(parts.path, {key: values[-1] for key, values in parse_qs(parts.query).items()})

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self._answer(urlsplit(self.path).path, json.loads(self.rfile.read(length) or b"{}"))

    def log_message(self, *_):
        pass

    def _answer(self, path: str, body: dict) -> None:
        self.fake.requests.append((self.command, path, body))
        content = self._content(path, body)
        code = 404 if content is None else 200
        data = json.dumps({"code": "NotFound"} if content is None else content).encode()
        fault = self.fake.fault_of(path)
        if fault is None:
            self._send(code, data, {"Content-Type": "application/json"})
        elif fault.kind == "status":
            self._send(fault.status, b'{"code": "no"}', fault.headers)
        elif fault.kind == "html":
            self._send(200, PORTAL, {"Content-Type": "text/html"})
        elif fault.kind == "stall":
            time.sleep(fault.seconds)
            self.close_connection = True
        else:  # reset before, or after half of the answer
            if fault.kind == "truncate":
                self._send(200, data, {"Content-Type": "application/json"}, cut=len(data) // 2)
            self.close_connection = True

    def _content(self, path: str, body: dict) -> dict | None:
        fake = self.fake
        if path in ("", "/"):
            return _landing(fake.url)
        if path == "/conformance":
            return {"conformsTo": CONFORMS}
        if path == "/collections":
            return {"collections": fake.collections(), "links": []}
        if path.startswith("/collections/"):
            name = path.split("/")[2]
            return next((c for c in fake.collections() if c["id"] == name), None)
        if path == "/search":
            return fake.page(body, self.command)
        if path.startswith("/token/"):
            return fake.token()
        return None

    def _send(self, code: int, data: bytes, headers: dict, cut: int | None = None) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[:cut])


def _landing(url: str) -> dict:
    links = [
        ("self", url, "GET"), ("root", url, "GET"), ("data", f"{url}/collections", "GET"),
        ("conformance", f"{url}/conformance", "GET"), ("search", f"{url}/search", "GET"),
        ("search", f"{url}/search", "POST"),
    ]  # fmt: skip
    return {
        "type": "Catalog",
        "id": "fake",
        "stac_version": "1.0.0",
        "description": "A catalogue for tests",
        "conformsTo": CONFORMS,
        "links": [{"rel": r, "href": h, "method": m, "type": "application/json"} for r, h, m in links],
    }


def _collection(name: str, url: str) -> dict:
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    return {
        "type": "Collection",
        "id": name,
        "stac_version": "1.0.0",
        "description": name,
        "license": "proprietary",
        "extent": extent,
        "links": [{"rel": "root", "href": url}],
    }


def _next_link(href: str, body: dict, method: str) -> dict:
    if method == "GET":
        return {"rel": "next", "href": f"{href}?{urlencode(body)}", "method": "GET"}
    return {"rel": "next", "href": href, "method": "POST", "body": body}


def _matches(item: dict, body: dict) -> bool:
    wanted = body.get("collections")
    wanted = wanted.split(",") if isinstance(wanted, str) else wanted
    if wanted and item["collection"] not in wanted:
        return False
    if body.get("datetime"):
        begin, end = body["datetime"].split("/")
        if not begin <= item["properties"]["datetime"] <= end:
            return False
    bbox = body.get("bbox")
    bbox = [float(v) for v in bbox.split(",")] if isinstance(bbox, str) else bbox
    return bbox is None or any(_meets(ring, bbox) for ring in _rings(item["geometry"]))


def _rings(geometry: dict) -> Iterable[list]:
    """Outer rings."""
    if geometry["type"] == "Polygon":
        return [geometry["coordinates"][0]]
    return [polygon[0] for polygon in geometry["coordinates"]]


def _meets(ring: list, bbox: list) -> bool:
    """Whether anything of a ring is left when it is clipped by the four sides of a box."""
    west, south, east, north = bbox
    for axis, limit, sign in ((0, west, 1), (1, south, 1), (0, east, -1), (1, north, -1)):
        kept = []
        for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
            inside_a, inside_b = (sign * (p[axis] - limit) >= 0 for p in (a, b))
            if inside_a:
                kept.append(a)
            if inside_a != inside_b:
                t = (limit - a[axis]) / (b[axis] - a[axis])
                kept.append([a[i] + t * (b[i] - a[i]) for i in (0, 1)])
        ring = kept
        if not ring:
            return False
    return True
