# `make help` lists what there is. Nothing here needs an activated virtual environment.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin

# make demo CHAIN=foundry FLOW=flow.jsonl ARGS="--fast"
CHAIN ?= test
FLOW ?=
ARGS ?=
NETWORK_test := ethereum:local:test
NETWORK_foundry := ethereum:local:foundry
NETWORK_anvil := ethereum:local:foundry
NETWORK = $(or $(NETWORK_$(CHAIN)),$(error CHAIN is test, foundry or anvil, not '$(CHAIN)'))

# make test TESTS="tests/unit -k merkle" WORKERS=0
TESTS ?=
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# make bench QUICK=1 ONLY=matching,ring
QUICK ?=
ONLY ?=

# ------------------------------------------------------------------------------------------- using

.PHONY: setup
setup: ## Install everything into this checkout and compile the contracts
	@scripts/setup.sh

.PHONY: environment
environment:
	@scripts/setup.sh --no-compile

.PHONY: build
build: environment ## Compile the contracts
	@$(BIN)/python -m scripts.compile

.PHONY: demo
demo: setup ## Trade, settle and withdraw end to end (CHAIN=test|foundry|anvil, FLOW=file, ARGS=...)
	@$(BIN)/ape run demo --network $(NETWORK) $(if $(FLOW),--flow "$(FLOW)") $(ARGS)

.PHONY: demo-fraud
demo-fraud: setup ## Operators lie, a challenger convicts them, users keep their money (ARGS="--lie margin --mode blob")
	@$(BIN)/ape run demo_fraud --network $(NETWORK_foundry) $(ARGS)

.PHONY: gas
gas: setup ## Measure all techniques and flows, write the report to .build/gas (ARGS="--only ...")
	@$(BIN)/python -m scripts.gas_report $(ARGS)

.PHONY: bench
bench: environment ## Measure speed, write docs/reference/benchmarks.md (QUICK=1, ONLY=matching,ring)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(ARGS)

# ----------------------------------------------------------------------------------------- checking

.PHONY: test
test: setup ## Check everything: linters, types, tests (TESTS="tests/unit -k merkle", WORKERS=0)
	@$(MAKE) lint types
	@$(PYTEST) -n $(WORKERS) --dist loadfile $(TESTS)

.PHONY: lint
lint: environment ## Check style, formatting and the order of imports
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

.PHONY: types
types: environment ## Check types
	@$(BIN)/mypy

.PHONY: format
format: environment ## Format the Python code and sort its imports
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: fuzz
fuzz: setup ## Run the property and differential tests with far more examples (COMMANDS=1000000, FIRST=0)
	@HYPOTHESIS_PROFILE=fuzz $(PYTEST) -n $(WORKERS) tests/property tests/differential \
		tests/e2e/test_kill.py tests/e2e/test_kill_core.py tests/e2e/test_processes.py $(ARGS)
	@$(BIN)/python -m tests.support.fuzz --commands $(or $(COMMANDS),1000000) --first $(or $(FIRST),0)

.PHONY: mutants
mutants: setup ## Plant faults in the contracts, see that tests notice each (ARGS="--only Vault --every 10")
	@$(BIN)/python -m tests.mutants $(ARGS)

.PHONY: engines
engines: environment ## Install the engines that the gas lab is compared with
	@$(BIN)/python -m gaslab.crosscheck install

.PHONY: crosscheck
crosscheck: setup engines ## Compare the gas lab with every engine; takes half an hour (ARGS=...)
	@$(BIN)/python -m tests.gaslab.crosscheck.product .build/crosscheck/product.jsonl
	@$(BIN)/python -m gaslab.crosscheck check --write \
		--scenarios .build/crosscheck/product.jsonl $(ARGS)

.PHONY: analyze
analyze: environment ## Ask slither, prove with halmos, plant faults (ARGS="halmos --match ring")
	@$(BIN)/python -m scripts.analyze $(ARGS)

# ------------------------------------------------------------------- updating what is committed

.PHONY: gas-update
gas-update: setup ## Write the gas snapshot and the documentation's tables of gas anew
	@$(PYTEST) tests/gas --gaslab-update -n $(WORKERS) --dist loadfile
	@$(BIN)/python -m gaslab.report.tables --write

.PHONY: layout-update
layout-update: environment ## Write the snapshots of storage layout and code size anew
	@$(BIN)/python scripts/storage_layout.py --write tests/layout/snapshots

.PHONY: analysis-update
analysis-update: environment ## Write the page on static analysis anew, from the triage and the proofs
	@$(BIN)/python -m scripts.analyze page

.PHONY: vectors-update
vectors-update: setup ## Write the test vectors anew
	@$(BIN)/python -m tests.vectors.generate

.PHONY: crosscheck-update
crosscheck-update: environment engines ## Write anew what the engines say of random transactions
	@$(BIN)/python -m gaslab.crosscheck update

.PHONY: lock
lock: environment ## Resolve requirements.in and package.json into the lock files
	@UV_SYSTEM_CERTS=true $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-header --no-emit-index-url requirements.in -o requirements.lock
	@npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

# ----------------------------------------------------------------------------------------- cleaning

.PHONY: clean
clean: ## Remove build output, reports and caches
	@rm -rf .build out .cache contracts/.cache .toolchain/forge-out .toolchain/forge-cache
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . \( -path ./.venv -o -path ./node_modules -o -path ./.git \) -prune -o \
		-type d -name __pycache__ -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove the environment too
	@rm -rf .venv node_modules .toolchain
