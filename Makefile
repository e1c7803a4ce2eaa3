# What one types here: `make demo` and `make test`; both do all the set-up on Debian 12+ and Ubuntu 24.04.
# Everything is installed into .venv from hash-locked wheels; nothing is compiled, nothing else is touched.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PREFIX ?= /opt/secwatch
# Only an installation at the usual place also gets the usual link.
BINDIR ?= $(if $(filter /opt/secwatch,$(PREFIX:/=)),/usr/local/bin)
OFFLINE ?=
BUNDLE ?= bundle.tar
# The Python versions and the processor a bundle is for; empty means those of this machine.
PYTHONS ?=
MACHINE ?=
PIP := -m pip --disable-pip-version-check
HASHED := --quiet --require-hashes --only-binary :all:

.PHONY: help demo test lint bench docs wheel bundle install lock clean system-packages

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

demo: $(VENV)/.run ## set up, then carry you through the whole of secwatch
	@$(BIN)/secwatch demo

test: $(VENV)/.test ## set up, then check everything
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.test ## style, types, structure, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/codespell --quiet-level 2 README.md docs cli.py secwatch backup rules configs tests bench changelog.d

docs: $(VENV)/.test ## write the generated parts of the documentation
	@$(BIN)/python docs/generate.py

bench: $(VENV)/.test ## measure against the peers (apt: nfdump libndpi-bin tshark); prints tables of ratios
	@$(BIN)/python -m bench.sensor

wheel: $(VENV)/.test ## build dist/secwatch-*.whl
	@$(BIN)/python $(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

bundle: $(VENV)/.test ## make $(BUNDLE): all that a machine without a network needs (PYTHONS="3.11 3.12" MACHINE=aarch64)
	@packaging/bundle "$(BIN)/python" "$(BUNDLE)" "$(PYTHONS)" "$(MACHINE)"

install: ## install to PREFIX (/opt/secwatch); OFFLINE=bundle.tar installs from a bundle, without a network
	@packaging/install "$(PYTHON)" "$(PREFIX)" "$(BINDIR)" "$(OFFLINE)"

lock: ## write the lock files anew from pyproject.toml (needs uv)
	@packaging/lock

clean: ## remove what was made here, the demo's workspace included
	@rm -rf $(VENV) dist build secwatch-demo

system-packages:
	@packaging/system-packages "$(PYTHON)"

$(VENV)/bin/python: | system-packages
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.run: requirements.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing the locked packages into $(VENV)" >&2
	@$(BIN)/python $(PIP) install $(HASHED) -r requirements.lock -r requirements-build.lock
	@$(BIN)/python $(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@echo "compiling the sensor's kernels (once)" >&2
	@$(BIN)/secwatch --quiet doctor --warm > $(VENV)/.doctor || { cat $(VENV)/.doctor; exit 1; }
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.run
	@$(BIN)/python $(PIP) install $(HASHED) -r requirements-test.lock
	@touch $@
