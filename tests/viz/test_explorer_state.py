import json

import pytest

from seco_lab.viz.explorer_state import read_state, write_state


def test_a_state_comes_back(tmp_path):
    values = {"chosen": b"\x00\xff", "season": 2, "filters": {"a": {"range": [0, 1.5]}}, "pins": [3]}
    path = write_state(tmp_path / "state.json", values, "abc")
    assert read_state(path, "abc") == values
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_state_of_other_places_or_another_file_is_refused(tmp_path):
    path = write_state(tmp_path / "state.json", {"season": 1}, "abc")
    with pytest.raises(ValueError, match="made with other places"):
        read_state(path, "xyz")
    path.write_text(json.dumps({"season": 1}))
    with pytest.raises(ValueError, match="lacks the mark"):
        read_state(path, "abc")
    path.write_text("{")
    with pytest.raises(ValueError, match="is not a state of an explorer"):
        read_state(path, "abc")
