"""A result keeps what it says: files, tables, paired comparisons."""

import json
from dataclasses import replace

import numpy as np
import pytest

from seco_lab.cli import main
from seco_lab.downstream.comparing import compare
from seco_lab.downstream.published import published_beside
from seco_lab.downstream.result import Protocol, Result, Score
from seco_lab.downstream.tables import join_markdown, join_results


def result(name="ours", share=0.8, test_hash="t", count=203):
    items = np.random.default_rng(0).random(count) < share
    protocol = Protocol(
        "eurosat", "sound", "val", "a", test_hash, {"train": 5, "validation": 1, "test": count},
        ("x", "y"), 0, {"linear": {"strength": 0.1}}, {"name": "resnet18", "hash": "h"}, {"bands": ["B04"]},
    )  # fmt: skip
    floor = Score.of(np.random.default_rng(0).random(count) < share - 0.2)
    scores = {"linear": Score.of(items), "knn": Score.of(items)}
    return Result(name, "accuracy", scores, {"floor": floor}, {"x": 0.5, "y": None}, protocol)


def test_flat_keys():
    one = result()
    found = one.to_dict()
    assert found["linear"] == one.score
    assert found["linear_ci"] == [*one.ci]
    assert {"knn", "knn_ci", "floor", "per_class", "protocol"} <= set(found)
    assert found["protocol"]["settings"]["linear"]["strength"] == 0.1
    json.dumps(found)
    assert one.ci[0] < one.score < one.ci[1]


def test_file_roundtrip(tmp_path):
    one = result()
    one.save(tmp_path / "r" / "result.json")
    again = Result.load(tmp_path / "r" / "result.json")
    assert again == one
    assert (again.main.items == one.main.items).all()
    assert compare(again, one).difference == 0
    assert [p.name for p in (tmp_path / "r").iterdir()] == ["result.json"]


@pytest.mark.parametrize("text", [b"{", b'{"name": "x"}', b"[]", b"\x93NUMPY"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(ValueError, match="json is not a result"):
        Result.load(tmp_path / "x.json")


def test_compare_needs_the_same_test_list():
    assert compare(result(share=0.9), result("other", share=0.7)).is_clear
    with pytest.raises(ValueError, match="different lists"):
        compare(result(), result("other", test_hash="u"))
    with pytest.raises(LookupError, match="no score 'auc'; it has linear, knn, floor"):
        compare(result(), result(), "auc")
    bare = Result.from_dict(result().to_dict())
    with pytest.raises(ValueError, match="without per-item scores"):
        compare(bare, bare)


def test_scores_that_are_no_mean_are_compared_by_their_resamples(tmp_path):
    """Two encoders whose single intervals overlap, and whose difference is sure all the same."""
    chance = np.random.default_rng(3)
    shared = chance.normal(0, 0.05, 500)
    one, other = (
        replace(
            result(name), scores={"f1": Score.drawn(value, value + shared + chance.normal(0, 0.005, 500))}
        )
        for name, value in (("one", 0.45), ("other", 0.40))
    )
    assert one.main.low < other.main.high
    found = compare(one, other)
    assert found.is_clear
    assert found.difference == pytest.approx(0.05, abs=0.002)
    assert 0.03 < found.low < found.high < 0.07
    one.save(tmp_path / "one.json")
    assert compare(Result.load(tmp_path / "one.json"), other).low == pytest.approx(found.low)
    late = replace(other, protocol=replace(other.protocol, seed=1))
    with pytest.raises(ValueError, match=r"seeds 0 and 1, 500 and 500 times"):
        compare(one, late)


def test_tables():
    table = join_results([result(), result("other")], [{"name": "paper", "linear": "93.1"}])
    assert table.index.tolist() == ["ours", "other", "paper"]
    assert table.loc["paper", "linear"] == "93.1"
    assert table.loc["paper", "knn"] == ""
    assert "| paper |" in join_markdown([result()], [{"name": "paper", "linear": "93.1"}])
    assert result().to_frame().loc["floor", "baseline"]
    lines = result().to_markdown().splitlines()
    assert lines[0].startswith("| name | task | protocol | linear | knn | floor |")
    assert len({line.count("|") for line in lines}) == 1


@pytest.fixture
def saved(tmp_path):
    """Files of two encoders, of a third on another test list, and of another task."""
    last = result("forest")
    for name, one in {
        "good": result(share=0.9),
        "poor": result(share=0.7),
        "elsewhere": result("elsewhere", test_hash="u"),
        "other": replace(last, protocol=replace(last.protocol, task="fmow")),
    }.items():
        one.save(tmp_path / f"{name}.json")
    return tmp_path


def test_results_side_by_side_from_the_command_line(saved, capsys):
    files = [str(saved / "good.json"), str(saved / "poor.json")]
    drawn = ["--out", str(saved / "t.md"), "--figure", str(saved / "f.png")]
    assert main(["compare", *files, *drawn, "--json"]) == 0
    out = capsys.readouterr()
    told = json.loads(out.out.splitlines()[-1])
    lead = told["leads"][0]
    assert (lead["first"], lead["other"]) == ("ours (good.json)", "ours (poor.json)")
    assert lead["clear"]
    assert lead["difference"] == pytest.approx(compare(result(share=0.9), result(share=0.7)).difference)
    assert "points" in out.err
    assert "which is sure" in out.err
    assert [row["name"] for row in told["table"]][-1] == "SeCo, r18 (paper)"
    assert "| SeCo, r18 (paper) | eurosat |" in (saved / "t.md").read_text()
    assert (saved / "f.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["compare", files[0], "--score", "knn", "--no-paper", "--out", str(saved / "t.csv")]) == 0
    assert len((saved / "t.csv").read_text().splitlines()) == 2
    again = str(saved / "again" / "good.json")
    result(share=0.8).save(again)
    assert main(["compare", files[0], again, "--json"]) == 0
    lead = json.loads(capsys.readouterr().out.splitlines()[-1])["leads"][0]
    assert (lead["first"], lead["other"]) == (f"ours ({files[0]})", f"ours ({again})")


def test_papers_stand_beside_the_same_protocol_only():
    row = published_beside("bigearthnet", {"micro_ap", "batch_ap", "official_batch_ap"})[-1]
    assert row["batch_ap"] == row["official_batch_ap"] == "80.3"
    assert "finetune_batch_ap" not in row
    assert published_beside("fmow", {"vote"}) == published_beside("land cover", {"linear"}) == []


@pytest.mark.parametrize(
    ("files", "more", "words"),
    [
        (["good", "other"], [], "these are results of eurosat and fmow; compare those of one task"),
        (["good", "elsewhere"], [], "were tested on different lists of images"),
        (["good", "poor"], ["--score", "auc"], "has no score 'auc'; it has linear, knn, floor"),
        (["good"], ["--out", "t.xlsx"], "--out wants a file that ends with .md, .csv, .json, got t.xlsx"),
        (["none"], [], "none.json cannot be read"),
    ],
)
def test_results_that_cannot_be_laid_side_by_side(saved, capsys, files, more, words):
    assert main(["compare", *(str(saved / f"{name}.json") for name in files), *more]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
