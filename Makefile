# Sixgate. `make demo` and `make test` need Python 3.11, venv and make, and nothing else.
PYTHON ?= python3.11
BIN := .venv/bin
UV_VERSION := 0.13.9
# Compiled at once: a stack is many processes, and each would compile what it imports where bytecode is not kept.
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python

.PHONY: demo test check up down clean bench bench-serving bench-gates bench-training bench-guard bench-drift bench-explain bench-fuzz lock help

help: ## Show what there is to make.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-8s %s\n", $$1, $$2}'

demo: .venv/stack ## Start the stack and tell the whole story; leaves the stack running.
	@$(BIN)/sixgate demo

up: .venv/stack ## Start the stack.
	@$(BIN)/sixgate up

down: ## Stop the stack; its data stays.
	@if [ -x $(BIN)/sixgate ]; then $(BIN)/sixgate down; fi

clean: ## Stop the stack and remove its data.
	@if [ -x $(BIN)/sixgate ]; then $(BIN)/sixgate down --delete; fi

test: .venv/dev ## Run every test, and report coverage.
	@./tests/run

check: .venv/dev ## Lint, types, import direction.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

bench: ## Each benchmark is a target of its own: make bench-NAME.
	@echo "make bench-serving   the scoring server beside the limit of its framework, mlflow models serve and MLServer"
	@echo "make bench-gates     how often the gates promote what is no better, and what is"
	@echo "make bench-guard     how often a week of looks accuses a new champion that keeps its promise"
	@echo "make bench-drift     what a drift check costs at ten million rows, and how often it cries when nothing happened"
	@echo "make bench-explain   what explaining logged predictions costs beside the booster's own code, and one row at once"
	@echo "make bench-fuzz      how many of a million good and wrong requests are not answered as they should be"
	@echo "make bench-training  what training finds on public data (SIXGATE_PUBLIC_DATA), and what it costs beside one bare fit"

bench-serving: .venv/dev
	@$(BIN)/python -m benchmarks.serving $(ARGS)

bench-gates: .venv/dev
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.gates $(ARGS)

bench-guard: .venv/dev
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.guard $(ARGS)

bench-drift: .venv/dev
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.drift $(ARGS)

bench-explain: .venv/dev
	@$(BIN)/python -m benchmarks.explain $(ARGS)

bench-fuzz: .venv/dev
	@$(BIN)/python -m benchmarks.fuzz $(ARGS)

bench-training: .venv/dev
	@$(BIN)/python -m benchmarks.training $(ARGS)

lock: .venv/uv ## Resolve requirements/*.in anew into hashed pins.
	$(BIN)/python requirements/lock.py

.venv/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Sixgate needs Python 3.11: install it, or name it with PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/stack: .venv/uv requirements/stack.txt pyproject.toml
	@echo "installing the stack's packages …"
	@$(UV) --no-deps --require-hashes --requirement requirements/stack.txt
	@$(UV) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/stack requirements/dev.txt
	@echo "installing what tests and checks need …"
	@$(UV) --no-deps --require-hashes --requirement requirements/dev.txt
	@touch $@
