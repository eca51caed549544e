import json
from dataclasses import replace

import pytest

from seco_lab.input_spec import InputSpec, describe_difference, unit_factor

SPEC = InputSpec(
    "sentinel2-l2a", ("B04", "B03"), "dn", (0, 78), (5059, 4039), (0.4, 0.5), (0.2, 0.2), 10.0, 96
)


def test_known_conversions():
    assert unit_factor("eurosat_jpeg", "dn") == pytest.approx(2750 / 255)
    assert unit_factor("reflectance", "dn") == pytest.approx(10000)
    assert unit_factor("seco_8bit", "reflectance") == pytest.approx(1 / 255)
    assert unit_factor("uint8", "uint8") == 1


def test_picture_counts_are_not_reflectance():
    with pytest.raises(ValueError, match="expects 'dn' and the data are 'uint8'"):
        unit_factor("uint8", "dn")
    with pytest.raises(LookupError, match="known are dn"):
        unit_factor("DN", "dn")


def test_round_trip_through_json():
    assert InputSpec.from_dict(json.loads(json.dumps(SPEC.to_dict()))) == SPEC
    with pytest.raises(ValueError, match="fields"):
        InputSpec.from_dict({"sensor": "naip"})


def test_bands_are_found_by_name():
    assert SPEC.check_bands(["B02", "B03", "B04"]) == (2, 1)
    with pytest.raises(LookupError, match=r"expects bands B04, B03; the data have B03, B02 and lack B04"):
        SPEC.check_bands(["B03", "B02"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"std": (0.0, 1.0)}, "positive"),
        ({"low": (1,)}, "low needs 2 numbers"),
        ({"high": (0, 4039)}, "above its low"),
        ({"size_px": 0}, "size_px"),
    ],
)
def test_impossible_contracts(change, words):
    with pytest.raises(ValueError, match=words):
        replace(SPEC, **change)


def test_difference_names_the_fields():
    assert describe_difference(SPEC, replace(SPEC, unit="seco_8bit")) == "unit: dn != seco_8bit"
    assert describe_difference(SPEC, SPEC) == ""
