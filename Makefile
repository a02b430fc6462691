# One word for each thing; `make` alone lists them.
# Stamps (.stamps/) make second runs quick; `make reset` puts the tree back to a fresh clone.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Debian's Python where it will do: it is what installed hosts run, and it is built for speed.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo /usr/bin/python3 || echo python3)
BIN := .venv/bin
RUN := $(CURDIR)/$(BIN)
STAMPS := .stamps
# The database of the console's tests: sqlite or postgresql.
DB ?= sqlite
T ?= $(if $(filter sqlite,$(DB)),tests,tests/console tests/journeys)
# Twice the cores: what plays real programs waits more than it computes.
J ?= $(shell echo $$((2 * $$(nproc))))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- What people use ----

.PHONY: demo demo-check
demo: venv assets ## the whole world on this machine, with printed next steps
	$(RUN)/bedside demo

demo-check: venv assets ## the whole journey unattended with the real OpenSSH; exit 0 or what failed
	$(RUN)/bedside demo check

# ---- What developers use ----

.PHONY: test check messages fmt bench docs pictures measure fuzz chaos machines reset
test: system venv scan assets ## the tests; T=PATH for some of them, J=N processes, DB=postgresql
	@$(RUN)/python -m compileall -q src tests
	BEDSIDE_TEST_DATABASE=$(DB) $(RUN)/python -m pytest -n $(J) $(T)

check: system ## all that CI asks: format, lint, types, walls, catalogues, docs, tests
	@$(MAKE) -j 2 venv scan assets
	@tools/check

messages: venv ## add new sentences to the French catalogues, and list what waits for a translation
	@$(RUN)/python -m tools.catalogues update
	@$(RUN)/python -m tools.catalogues compile

fmt: venv ## format and fix what can be fixed
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

bench: venv system ## one benchmark: B=NAME; prints "name value unit" lines
	@$(RUN)/python -m tools.bench $(B)

docs: venv ## the documentation, in docs/_build/html
	$(RUN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

pictures: venv system assets ## take the documentation's pictures of the pages anew
	$(RUN)/python -m tests.console.pages.pictures

measure: venv ## the sizes of STYLE: printed, never refused
	@$(RUN)/python -m tools.measure

FUZZ_SECONDS = $(or $(S),60)
fuzz: venv ## feed one parser what nobody would send: F=NAME, S=SECONDS
	@$(RUN)/python -m tools.fuzz $(F) --seconds $(FUZZ_SECONDS)

chaos: system venv assets ## every fault beside a live session, each for S seconds (60)
	CHAOS_S=$(or $(S),60) $(RUN)/python -m pytest tests/journeys/test_chaos.py

machines: venv assets ## machines with systemd, set up by the words of the install and upgrade pages; root only
	@tools/system machines
	$(RUN)/python -m pytest tests/machines

reset: ## remove everything that is built or that the demo left
	rm -rf .venv .venv-scan $(STAMPS) node_modules var build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis src/bedside/console/project/static/vendor
	find src tests tools bench docs -name __pycache__ -prune -exec rm -rf {} +
	find src -name '*.mo' -delete

# ---- What the words above need ----

.PHONY: venv system assets scan lock
venv: $(STAMPS)/venv $(STAMPS)/catalogues ## .venv with the locked packages and this tree, and the compiled catalogues
system: $(STAMPS)/system ## Debian's packages (as root), or the line that installs them
assets: $(STAMPS)/assets ## the console's browser files, bundled from npm
scan: $(STAMPS)/scan ## .venv-scan with sslyze and ssh-audit

$(STAMPS):
	@mkdir -p $@

$(STAMPS)/python: | $(STAMPS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Bedside needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || tools/system python3-venv
	@touch $@

$(STAMPS)/venv: requirements/all.lock pyproject.toml | $(STAMPS)/python
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(RUN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/all.lock
	$(RUN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/scan: requirements/scan.lock | $(STAMPS)/python
	@test -x .venv-scan/bin/python || $(PYTHON) -m venv .venv-scan
	.venv-scan/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/scan.lock
	@touch $@

$(STAMPS)/catalogues: $(STAMPS)/venv $(shell find src -name '*.po')
	@$(RUN)/python -m tools.catalogues compile
	@touch $@

$(STAMPS)/system: tools/system | $(STAMPS)
	@tools/system all
	@touch $@

# What the demo needs is enough to bundle.
$(STAMPS)/system-demo: tools/system | $(STAMPS)
	@tools/system demo
	@touch $@

$(STAMPS)/assets: package-lock.json tools/assets tools/assets.mjs $(shell find src/bedside/console -path '*/assets/*' -type f 2>/dev/null) | $(STAMPS)/system-demo
	@tools/assets
	@touch $@

lock: venv ## regenerate requirements/*.lock and package-lock.json (UPGRADE=1 takes newer versions)
	tools/lock
