# One command each. Everything is installed into .venv by the first of them; nothing else is needed but
# Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := src tests benchmarks examples docs/house.py docs/overview.py $(wildcard docs/learn/*.py) docs/learn/drawing docs/site

.PHONY: help install demo quick test package release-check newest check lint format types unit coverage doctest readme docs bench bench-quality fuzz clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(READY)  ## the set-up alone: .venv with every extra that the tests need

# torch first and by name: left open it pulls gigabytes of CUDA packages.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("convae needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (set PYTHON=...)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

demo: install  ## fit, measure and look at an autoencoder of handwritten digits, offline
	$(BIN)/convae demo

MATTER_MOST := tests/test_imports.py tests/config tests/metrics tests/networks tests/training tests/filesystem tests/cli/test_settings.py tests/cli/test_start_up.py
quick: install lint types  ## lint, types and the tests that matter most, in about two and a half minutes on two cores
	$(BIN)/pytest -n auto --dist loadfile -q $(MATTER_MOST) -m "not slow"

test: install lint types unit doctest readme package  ## everything that CI runs

lint: install  ## format and lint
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

format: install  ## rewrite the files as lint wants them
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

types: install  ## the type checker over source, tests and benchmarks
	$(BIN)/mypy

unit: install  ## the tests, warnings as errors
	$(BIN)/pytest -n auto --dist loadfile

coverage: install  ## the tests, with the part of the source that they run, a file a line
	$(BIN)/pytest -q -n auto --dist loadfile --cov=convae --cov-report=term:skip-covered --durations=25

doctest: install  ## the examples in the docstrings
	$(BIN)/pytest -p no:xdist --doctest-modules src

readme: install docs  ## the commands in the README, one after the other
	$(BIN)/python tests/readme.py README.md

docs: install  ## the documentation: every link, command and Python example is checked, the site is built
	$(BIN)/python tests/documents.py README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs docs/learn
	$(BIN)/python -m docs.site.build

# Not named `build`: a target of that name would be the folder.
package: install  ## the wheel and the source archive, their contents; both are installed in an empty environment
	rm -rf dist build
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/python tests/release/archives.py dist
	$(PYTHON) -m venv build/empty
	build/empty/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	build/empty/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/convae-*.whl
	cd build && empty/bin/convae demo --quiet --out demo
	build/empty/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall -c constraints.txt dist/convae-*.tar.gz
	cd build && empty/bin/convae info demo/digits.convae

release-check: install package  ## what docs/releasing.md asks for before a release: version, date, archives, a clean tree
	$(BIN)/pytest -q tests/release tests/storage/test_old_models.py
	$(BIN)/python tests/release/ready.py

NEWEST ?= $(shell for v in 3.14 3.13 3.12; do for p in python$$v $$HOME/.pyenv/versions/$$v.*/bin/python; do "$$p" -c '' 2>/dev/null && { echo "$$p"; exit; }; done; done)
# Not a part of `test`: for Pythons other than that of .venv the index may offer torch with CUDA alone, gigabytes.
newest: install  ## the tests that matter most on the newest Python at hand
ifeq ($(NEWEST),)
	@echo "newest: there is no Python newer than that of .venv here; skipped"
else
	$(NEWEST) -m venv build/newest
	build/newest/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	build/newest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	build/newest/bin/python -m pytest -n auto --dist loadfile -q $(MATTER_MOST) -m "not slow"
endif

SPEED ?= all
bench: install  ## how fast, beside PyTorch, Keras and Pythae (long; make bench SPEED="train --quick" for a part)
	$(BIN)/python benchmarks/speed.py $(SPEED)

bench-quality: install  ## how good: the other figures of benchmarks/RESULTS.md (long)
	$(BIN)/python benchmarks/quality.py all

FUZZ ?= --cpu-seconds 600
fuzz: install  ## damaged and hostile inputs for every reader (make fuzz FUZZ="tiff --cpu-seconds 60" for a part)
	$(BIN)/python benchmarks/fuzz.py $(FUZZ)

clean:  ## remove what make made
	rm -rf $(VENV) build dist convae-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/.peers benchmarks/.work
