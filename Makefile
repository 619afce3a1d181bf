.POSIX:
# Needs Python 3.11, git, make and gcc. Everything else is installed into .venv/, from uv.lock, with hashes.

NAME = cdnow
SHARED = ../shared/data
DATA = $(SHARED)/$(NAME)
QUALITY =
PORT = 5000
SYNCED = .venv/.synced
BENCHED = .venv/.benched
BENCH =
# Telemetry, analytics and update checks stay off; stages started by DVC find the same Python.
ENV = env -u PYTHONDONTWRITEBYTECODE PATH="$$PWD/.venv/bin:$$PATH" VIRTUAL_ENV="$$PWD/.venv" \
	DVC_NO_ANALYTICS=true MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true OMP_WAIT_POLICY=passive

.PHONY: help setup run test test-all check bench quality ui example docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(SYNCED) ## install everything into .venv/

$(SYNCED): pyproject.toml uv.lock
	@UV_PROJECT_ENVIRONMENT=.venv .ci/uv sync --frozen --quiet --all-extras --compile-bytecode
	@$(ENV) python -m churnml.flow.compile
	@touch $@

run: $(SYNCED) ## from nothing to retention lists in data/lists/
	@$(ENV) churnml run

test: $(SYNCED) ## the tests that take seconds
	@$(ENV) pytest -m "not slow"

test-all: $(SYNCED) ## every test; installs Debian's postgresql first where it is missing
	@.ci/install-services
	@$(ENV) pytest

check: $(SYNCED) ## style, types, import contracts, lock
	@$(ENV) ruff check .
	@$(ENV) ruff format --check .
	@$(ENV) mypy
	@$(ENV) lint-imports
	@$(ENV) .ci/uv lock --check --quiet

bench: $(BENCHED) ## what is fast and small, beside a bare limit, DuckDB and polars (BENCH="--scale small": to try)
	@$(ENV) python -m benchmarks $(BENCH)

quality: $(SYNCED) ## how good the models are on open data, from a configuration alone (SHARED=folder with the data)
	@$(ENV) python -m benchmarks.quality --data $(SHARED) $(QUALITY)

# The programs to compare with are no part of the set-up; without a network the figures that need them are left out.
$(BENCHED): $(SYNCED)
	@if UV_PROJECT_ENVIRONMENT=.venv .ci/uv sync --frozen --quiet --all-extras --inexact --group bench; then touch $@; else \
		echo "DuckDB and polars could not be installed: the figures beside them are left out" >&2; fi

ui: $(SYNCED) ## the record of trainings on http://127.0.0.1:5000 (PORT=5000)
	@$(ENV) mlflow ui --host 127.0.0.1 --port $(PORT) --workers 1 \
		--backend-store-uri sqlite:///mlflow.db --artifacts-destination mlartifacts

example: $(SYNCED) ## the whole pipeline on real input: make example NAME=cdnow DATA=folder
	@$(ENV) churnml example examples/$(NAME) --data $(DATA)

docs: $(SYNCED) ## the manual in build/docs/index.html, its reference made anew from the code; no network
	@$(ENV) python -m churnml.config.reference > docs/params.md
	@$(ENV) python -m churnml.reference commands > docs/commands.md
	@$(ENV) python -m churnml.reference outputs > docs/outputs.md
	@$(ENV) sphinx-build -q -W --keep-going -b html -d build/doctrees docs build/docs

clean: ## remove caches; data, models and the environment stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov build dist
	@find src tests pipelines -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
