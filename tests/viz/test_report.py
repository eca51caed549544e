import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from test_map_scene import cube_of, embeddings

from seco_lab.viz.charts import ScoreRow, curve_charts, score_chart
from seco_lab.viz.report import write_report

SCORES = (
    ScoreRow("linear probe", "SeCo", 0.823, 0.811, 0.836),
    ScoreRow("linear probe", "untrained", 0.71, 0.69, 0.73, role="untrained"),
    ScoreRow("linear probe", "colour statistics", 0.804, role="floor"),
)


@pytest.fixture
def page(tmp_path):
    data = embeddings()
    curves = {"step": [1, 2, 3], "loss": [3.0, 2.5, 2.0], "top1_z0": [0.1, 0.2, np.nan]}
    meta = {"title": "A <report>", "seed": 7, "credits": "Copernicus"}
    path = write_report(
        tmp_path / "out" / "report.html",
        embeddings=data,
        cube=cube_of(data),
        results=SCORES,
        curves=curves,
        meta=meta,
    )
    return path.read_text()


class Addresses(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.untitled = [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.found += [attrs[name] for name in ("src", "href") if name in attrs]
        if tag == "img" and not attrs.get("alt"):
            self.untitled.append(attrs)
        if tag == "svg" and not attrs.get("aria-label"):
            self.untitled.append(attrs)


def test_nothing_is_fetched_and_everything_has_a_text(page):
    parser = Addresses()
    parser.feed(page)
    assert all(address.startswith(("data:", "#")) for address in parser.found)
    assert not parser.untitled
    assert "default-src 'none'" in page


def test_headline_stands_beside_the_best_rival(page):
    assert "82.3 %" in page
    assert "+1.9 points against colour statistics" in page
    assert "81.1 to 83.6" in page


def test_facts_and_title_are_escaped(page):
    assert "A &lt;report&gt;" in page
    assert "<dt>seed</dt><dd>7</dd>" in page
    assert "Copernicus" in page


def test_embedded_data_cannot_end_the_script(tmp_path):
    data = embeddings(places=2).assign_coords(patch=["</script><b>", "b"])
    text = write_report(tmp_path / "r.html", embeddings=data).read_text()
    raw = re.search(r'id="explorer-data">(.*?)</script>', text, re.DOTALL).group(1)
    assert json.loads(raw)["names"][0] == "</script><b>"


def test_sections_without_content_are_left_out(tmp_path):
    text = write_report(tmp_path / "r.html", embeddings=embeddings().drop_vars(["lon", "lat"])).read_text()
    assert "<h2>How it trained" not in text
    assert "<h2>The plan" not in text
    assert "no lon and lat" in text


def test_no_partial_file_is_left(tmp_path):
    write_report(tmp_path / "r.html", embeddings=embeddings())
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_score_chart_says_all_numbers_in_words():
    chart = score_chart(SCORES)
    assert "linear probe, SeCo: 82.3 % (81.1 to 83.6)" in chart
    assert chart.count("<circle") == 2
    assert chart.count("<path") == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [({"value": 82.3}, "between 0 and 1"), ({"value": 0.8, "role": "best"}, "role must be")],
)
def test_impossible_scores_are_refused(more, words):
    with pytest.raises(ValueError, match=words):
        ScoreRow("linear probe", "SeCo", **more)


def test_curves_need_steps_and_skip_empty_columns():
    with pytest.raises(LookupError, match="need a column 'step'; there are loss"):
        curve_charts({"loss": [1.0]})
    assert "kNN" not in curve_charts({"step": [1, 2], "loss": [2.0, 1.0], "knn": [np.nan, np.nan]})


def test_a_constant_curve_is_drawn():
    assert "nan" not in curve_charts({"step": [1], "lr": [0.0]})


def test_labels_at_the_ends_of_curves_stay_apart_and_inside():
    names = ("top1_all", "top1_season", "top1_augmentation")
    drawn = curve_charts({"step": [1, 2], **{name: [0.9 - 0.4 * i, 0.1] for i, name in enumerate(names)}})
    labels = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*class="end">([^<]+)<', drawn)
    assert [text for *_, text in labels] == ["all 0.1", "season 0.1", "augmentation 0.1"]
    heights = sorted(float(y) for _, y, _ in labels)
    assert all(below - above >= 12.9 for above, below in pairwise(heights))
    assert heights[-1] <= 155, "above the axis"
    assert all(float(x) + 6 * len(text) <= 340 for x, _, text in labels), "within the picture's width"
