from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_stac import FakeStac, Fault

from seco_lab.catalogs import CatalogError, PlanetaryComputer, SasTokens

HREF = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/13/T/B02.tif"
OTHER = "https://naipeuwest.blob.core.windows.net/naip/x.tif"


@pytest.fixture
def served():
    with FakeStac([]).running() as fake:
        yield fake


def tokens(fake, **options):
    return SasTokens(f"{fake.url}/token", timeout_s=(2.0, 0.5), wait_s=0.001, **options)


def test_one_token_for_all_files_of_a_container(served):
    signer = tokens(served)
    signed = [signer.sign(HREF), signer.sign(HREF.replace("B02", "B03")), signer.sign(OTHER)]
    assert [path for _, path, _ in served.requests] == [
        "/token/sentinel2l2a01/sentinel2-l2",
        "/token/naipeuwest/naip",
    ]
    assert signed[0].startswith(f"{HREF}?st=")
    assert "sig=secret1" in signed[0]
    assert signer.sign(signed[0]) == signed[0]
    assert signer.sign("https://elsewhere.org/a.tif") == "https://elsewhere.org/a.tif"


def test_a_token_is_renewed_before_it_ends(served):
    served.token_s = 3.0  # renewed when 0.6 s are left
    signer = tokens(served)
    signer.sign(HREF)
    now = signer._tokens["sentinel2l2a01/sentinel2-l2"]
    assert now.ends - now.renew_at == pytest.approx(0.6, abs=0.25)
    signer._tokens["sentinel2l2a01/sentinel2-l2"] = now._replace(renew_at=0.0)
    assert "sig=secret2" in signer.sign(HREF)


def test_long_lived_tokens_are_renewed_five_minutes_early(served):
    signer = tokens(served)
    signer.sign(HREF)
    token = signer._tokens["sentinel2l2a01/sentinel2-l2"]
    assert token.ends - token.renew_at == 300


def test_a_refused_token_is_replaced_at_once(served):
    catalog = PlanetaryComputer(served.url, token_url=f"{served.url}/token", wait_s=0.001)
    assert "sig=secret1" in catalog.sign(HREF)
    assert "sig=secret2" in catalog.resign(HREF)
    assert "sig=secret2" in catalog.sign(HREF)


def test_endpoint_that_gives_ended_tokens(served):
    served.expired_tokens = 2
    assert "sig=secret3" in tokens(served).sign(HREF)
    served.expired_tokens = 99
    with pytest.raises(CatalogError, match="is the clock of this computer right"):
        tokens(served).sign(HREF)


def test_throttled_endpoint(served):
    served.faults = [Fault("/token", status=429, headers={"Retry-After": "0"}, times=3)]
    assert "sig=" in tokens(served).sign(HREF)
    served.faults = [Fault("/token", status=429, times=99)]
    with pytest.raises(CatalogError, match="overloaded"):
        tokens(served).sign(HREF)


def test_threads_share_a_token(served):
    signer = tokens(served)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: signer.sign(HREF), range(40)))) == 1
    assert len(served.requests) == 1
