# Needs Python 3.11 to 3.14, git, make and the network on first use; everything else is set up in .venv/.
# PYTHON=/path/to/python3 chooses the Python that .venv/ is made with; ARGS="…" is passed on.
.DEFAULT_GOAL := help
.PHONY: help run test check bench schema proto lock clean check-lint check-format check-types check-imports

export PYTHON
# Seconds once, at set-up, instead of at the first start and, where Python may not write, at each.
export UV_COMPILE_BYTECODE = 1
# Pyright: the Node.js that is locked with it, and no question to a registry about newer versions.
export PYRIGHT_PYTHON_GLOBAL_NODE = 0
export PYRIGHT_PYTHON_IGNORE_WARNINGS = 1

BIN := .venv/bin
SETUP := pyproject.toml uv.lock scripts/uv

help:  ## List these recipes
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: .venv/.run-ready  ## Set up everything and run deepguard: make run ARGS="--config my.yaml --port 8000"
	@$(BIN)/deepguard run $(ARGS)

test: .venv/.test-ready  ## Set up everything and run the tests: make test ARGS="-k policy"
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

check: check-lint check-format check-types check-imports  ## Lint, format, types and the direction of imports

bench: .venv/.test-ready  ## Measure what deepguard costs: make bench ARGS="due notify"
	@$(BIN)/python -m bench $(ARGS)

schema: .venv/.test-ready  ## Write config/deepguard.schema.json anew
	@$(BIN)/deepguard schema --output config/deepguard.schema.json

proto: .venv/.test-ready  ## Generate the protobuf code from proto/ anew
	@$(BIN)/python proto/generate.py

lock:  ## Renew uv.lock after a change of dependencies: make lock ARGS="--upgrade"
	@scripts/uv lock $(ARGS)

clean:  ## Remove everything that was set up or built
	rm -rf .venv .uv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

check-lint: .venv/.test-ready
	@$(BIN)/ruff check

check-format: .venv/.test-ready
	@$(BIN)/ruff format --check

check-types: .venv/.test-ready
	@$(BIN)/pyright --pythonpath $(BIN)/python

check-imports: .venv/.test-ready
	@$(BIN)/lint-imports --no-logo

# --inexact: what `make test` installed stays, and so do plugins that somebody installed.
.venv/.run-ready: $(SETUP)
	@scripts/uv sync --locked --no-dev --inexact
	@touch $@

.venv/.test-ready: $(SETUP)
	@scripts/uv sync --locked --inexact
	@touch $@ .venv/.run-ready
