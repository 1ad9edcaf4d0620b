# `make` lists the targets. PYTHON=/path/to/python chooses the interpreter for a new .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
FUZZ_SECONDS := 60

.PHONY: help demo deps dev test soak check format docs screenshots bench bench-compare constraints docker-up docker-logs docker-down clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## set up and show a live page on simulated shop data
	@tools/setup.sh run
	@$(BIN)/datawatch demo

deps: ## set up .venv with everything that development needs
	@tools/setup.sh dev

dev: deps ## serve ./datawatch.duckdb on this machine
	@$(BIN)/datawatch serve

test: deps ## run all tests and doctests; names what was skipped and why
	@$(BIN)/python tools/chromium.py --install
	@tools/services.sh
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

soak: deps ## run the tests that take minutes: kills, long histories, any order, fuzzing
	@tools/services.sh
	@$(BIN)/python -m pytest --soak tests/alerts tests/e2e tests/engine tests/fuzz tests/ingest tests/jupyter tests/reports
	@$(BIN)/python -m tests.fuzz all --seconds $(FUZZ_SECONDS)

check: deps ## lint, formatting, types, import rule
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_imports.py

format: deps ## format the code and fix what can be fixed without thought
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

docs: deps ## check that docs/ names every setting, command and route, and its links
	@$(BIN)/python -m pytest -q tests/test_docs.py

screenshots: deps ## pictures of every page, light, dark and on a phone, into screenshots/
	@$(BIN)/python tools/chromium.py --install
	@$(BIN)/python tools/screenshots.py

bench: deps ## measure everything; results in bench-results/<commit>.json; SCENARIOS="…" chooses
	@$(BIN)/python -m benchmarks run $(SCENARIOS) \
		--json bench-results/$$(git rev-parse --short HEAD 2>/dev/null || echo unknown).json

bench-compare: deps ## two results side by side; A=<commit or file> B=<commit or file>
	@$(BIN)/python -m benchmarks compare "$(A)" "$(B)"

constraints: ## pin the ranges of pyproject.toml anew in constraints.txt (needs uv)
	@UV="$(UV)" tools/constraints.sh

docker-up: ## build and start the server in Docker; PROFILES="postgres redis" adds parts
	@docker compose $(addprefix --profile ,$(PROFILES)) up --build --detach

docker-logs: ## follow the log of the server in Docker
	@docker compose logs --follow datawatch

docker-down: ## stop the server in Docker and all its parts; data stays
	@docker compose --profile '*' down

clean: ## remove .venv, caches and build results; no workspace is touched
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
