# Wheelhouse: `make` lists the targets. Each target sets up .venv by itself. The only requirements are Python 3.11 or
# newer, make, and Go for the first build of the local control plane.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error This make ($(MAKE_VERSION)) is too old: install GNU make 4 or newer (on macOS: brew install make, then run gmake))
endif

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
WORKERS ?= 2

.PHONY: help venv demo test test-long lint generate bench lock controlplane pictures

help: ## List the targets
	@echo "make targets:"
	grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):[^#]*## /  \1\t/' | expand -t 16
	echo
	echo "The first 'make demo' or 'make test' builds a real kube-apiserver and etcd with Go: 6 to 10 minutes, once."

venv: $(STAMP) ## Create the virtual environment .venv

$(STAMP): requirements-dev.txt pyproject.toml
	@python="" found="none was found"
	for candidate in python3.13 python3.12 python3.11 python3; do
	  command -v "$$candidate" >/dev/null || continue
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
	    python="$$candidate"; break
	  fi
	  version=$$("$$candidate" --version 2>/dev/null) && found="$$candidate is $$version"
	done
	if [ -z "$$python" ]; then
	  echo "Wheelhouse needs Python 3.11 or newer, and $$found: install one (for example the package python3.11" >&2
	  echo "of your distribution, or with pyenv) so that python3.11, python3.12, python3.13 or python3 is on PATH." >&2
	  exit 1
	fi
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
	  echo "$$python cannot create virtual environments: install its venv package (on Debian: python3-venv)." >&2
	  exit 1
	fi
	echo "Creating $(VENV) with $$("$$python" --version): about a minute"
	"$$python" -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

controlplane: $(STAMP) ## Find or build the local control plane (kube-apiserver, kube-controller-manager, etcd)
	@$(PY) -m wheelhouse_local.controlplane

demo: $(STAMP) ## Run the whole workflow (declare, upload, install, revoke) with the real tools on this machine
	@$(PY) -m wheelhouse_local.demo

# Recipes instead of $(MAKE), which would run all of `test` even with `make -n`.
define LINT
$(VENV)/bin/ruff format --check .
$(VENV)/bin/ruff check .
$(VENV)/bin/mypy
endef

lint: $(STAMP) ## Check format, lint and types
	@$(LINT)

generate: $(STAMP) ## Create crds/ and the reference pages of all fields from the models again
	@$(VENV)/bin/wheelhouse crds --write crds --reference docs/reference

test: $(STAMP) ## Run all tests, lint, type checks and import contracts, as CI does
	@trap 'status=$$?; [ $$status = 0 ] || echo "make test: FAILED (status $$status) after $$SECONDS s; see above" >&2' EXIT
	step() { printf '\n== %s [%s s]\n' "$$*" "$$SECONDS"; }
	step "Format, lint and types"
	$(LINT)
	step "Control plane: found, or built once with Go"
	$(PY) -m wheelhouse_local.controlplane
	step "Unit tests"
	begun=$$SECONDS
	$(PY) -m pytest -q tests/unit
	echo "Unit tests took $$((SECONDS - begun)) s, including the start of Python."
	step "All other tests, $(WORKERS) at a time: contracts and budgets, convergence, whole worlds with the real clients"
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --ignore tests/unit
	printf '\nmake test: PASSED in %s s: format, lint, types, import contracts, budgets, and all tests except those skipped above.\n' "$$SECONDS"

test-long: $(STAMP) controlplane ## Run the same tests with many more random examples
	@export WHEELHOUSE_TEST_PROFILE=long
	# An hour of the soak is a minute, and so a busy second counts as a busy minute: nothing runs beside it.
	$(PY) -m pytest tests/e2e/test_soak.py
	$(PY) -m pytest -n $(WORKERS) --dist loadfile --ignore tests/e2e/test_soak.py

bench: $(STAMP) controlplane ## Run the benchmarks, and print the tables of benchmarks/results.md
	@$(PY) benchmarks/run.py $(BENCH)

pictures: $(STAMP) controlplane ## Draw the pictures of the README, one of them from a real run of the demo
	@$(PY) docs/pictures/flow.py
	$(PY) docs/pictures/recording.py

lock: $(STAMP) ## Create the hashed requirements files again
	@export UV_NO_CONFIG=1
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' pyproject.toml -o requirements.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --extra local --group dev pyproject.toml -o requirements-dev.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group build -o requirements-build.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group clients -o tests/clients/newest.txt
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group clients-oldest -o tests/clients/oldest.txt
