# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
export OMP_WAIT_POLICY := passive

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint types imports check lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(STAMP)  ## build .venv

# Resemblyzer's declared dependencies need a compiler; its network and weights do not, so it comes without them.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, this is {sys.version}"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps resemblyzer
	@touch $@

demo: $(STAMP)  ## train, speak and score sad_transfer on the embedded corpus, then say where the report is
	$(BIN)/python train.py experiment=sad_transfer

test: $(STAMP)  ## everything that must hold: lint, types, import contract, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest

test-slow: $(STAMP)  ## the tests that take minutes
	$(BIN)/python -m pytest -m "slow or nightly"

lock:  ## write constraints.txt anew (needs uv)
	(echo "# Every version, pinned: make lock writes this file; use it with pip's -c."; \
	 uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra cluster --extra serve \
	    pyproject.toml --no-annotate --no-header; echo "resemblyzer==0.1.4") > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean:  ## remove what the commands above built (not runs/)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
