# Sixgate. `make demo` and `make test` only need Python with venv, and make.
# The first that runs: a version manager's command may be on the path without its Python.
PYTHON ?= $(shell for minor in 11 12 13; do \
	python3.$$minor -c '' 2>/dev/null && echo python3.$$minor && break; done)
BIN := .venv/bin
UV_VERSION := 0.13.9
# Bytecode is compiled at installation: the stack has many processes that may not write it, and
# each of them would compile its imports.
UV := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python

.PHONY: demo test check up down clean lock help docs bench \
	bench-serving bench-gates bench-guard bench-drift bench-explain bench-fuzz bench-training bench-data \
	bench-use-cases bench-score

help: ## List the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-8s %s\n", $$1, $$2}'

demo: .venv/stack ## Start the stack and run the model lifecycle once, with simulated transactions.
	@$(BIN)/sixgate demo $(if $(USE_CASE),--use-case $(USE_CASE))

up: .venv/stack ## Start the stack.
	@$(BIN)/sixgate up

down: ## Stop the stack and keep its data.
	@if [ -x $(BIN)/sixgate ]; then $(BIN)/sixgate down; fi

clean: ## Stop the stack and remove its data.
	@if [ -x $(BIN)/sixgate ]; then $(BIN)/sixgate down --delete; fi

test: .venv/dev ## Run all tests.
	@./tests/run

check: .venv/dev ## Run the linters, the type checker and the import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

docs: .venv/dev ## Write the generated pages of docs/reference.
	@$(BIN)/python -m docs.generator

bench: ## List the benchmarks; run one with make bench-NAME.
	@echo "make bench-serving   the scoring server's speed, beside mlflow models serve and MLServer"
	@echo "make bench-gates     how often the gates promote challengers that are not better or better"
	@echo "make bench-guard     the false-alarm rate of the guard of a new champion in its first week"
	@echo "make bench-drift     a drift check's cost at ten million rows, and its false-alarm rate"
	@echo "make bench-explain   the cost of explanations: batches, and one row on request"
	@echo "make bench-fuzz      a million valid and invalid requests: how many get a wrong response"
	@echo "make bench-training  quality and cost of training on public data (SIXGATE_PUBLIC_DATA)"
	@echo "make bench-use-cases quality on public files as sixgate new reads them, beside five models at their defaults"
	@echo "make bench-data      one meaning of each value at every door; the speed of ingest; contracts that change"
	@echo "make bench-score     the speed of sixgate score beside bare ONNX Runtime, and its memory up to 5,000,000 rows"

# Their own processes use MLflow's client.
bench-explain bench-training: export MLFLOW_DISABLE_TELEMETRY := true

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

bench-use-cases: .venv/dev
	@$(BIN)/python -m benchmarks.use_cases $(ARGS)

bench-data: .venv/dev
	@$(BIN)/python -m benchmarks.data $(ARGS)

bench-score: .venv/dev
	@$(BIN)/python -m benchmarks.batch_scoring $(ARGS)

lock: .venv/uv ## Resolve requirements/*.in into pinned versions with hashes.
	$(BIN)/python requirements/lock.py

.venv/uv:
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Sixgate needs Python 3.11, 3.12 or 3.13: install one, or set PYTHON=/path/to/it"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/stack: .venv/uv requirements/stack.txt pyproject.toml
	@echo "installing the stack's packages, which takes a few minutes …"
	@$(UV) --no-deps --require-hashes --requirement requirements/stack.txt
	@$(UV) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/stack requirements/dev.txt
	@echo "installing the packages of tests and checks …"
	@$(UV) --no-deps --require-hashes --requirement requirements/dev.txt
	@touch $@
