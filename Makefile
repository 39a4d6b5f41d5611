# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Each makes the environment that it needs, in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo run test test-programs test-parts campaign check bench images docs clean

demo: $(VENV)/.run   ## the agent and the simulated broker, a minute before the bell
	$(BIN)/openbell demo $(ARGS)

run: $(VENV)/.run    ## the agent with agent.toml
	$(BIN)/openbell run $(ARGS)

test: $(VENV)/.dev   ## the tests, with branch coverage; those of whole programs beside all the others
	$(BIN)/coverage erase
ifeq ($(ARGS),)
	$(MAKE) --no-print-directory --keep-going --jobs=2 test-programs test-parts
else
	$(BIN)/coverage run -m pytest $(ARGS)
endif
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --format=total | xargs -I{} echo "branch coverage: {} %"

# They wait for sockets, clocks and browsers most of the time, and so leave room for each other.
test-programs: $(VENV)/.dev
	$(BIN)/coverage run -m pytest -p no:cacheprovider tests/e2e

test-parts: $(VENV)/.dev
	$(BIN)/coverage run -m pytest --ignore=tests/e2e

campaign: $(VENV)/.dev ## kills at every point of a notice's way, thirty times each, at syncs and at random; bad disks and power cuts; three agents on one database; forty minutes
	OPENBELL_CAMPAIGN=30 $(BIN)/python -m pytest tests/campaign $(ARGS)

check: $(VENV)/.dev  ## lint, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## the figures in benchmarks/README.md
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

images: $(VENV)/.dev ## the pictures in docs/images
	$(BIN)/python docs/images/make.py

docs: $(VENV)/.dev   ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.run
