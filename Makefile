# Set up, run, test and measure Circus. Needs Python 3.11 or newer, make, and (for the compiled
# parts, which are optional) a C compiler. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BENCH_ARGS ?=
CONFIG ?= examples/quickstart.toml

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
EXTENSION := setup.py $(filter-out circus/_speedups/compiled.c,\
	$(wildcard circus/_speedups/*.pyx circus/_speedups/*.pxd circus/_speedups/*.[ch]))

export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help run test check format lint types layers tests tests-pure bench bench-quick \
	reference completions install dev clean

help:
	@echo "make run          set up .venv and run circusd on $(CONFIG)"
	@echo "make test         set up the development tools and run every check, on both backends"
	@echo "make format       format the code and mend what the linter can mend"
	@echo "make bench-quick  compare with peers and the floor, 200 workers, about three minutes"
	@echo "make bench        the same with 1,000 workers and longer measurements"
	@echo "make reference    write the generated pages of docs/reference"
	@echo "make completions  write the shell completions"
	@echo "make clean        remove what was built; .venv stays (make clean VENV_TOO=1 removes it)"

# --- setting up: each step leaves a stamp, so that the second run does nothing -------------------

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Circus needs Python 3.11 or newer, and there is no $(PYTHON)." \
			"Try: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Circus needs Python 3.11 or newer, and $(PYTHON) is" \
			"$$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "==> creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made." \
			"On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml $(EXTENSION) | $(BIN)/python
	@echo "==> installing circus and building its extension"
	@$(PIP) install 'setuptools>=77' 'Cython>=3.1'
	@$(PIP) install --no-build-isolation --config-settings editable_mode=compat --editable .
	@$(BIN)/python -c 'import circus._speedups as s; s.BACKEND == "compiled" or print( \
		"==> no extension could be built (is there a C compiler?): running in pure Python,", \
		"which does the same at a higher cost")'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
	@echo "==> installing the development tools"
	@$(PIP) install --no-build-isolation --config-settings editable_mode=compat --editable '.[dev]'
	@touch $@

install: $(VENV)/.installed
dev: $(VENV)/.dev

# --- running -------------------------------------------------------------------------------------

run: $(VENV)/.installed
	@echo
	@echo "circusd runs in this terminal; Ctrl-C stops it. Try in another one:"
	@echo
	@echo "    cd $(CURDIR)"
	@printf '    %-40s  %s\n' \
		"$(BIN)/circusctl status" "what runs" \
		"$(BIN)/circusctl list web" "its process ids" \
		"curl http://127.0.0.1:8000/" "which worker answers? ask again" \
		"$(BIN)/circusctl incr web" "one worker more" \
		"$(BIN)/circusctl reload web" "replace the workers, new before old" \
		"kill -9 PID" "it is back at once" \
		"$(BIN)/circusctl quit" "stop everything"
	@echo
	@exec $(BIN)/circusd $(CONFIG)

# --- checking ------------------------------------------------------------------------------------

test: check tests tests-pure

check: lint types layers

lint: $(VENV)/.dev
	@echo "==> format and lint (ruff)"
	@$(BIN)/ruff format --quiet --check . || { echo "Run: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.dev
	@echo "==> types (mypy)"
	@$(BIN)/mypy --no-error-summary

layers: $(VENV)/.dev
	@echo "==> layers (import-linter)"
	@$(BIN)/lint-imports --no-cache >$(VENV)/layers.log || { \
		cat $(VENV)/layers.log; exit 1; }

tests: $(VENV)/.dev
	@echo "==> tests"
	@$(BIN)/python -m pytest -q -n $(JOBS)

tests-pure: $(VENV)/.dev
	@echo "==> tests on the pure backend"
	@CIRCUS_PURE=1 $(BIN)/python -m pytest -q -n $(JOBS) tests/contract tests/system

format: $(VENV)/.dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# --- measuring -----------------------------------------------------------------------------------

bench-quick: $(VENV)/.installed
	@$(BIN)/python -m benchmarks.idle_workers --quick $(BENCH_ARGS)

bench: $(VENV)/.installed
	@$(BIN)/python -m benchmarks.idle_workers $(BENCH_ARGS)

# --- generated files -----------------------------------------------------------------------------

reference: $(VENV)/.dev
	@$(BIN)/python -m tools.generated state_diagram option_reference

completions: $(VENV)/.dev
	@$(BIN)/python -m tools.generated completions

clean:
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache .coverage* benchmarks/.venvs \
		circus/_speedups/*.so circus/_speedups/compiled.c $(VENV)/.installed $(VENV)/.dev
	@find circus tests tools benchmarks examples -name __pycache__ -prune -exec rm -rf {} +
	@if [ -n "$(VENV_TOO)" ]; then rm -rf $(VENV); fi
