# Every target makes the environment first when it is missing or out of date; --no-compile halves the time, and
# Python compiles what is imported anyhow. rfc3987-syntax, an optional part of jsonschema, builds its grammar at every
# import: without it JupyterLab and the first map come three seconds sooner, and nothing here needs what it checks.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Extra words for pip, e.g. PIP_ARGS="--index-url URL" for a wheel house or a CPU-only build of torch.
PIP_ARGS ?=

.PHONY: help demo test check lab bench notebooks clean
help:
	@echo "make demo       the whole path offline: places, cube, training, probe, map"
	@echo "make test       all tests"
	@echo "make check      lint, format, fast tests, notebooks fresh"
	@echo "make lab        JupyterLab on notebooks/"
	@echo "make notebooks  build the .ipynb files from notebooks/src"
	@echo "make bench      run bench/ and write docs/benchmarks.md"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else "seco_lab needs Python 3.11 or later, $(PYTHON) is %d.%d: make PYTHON=python3.11 ..." % v[:2])'
	@echo "installing into $(VENV); the first time this takes some minutes, in silence"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --no-compile $(PIP_ARGS) -c constraints.txt torch
	$(BIN)/python -m pip install -q --no-compile $(PIP_ARGS) -c constraints.txt -e ".[lab,stac,cluster,umap,index,onnx,dev]"
	$(BIN)/python -m pip uninstall -q -y rfc3987-syntax
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m seco_lab demo --out data/work/demo

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/notebooks.py --check
	$(BIN)/python -m pytest -n logical --dist worksteal

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/notebooks.py --check
	$(BIN)/python -m pytest -m "not slow and not browser and not notebook"

lab: $(STAMP)
	$(BIN)/jupyter lab notebooks

notebooks: $(STAMP)
	$(BIN)/python tools/notebooks.py

bench: $(STAMP)
	$(BIN)/python tools/bench.py

clean:
	rm -rf $(VENV) data/work build *.egg-info
