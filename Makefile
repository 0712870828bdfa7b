# The one door to every task; `make` alone lists them. Nothing is installed outside this folder.
.DEFAULT_GOAL := help
.PHONY: help setup setup-test run test lint docs bench sim torture torture-long up clean

DUEBOOK_PORT ?= 8080
ARGS ?=
BIN := .venv/bin

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' Makefile

setup: ## prepare .venv; PYTHON=... names the interpreter
	@sh deploy/setup.sh

setup-test:
	@sh deploy/setup.sh test

run: setup ## run all of Duebook on this machine, on port 8080 or DUEBOOK_PORT; Ctrl-C stops it
	@$(BIN)/duebook up --port $(DUEBOOK_PORT) $(ARGS)

test: setup-test ## run every test on real servers; ARGS="services/ledger -k reversal" picks some
	@$(BIN)/python -m pytest $(ARGS); code=$$?; \
	if [ $$code -eq 0 ]; then echo "make test: passed"; else echo "make test: FAILED"; fi; exit $$code

lint: setup-test ## check style, formatting, import contracts and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy shared services embedded console

docs: setup-test ## write the generated pages anew: OpenAPI, events, problems, permissions, posting rules
	@$(BIN)/python -m tests.house.export
	@$(BIN)/python -m services.ledger.rules_page

bench: setup-test ## measure against the targets
	@$(BIN)/python -m bench $(ARGS)

sim: setup-test ## ten thousand seeded runs of the whole system in one process; ARGS="--seed 7" replays one
	@$(BIN)/python -m tests.simulation --seeds 10000 --processes 2 $(ARGS)

torture: setup-test ## break real processes under load for about four minutes; ARGS="--seed 7" repeats a plan
	@$(BIN)/python -m tests.torture $(ARGS)

torture-long: setup-test ## the same with 50,000 operations and 201 faults over three seeds, in about an hour
	@$(BIN)/python -m tests.torture long $(ARGS)

up: ## run every service in its own container, with RabbitMQ
	@python3 deploy/make_secrets.py
	docker compose up --build

clean: ## remove .venv, caches and builds; the data in .duebook stay
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . \( -name .git -o -name .duebook \) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
