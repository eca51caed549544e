import time

import numpy as np
import pytest
from fake_stac import FakeStac, Fault
from stac_items import earth_search_item, planetary_item

from seco_lab.catalogs import CatalogError, StacApi

BOX = (13.0, 52.0, 13.1, 52.1)
START, END = np.datetime64("2024-01-01"), np.datetime64("2024-12-31")
DAYS = [np.datetime64("2024-01-03T10:30:31") + np.timedelta64(5 * i, "D") for i in range(30)]


def items(make=earth_search_item):
    return [make(day) for day in DAYS]


@pytest.fixture
def served():
    with FakeStac(items()).running() as fake:
        yield fake


def searched(fake, **options):
    options = {"timeout_s": (2.0, 0.4), "wait_s": 0.01} | options
    return StacApi(fake.url, **options).search(BOX, START, END)


def test_all_pages_are_read(served):
    served.max_limit = 7
    assert [scene.time for scene in searched(served)] == DAYS[::-1]
    assert len(served.searches) == 1
    assert sum(path == "/search" for _, path, _ in served.requests) == 5


def test_items_repeated_by_pages_count_once(served):
    served.max_limit, served.repeats = 7, True
    assert len(searched(served)) == 30


def test_pages_that_lead_in_circles_end(served):
    served.max_limit, served.circles = 7, True
    with pytest.raises(CatalogError, match="repeats the same page without end"):
        searched(served)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/search", status=503, times=3),
        Fault("/search", status=500),
        Fault("/search", status=504),
        Fault("/search", status=429, headers={"Retry-After": "0"}, times=2),
        Fault("/search", "reset", times=2),
        Fault("/search", "truncate", times=2),
        Fault("/search", "stall", seconds=0.6),
        Fault("/collections", "truncate"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_what_passes_is_tried_again(served, fault):
    served.faults = [fault]
    assert len(searched(served)) == 30
    assert fault.times == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("/search", times=99), r"is overloaded or down \(503, 7 times\)"),
        (Fault("/search", "html"), "answered with a web page instead of data: your network may want a login"),
        (Fault("", "html"), "web page instead of data"),
        (Fault("/search", status=403), r"refuses the request \(403\)"),
        (Fault("/search", status=400), r"did not understand the request \(400\)"),
        (Fault("/search", status=429, headers={"Retry-After": "7200"}), "no more requests for 120 minutes"),
    ],
)
def test_what_does_not_pass_is_a_sentence(served, fault, words):
    served.faults = [fault]
    with pytest.raises(CatalogError, match=words):
        searched(served, timeout_s=(2.0, 5.0), wait_s=0.001)


def test_a_server_that_is_silent_is_left(served):
    served.faults = [Fault("/search", "stall", times=99, seconds=3.0)]
    with pytest.raises(CatalogError, match=r"gave no answer within 0.1 s, 7 times"):
        searched(served, timeout_s=(1.0, 0.1), wait_s=0.001)


def test_retry_after_is_honoured(served):
    served.faults = [Fault("/search", status=429, headers={"Retry-After": "1"})]
    begin = time.perf_counter()
    assert len(searched(served)) == 30
    assert time.perf_counter() - begin >= 1


def test_nobody_listens():
    with pytest.raises(CatalogError, match="cannot be reached: is there a network"):
        StacApi("http://127.0.0.1:9", wait_s=0.001).search(BOX, START, END)


def test_a_catalogue_without_sentinel2(served):
    for item in served.items:
        item["collection"] = "naip"
    with pytest.raises(CatalogError, match="has no collection 'sentinel-2-l2a'; it has naip"):
        searched(served)
    for item in served.items:
        item["collection"], item["properties"]["constellation"] = "sentinel-2-l2a", ""
        item["properties"]["platform"] = "landsat-8"
    with pytest.raises(CatalogError, match=r"no Sentinel-2 L2A scene among its 30 items: .* but landsat-8"):
        searched(served)


def test_nothing_there_is_no_error(served):
    assert StacApi(served.url).search((100, 10, 101, 11), START, END) == []


def test_both_archives_name_bands_alike(served):
    with FakeStac(items(planetary_item)).running() as other:
        one, two = searched(served), searched(other)
    assert [scene.identity for scene in one] == [scene.identity for scene in two]
    assert {tuple(scene.assets) for scene in one} == {tuple(scene.assets) for scene in two}


def test_renamed_items_keep_their_identity(served):
    before = [scene.identity for scene in searched(served)]
    for number, item in enumerate(served.items):
        item["id"] = f"reprocessed-{number}"
    assert [scene.identity for scene in searched(served)] == before
