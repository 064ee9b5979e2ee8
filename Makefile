# `make demo` opens the app, `make test` checks everything. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATASET ?=
REAL_WORLD ?=
PORT ?= 8501
# A browser opens by itself where there is a screen; elsewhere the address is printed.
HEADLESS ?= $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),false,true)
TEST_ENV := EXPLORER_MODELS=$(CURDIR)/.cache/models PYTHONDONTWRITEBYTECODE=1
# Two workers, two cores: a thread each, or the libraries' own threads get in each other's way.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help setup demo test lint format types arrows unit browser chromium screenshots sample bench clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## create .venv and install everything, pinned

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about 3 minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@echo "Compiling the map's projection ..."  # numba keeps it, so the first map does not wait for it
	@$(BIN)/python -c "import pacmap" >/dev/null 2>&1
	@touch $@

demo: $(STAMP) ## open the app: make demo [DATASET=folder] [REAL_WORLD=folder] [PORT=8501]
	@EXPLORER_DATASET="$(or $(DATASET),perfect_pint)" EXPLORER_REAL_WORLD="$(REAL_WORLD)" \
		$(BIN)/streamlit run serve.py --server.port $(PORT) --server.headless $(HEADLESS)

test: $(STAMP) chromium lint types arrows unit browser ## everything that must hold

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

arrows: $(STAMP)
	$(BIN)/lint-imports --no-cache

unit: $(STAMP)
	$(TEST_ENV) $(ONE_THREAD) $(BIN)/python -m pytest -m "not browser" -n 2 --dist loadfile

browser: $(STAMP) chromium
	$(TEST_ENV) $(ONE_THREAD) $(BIN)/python -m pytest -m browser tests/browser -n 2 --dist loadfile

# Debian's Chromium where it is missing and may be installed; otherwise the browser tests say what is missing.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || { \
		if command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
			echo "Installing Chromium for the browser tests ..."; \
			apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
		else echo "Chromium is missing: install it to run the browser tests."; fi; }

screenshots: $(STAMP) chromium ## take the pictures in docs/images anew
	$(TEST_ENV) $(BIN)/python docs/take_screenshots.py

sample: $(STAMP) ## render the bundled samples anew (slow)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[render]"
	$(BIN)/python sample_data/render/perfect_pint.py --out sample_data/perfect_pint
	$(BIN)/python sample_data/render/green_apples.py --out sample_data/green_apples

bench: $(STAMP) ## speed of reading and embedding pictures
	$(BIN)/python benchmarks/embed.py

clean: ## remove the virtual environment and local caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
