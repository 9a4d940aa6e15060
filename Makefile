# Every command for this repository. Each target sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
# Without compiled modules, each program that is started compiles all that it loads.
unexport PYTHONDONTWRITEBYTECODE
YES := $(if $(shell [ -t 0 ] || echo no),--yes,)

help: ## show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: tools venv ## install tmux, git, a Docker engine and a virtual environment where they are missing

tools:
	@bash scripts/setup.sh $(YES)

tools-of-tests:
	@bash scripts/setup.sh $(YES) --tests

venv: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -m venv .venv
	@# The lock is complete; with --no-deps an older pip does not look for newer versions of what has extras.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

demo: setup ## plan, delegate, review and merge on a sample repository, with the offline agent
	@$(BIN)/orchestra demo $(if $(shell [ -t 0 ] && [ -t 1 ] && echo yes),,--play)

check: venv ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: tools-of-tests setup check ## every check and every test, containers included
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=10 $(ARGS)

test-agents: tools-of-tests setup ## every agent in every situation, with a hundred messages while idle and a hundred while working
	ORCHESTRA_TEST_AGENTS=all ORCHESTRA_TEST_MESSAGES=100 $(BIN)/python -m pytest tests/contract tests/agents tests/journeys/test_best_of_three.py $(ARGS)

chaos: tools-of-tests setup ## kill every action at its outside effects, a thousand times
	$(BIN)/python -m tests.chaos --kills 1000 --containers $(ARGS)

soak: tools-of-tests setup ## twenty working sessions for half an hour; nothing may grow
	$(BIN)/python -m tests.soak $(ARGS)

storm: venv ## 10,000 messages between 20 sessions while the service is killed 20 times
	$(BIN)/python -m tests.storm.storm $(ARGS)

wild: venv ## what people do to a repository, in a hundred random orders
	ORCHESTRA_TEST_WILD=100 $(BIN)/python -m pytest tests/process/test_the_wild.py $(ARGS)

histories: venv ## merges, undos and kills in 10,000 random orders; main is never red, nothing is lost
	$(BIN)/python -m tests.histories $(ARGS)

bench: setup ## compare Orchestra with the raw work, row by row
	$(BIN)/python -m benchmarks $(ARGS)

screenshots: setup ## make the README's pictures from the demo in a real tmux
	$(BIN)/python scripts/screenshots.py

docs: venv ## write the README's tables from the code
	$(BIN)/python -m scripts.readme

lock: venv ## pick the newest versions that pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --generate-hashes --extra dev \
		--no-emit-index-url --no-annotate pyproject.toml --output-file requirements.lock

.PHONY: help setup tools tools-of-tests venv demo check test test-agents wild chaos histories soak storm bench screenshots docs lock
