import pandas as pd
import pytest

from seco_lab.catalogs import given_up_by

PLACES = pd.DataFrame(
    {
        "name": [f"p{i}" for i in range(10)],
        "continent": ["Africa"] * 4 + ["Europe"] * 5 + [""],
    }
)


def gone(*names, why="no scene"):
    return pd.DataFrame({"name": list(names), "why": why})


def test_shares_by_hand():
    table = given_up_by(PLACES, gone("p0", "p1", "p4"))
    assert table.index.tolist() == ["Africa", "Europe", "none"]
    assert table.loc["Africa"].tolist() == [4, 2, 0.5, 0.4, pytest.approx(2 / 7)]
    assert table.loc["Europe"].tolist() == [5, 1, 0.2, 0.5, pytest.approx(4 / 7)]
    assert table["share_kept"].sum() == pytest.approx(1)


def test_nothing_or_everything_given_up():
    assert (given_up_by(PLACES, gone())["given_up"] == 0).all()
    everything = given_up_by(PLACES, gone(*PLACES["name"]))
    assert (everything["share_given_up"] == 1).all()
    assert (everything["share_kept"] == 0).all()


def test_what_does_not_fit_is_said():
    with pytest.raises(LookupError, match="no column 'biome'; it has name, continent"):
        given_up_by(PLACES, gone(), "biome")
    with pytest.raises(ValueError, match="1 places were given up that are not in the plan, such as other"):
        given_up_by(PLACES, gone("other", "p1"))
