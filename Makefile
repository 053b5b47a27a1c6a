# Two commands: `make quickstart` and `make test`. Each makes .venv from the lock file first if it is not there.
PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
MARK := not slow
# Tests run side by side, in as many processes as suit two cores; WORKERS=0 runs them in one. One that hangs fails, by its name:
# the longest takes about 150 seconds.
WORKERS ?= 2
SIDE_BY_SIDE = --numprocesses $(WORKERS) --dist worksteal --timeout 900 --benchmark-disable --durations=15
UV_INSTALL := VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/uv pip install --quiet

# `make CPU=1 ...`: PyTorch's CPU builds, of the locked versions. They have other hashes than the lock's, so that none is checked;
# as constraints, the lock's packages for CUDA are not asked for.
CPU ?=
ifeq ($(CPU),)
SIZE := about 6 GB with PyTorch's CUDA build; CPU=1 takes its CPU build
INSTALL = $(UV_INSTALL) --compile-bytecode --require-hashes -r requirements.lock && $(UV_INSTALL) --no-deps --no-build-isolation -e .
else
SIZE := PyTorch's CPU build, no hashes checked
INSTALL = $(UV_INSTALL) --compile-bytecode --torch-backend cpu --no-verify-hashes --constraint requirements.lock -e ".[dev]"
endif

.PHONY: help quickstart test test-all coverage check size lock clean

help:  ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

quickstart: .venv/ready  ## Run the whole experiment in miniature, without a network; minutes on two cores
	@test -e .git || { echo "==> No .git here (a ZIP download?): DVC does without it"; $(BIN)/dvc config --local core.no_scm true; }
	@echo "==> dvc repro quickstart/dvc.yaml: data, training, throughput and report, on digits that scikit-learn ships"
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro quickstart/dvc.yaml
	@echo "==> Done: quickstart/reports/index.html, and summary.md beside it"

test: .venv/ready  ## Run the tests but for the slow ones
	@echo "==> pytest, without the tests marked slow (make test-all runs them too)"
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest $(SIDE_BY_SIDE) -m "not slow"

test-all: .venv/ready  ## Run every test
	PATH="$(CURDIR)/$(BIN):$$PATH" pytest $(SIDE_BY_SIDE)

coverage: .venv/ready  ## Measure which lines the tests run, but for the slow ones (MARK= for all), with their subprocesses
	$(BIN)/coverage erase
	PATH="$(CURDIR)/$(BIN):$$PATH" coverage run -m pytest $(SIDE_BY_SIDE) -m "$(MARK)"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: .venv/ready  ## Lint, types, spelling, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/typos
	$(BIN)/lint-imports

.venv/ready: requirements.lock pyproject.toml
	@echo "==> Making .venv from requirements.lock ($(SIZE))"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(INSTALL)
	@touch $@
	@echo "==> .venv is ready; 'source .venv/bin/activate' makes dvc, resnet and pytest plain commands"

size:  ## Print lines of Python by room, and words of docs, beside their budgets
	@$(PYTHON) .ci/size.py

lock: .venv/ready  ## Resolve pyproject.toml's dependencies anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra dev --upgrade pyproject.toml -o requirements.lock

clean:  ## Remove the environment
	rm -rf .venv
