"""What a newcomer gives by mistake: one sentence each, and no file that was there is lost."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from labelled import SPEC, counts, plain_cube, tiny_encoder

from seco_lab.checkpoints import save_encoder
from seco_lab.cli import main
from seco_lab.embeddings import embed_to
from seco_lab.places import AroundCities, plan_places, save_plan
from seco_lab.store import save_cube


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of good files and bad ones, shared: nothing here may change it."""
    root = tmp_path_factory.mktemp("made")
    cube = plain_cube(counts(2, 1, 3, 32))
    save_cube(cube, root / "cube.zarr")
    save_cube(cube.isel(patch=[]), root / "none.zarr")
    save_encoder(root / "encoder.pt", tiny_encoder(), SPEC)
    (root / "run").mkdir()
    shutil.copy(root / "encoder.pt", root / "run" / "checkpoint.pt")
    embed_to(tiny_encoder(), cube, SPEC, root / "e.parquet", device="cpu", progress=False)
    save_plan(plan_places(2, AroundCities(), seed=0), root / "plan.parquet")
    (root / "points.csv").write_text("name,lon,lat\na,2.5,48\n")
    (root / "text.parquet").write_text("text")
    (root / "a folder é").mkdir()
    (root / "link.zarr").symlink_to("nowhere")
    return root


def contents(root):
    return {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file()}


EMBED, AREA = (
    "embed cube.zarr --weights encoder.pt --out ",
    "area cube.zarr --patch p0000 --weights encoder.pt ",
)
GATHER = "--seasons 1 --size-px 16 --bands rgb --out "


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("embed none.zarr --weights encoder.pt --out x.parquet", "the cube has no patches"),
        (EMBED + "text.parquet", "text.parquet is there and is no table of embeddings"),
        (EMBED + "plan.parquet", "plan.parquet is there and is no table of embeddings"),
        (EMBED + "FOLDER", "a file is wanted, a folder é is a folder"),
        (EMBED + "EMPTY", "argument --out: a value is wanted, got an empty text"),
        ("embed EMPTY --weights encoder.pt --out x.parquet", "argument CUBE: a value is wanted"),
        ("area none.zarr --weights encoder.pt --out x.tif", "none.zarr is a cube without patches"),
        (AREA + "--offset remove --out x.tif", "--offset means nothing here: it belongs to a GeoTIFF"),
        (AREA + "--file-bands B02 --out x.tif", "--file-bands means nothing here"),
        (AREA + "--out points.csv/x.tif", "points.csv is a file, and no folder"),
        (AREA + "--window-px 32 --out x.tif --rgb points.csv/y.tif", "points.csv is a file, and no folder"),
        ("explore e.parquet --out e.parquet", "wanted a name ending in .html for the page"),
        ("weights export encoder.pt encoder.pt", "is a file that is read; choose a new one"),
        ("weights export run run/checkpoint.pt", "is a file that is read; choose a new one"),
        ("weights export encoder.pt points.csv/x.pt", "points.csv is a file, and no folder"),
        (
            "probe eurosat --weights random --data cube.zarr --out points.csv/x.json",
            "is a file, and no folder",
        ),
        ("pretrain cube.zarr --method moco --out points.csv/run", "points.csv is a file, and no folder"),
        ("weights doctor run --data cube.zarr --out run/checkpoint.pt", "is a file that is read"),
        ("plan --places 1 --sampler plan.parquet --out plan.parquet", "is a file that is read"),
        ("gather points.csv " + GATHER + "x.zarr", "points.csv is no plan .* --sampler makes one"),
        ("gather plan.parquet " + GATHER + "link.zarr", "link.zarr is a link to nowhere, which is not there"),
        ("gather - --out x.zarr", "name it with --source"),
        ("gather - --source cube.zarr --out x.zarr", "is a Zarr store already: use it as it is"),
    ],
)
def test_a_sentence_and_nothing_lost(line, words, made, monkeypatch, capsys):
    monkeypatch.chdir(made)
    before = contents(made)
    args = [{"EMPTY": "", "FOLDER": "a folder é"}.get(word, word) for word in line.split()]
    try:
        code = main(args)
    except SystemExit as refused:  # what the parser itself refuses
        code = refused.code
    assert code == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(words, said), said
    assert contents(made) == before


def test_nobody_listens_to_the_answer():
    """As in ``seco-lab ... --json | head -0``."""
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        "import sys, seco_lab.cli as cli; cli._run = lambda args: {'places': 1}\n"
        "sys.exit(cli.main(['plan', '--places', '1', '--out', 'p.parquet', '--json']))"
    )
    run = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert run.returncode == 0
    assert "Error" not in run.stderr
