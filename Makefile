# Every target sets up what it needs in a fresh clone: Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo check format test test-long reliability attacks fuzz conformance audit-proof audit-pages bench screens clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=...)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[mcp]' --group dev
	@touch $@

demo: $(READY)  ## Tell the whole story on this machine, without a network
	@$(BIN)/mcp-vacuum demo

check: $(READY)  ## Format, lint, types, import arrows, and the tests of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

format: $(READY)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(READY)  ## All tests but the long ones and those of `make check`, two at a time (at most 6 minutes)
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not long" --ignore tests/house

test-long: $(READY)  ## Storms, foreign servers, conformance (at most 40 minutes)
	$(BIN)/python -m pytest -q -m long tests/reliability
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m long --ignore tests/conformance --ignore tests/reliability
	@$(BIN)/python -m tests.conformance.run

reliability: $(READY)  ## Make every fault, and write docs/reliability.md from that run
	$(BIN)/python -m pytest -q -m fault --reliability=write

attacks: $(READY)  ## Attack it: each attack with its defence, which holds, and without, which does not
	@$(BIN)/python -m tests.attacks

fuzz: $(READY)  ## Try the parsers with anything, for 10 minutes (SECONDS=600)
	@$(BIN)/python -m tests.fuzz $(or $(SECONDS),600)

conformance: $(READY)  ## Judge tests/conformance/client.py by the official MCP conformance suite
	@$(BIN)/python -m tests.conformance.run

audit-proof: $(READY)  ## Recall and false alarms of the audit over planted flaws
	@$(BIN)/python -m tests.audit.proof

audit-pages: $(READY)  ## Write docs/audits, a page for each rule, from the rules
	@$(BIN)/python docs/generate_audits.py

bench: $(READY)  ## Measure, beside the peers and the limit
	$(BIN)/python -m benchmarks

screens: $(READY)  ## Capture the pictures of docs/screens anew
	$(BIN)/python docs/screens/capture.py
	$(BIN)/python docs/screens/audit.py

clean:  ## Remove what these targets made
	rm -rf $(VENV) .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
