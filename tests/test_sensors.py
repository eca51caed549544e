import pytest

from seco_lab.sensors import NAIP, SENTINEL2_L1C, SENTINEL2_L2A, sensor_named


def test_l2a_has_twelve_bands_and_no_cirrus():
    assert SENTINEL2_L2A.band_names == (
        *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"),
    )
    assert [b for b in SENTINEL2_L1C.band_names if b not in SENTINEL2_L2A.band_names] == ["B10"]


@pytest.mark.parametrize("sensor", [SENTINEL2_L2A, SENTINEL2_L1C, NAIP])
def test_rgb_runs_from_long_to_short_waves(sensor):
    waves = [sensor.band(name).wavelength_nm for name in sensor.rgb]
    assert waves == sorted(waves, reverse=True)


def test_subsets():
    assert SENTINEL2_L2A.subset("rgb") == ("B04", "B03", "B02")
    assert SENTINEL2_L2A.subset("B08, B02") == ("B08", "B02")
    assert len(SENTINEL2_L2A.subset("all")) == 12


def test_unknown_names_list_the_known_ones():
    with pytest.raises(LookupError, match=r"no band 'B10'; it has B01.*B12"):
        SENTINEL2_L2A.subset("B02,B10")
    with pytest.raises(LookupError, match="sentinel2-l2a"):
        sensor_named("sentinel")
    with pytest.raises(ValueError, match="different"):
        SENTINEL2_L2A.subset(["B02", "B02"])
