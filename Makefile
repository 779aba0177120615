# Every target sets up what it needs: a machine with Python 3.11+, pip and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export KAESHI_MODELS_DIR ?= $(CURDIR)/$(VENV)/models

.DEFAULT_GOAL := help
PRISM := @stoplight/prism-cli@5.14.2
AIMOCK := @copilotkit/aimock@1.43.0
OPENAI_JS := openai@7.57.0

.PHONY: help setup demo test test-wire test-clients test-wheel test-train check docs site mutants release lock bench clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(VENV)/.run $(VENV)/.models ## Set up kaeshi and its models in .venv
	@echo "ready: $(BIN)/kaeshi --help"

demo: $(VENV)/.run $(VENV)/.models ## Run the whole loop on simulated customers (about a minute after set-up)
	@$(BIN)/kaeshi demo $(ARGS)

test: $(VENV)/.dev $(VENV)/.models ## Run the test suite
	@$(BIN)/python -m pytest -n auto --maxschedchunk 1 $(ARGS)

test-wire: $(VENV)/.dev $(VENV)/.models $(VENV)/.wire ## Have strangers judge the wire: prism and aimock (needs npm)
	@WIRE_TOOLS=$(CURDIR)/$(VENV)/wire $(BIN)/python -m pytest tests/wire $(ARGS)

test-clients: $(VENV)/.dev $(VENV)/.models $(VENV)/clients/.ready ## Have SDKs and agent frameworks talk to the gateway, each in its own environment (needs npm)
	@CLIENTS=$(CURDIR)/$(VENV)/clients $(BIN)/python -m pytest tests/clients $(ARGS)

test-wheel: $(VENV)/.dev ## Build the wheel, install it into an empty environment, and run the demo there
	@WHEEL=1 $(BIN)/python -m pytest tests/wheel $(ARGS)

test-train: $(VENV)/train/.ready $(VENV)/.models ## Train and serve a small language model with the lora engine (an environment of its own, with torch)
	@$(VENV)/train/bin/python -m pytest tests/train $(ARGS)

check: $(VENV)/.dev ## Format, lint, types, import directions, generated docs and the OpenAPI snapshot
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/.dev ## Generate settings, commands, errors and HTTP pages, and the OpenAPI snapshot
	$(BIN)/python docs/generate.py

site: $(VENV)/site/.ready ## Build the documentation site in ./site (needs no network once set up)
	@NO_MKDOCS_2_WARNING=1 $(VENV)/site/bin/mkdocs build --strict --quiet
	@echo "the site is in site/index.html"

mutants: $(VENV)/.dev $(VENV)/.models $(VENV)/mutants/.ready ## Mutate ROOM (default rules) and count mutants that the tests do not see (hours)
	@$(BIN)/python tools/mutants.py $(or $(ROOM),rules) $(ARGS)

release: $(VENV)/.dev $(VENV)/release/.ready ## Build wheel and sdist, check them, and write an SBOM into dist
	rm -rf dist
	$(VENV)/release/bin/python -m build --outdir dist .
	$(VENV)/release/bin/twine check --strict dist/*
	$(VENV)/release/bin/cyclonedx-py requirements requirements/run.txt --output-file dist/kaeshi.cdx.json

bench: $(VENV)/.dev $(VENV)/.models ## Run the benchmarks on DATA (default ../shared/data)
	$(BIN)/python -m benchmarks.pipeline --data $(or $(DATA),../shared/data) $(ARGS)
	$(BIN)/python -m benchmarks.start

lock: ## Renew the hash-locked requirements (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml requirements/build.in -c requirements/dev.txt -o requirements/run.txt
	for name in site release mutants; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements/$$name.in -o requirements/$$name.txt; done

clean: ## Remove what was set up and what demos made
	rm -rf $(VENV) kaeshi-demo

$(VENV)/.run: requirements/run.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up kaeshi in $(VENV) (once)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e . -e apps/backend
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up kaeshi and its tools in $(VENV) (once)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e . -e apps/backend
	@touch $@ $(VENV)/.run

$(VENV)/.wire: Makefile | $(VENV)/.dev
	@npm install --silent --no-audit --no-fund --no-save --prefix $(VENV)/wire $(PRISM) $(AIMOCK) $(OPENAI_JS)
	@touch $@

$(VENV)/clients/.ready: $(wildcard requirements/clients/*.txt) Makefile | $(VENV)/.dev
	@echo "setting up clients in $(VENV)/clients (once)"
	@for file in requirements/clients/*.txt; do \
	  home=$(VENV)/clients/$$(basename $$file .txt); \
	  test -x $$home/bin/python || $(PYTHON) -m venv $$home; \
	  $$home/bin/python -m pip --disable-pip-version-check --quiet install -r $$file || exit 1; \
	done
	@npm install --silent --no-audit --no-fund --no-save --prefix $(VENV)/clients/openai-js $(OPENAI_JS)
	@touch $@

$(VENV)/train/.ready: requirements/dev.txt requirements/train.txt pyproject.toml src/kaeshi/models/fetch.py
	@test -x $(VENV)/train/bin/python || $(PYTHON) -m venv $(VENV)/train
	@echo "setting up the lora engine in $(VENV)/train (once)"
	@$(VENV)/train/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/dev.txt
	@$(VENV)/train/bin/python -m pip --disable-pip-version-check --quiet install -r requirements/train.txt
	@$(VENV)/train/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e .
	@$(VENV)/train/bin/kaeshi models fetch smollm2
	@touch $@

$(VENV)/.models: src/kaeshi/models/fetch.py | $(VENV)/.run
	@$(BIN)/kaeshi models fetch
	@touch $@

$(VENV)/%/.ready: requirements/%.txt
	@test -x $(VENV)/$*/bin/python || $(PYTHON) -m venv $(VENV)/$*
	@$(VENV)/$*/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@
