# The commands of the book. `make help` lists them.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/ready
CORES := $(shell nproc 2>/dev/null || echo 2)

# one thread a process: notebooks and tests run side by side
export OMP_NUM_THREADS ?= 1
export PYTHONHASHSEED ?= 0
export TQDM_DISABLE ?= 1

RUN_OPTIONS := $(if $(DEVICE),--device $(DEVICE)) $(if $(FAST),--fast) \
	$(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))
# A notebook's cells and a file's fixtures stay in one process. (xdist's default tears
# the notebooks apart.)
PYTEST := $(PY) -m pytest --dist loadfile -n $(or $(JOBS),$(CORES)) --maxprocesses 8
EXPERIMENTS := $(filter-out experiments/store.py,$(wildcard experiments/*.py))

.PHONY: help book test lint notebooks html clean lock address data-page setup-cells outputs \
	rebuild-data check-data experiments benchmark test-browser test-colab test-network
.NOTPARALLEL:

help: ## list every command
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)
	@echo
	@echo "  settings: PYTHON=python3.12     the Python that makes .venv (3.11 to 3.13)"
	@echo "            DEVICE=cuda           where notebooks compute (auto, cpu, cuda, mps)"
	@echo "            FAST=1                small, rough runs, marked as such"
	@echo "            JOBS=1                how many notebooks or tests at a time"
	@echo "            TORCH_INDEX=https://download.pytorch.org/whl/cpu"
	@echo "                                  PyTorch without CUDA, gigabytes less"

book: $(READY) ## install what is locked, run the notebooks, build _build/html
	$(PY) tools/run_notebooks.py $(RUN_OPTIONS)
	$(PY) tools/build_book.py

test: lint ## test helpers, notebooks (in fast mode) and, if it is built, the book
	GENEX_FAST=1 $(PYTEST) --nbval-lax --nbval-sanitize-with tests/sanitize.cfg \
		--nbval-cell-timeout 600 notebooks
	$(PYTEST) -m "not network" tests

lint: $(READY) ## check the style of the code and the house rules of the notebooks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) tools/lint_notebooks.py

notebooks: $(READY) ## run the notebooks that changed, into _build/executed
	$(PY) tools/run_notebooks.py $(RUN_OPTIONS)

html: $(READY) ## build the pages from notebooks that have been run
	$(PY) tools/build_book.py

test-browser: $(READY) ## open every built page in Chromium, which must be installed
	GENEX_REQUIRE_BROWSER=1 $(PY) -m pytest -m browser tests/test_browser.py

test-network: $(READY) ## the tests that install packages or fetch sources
	$(PY) -m pytest -m network tests

test-colab: $(READY) ## run a notebook alone in a fresh environment, as on Colab
	$(PY) -m pytest -m network tests/test_colab.py

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	$(PY) tools/lock.py

address: ## set the book's address everywhere: make address URL=https://github.com/…
	$(PYTHON) tools/set_address.py $(URL)

data-page: $(READY) ## write the book's page of data sets from the data cards
	$(PY) tools/data_page.py

setup-cells: ## write the set-up cell into every notebook
	$(PYTHON) tools/setup_cell.py

outputs: $(READY) ## run in fast mode, keep the outputs that nbval compares, strip others
	$(PY) tools/keep_outputs.py

rebuild-data: $(READY) ## make the data files anew from their source packages
	$(PY) data/rebuild.py

check-data: $(READY) ## make the data files anew and compare them with those in git
	$(PY) data/rebuild.py --check

experiments: $(READY) ## run the slow experiments; what was interrupted goes on
	@for script in $(EXPERIMENTS); do \
		echo "$$script"; TQDM_DISABLE= $(PY) $$script || exit 1; \
	done

benchmark: $(READY) ## speed, as ratios: the training loop, other libraries, many nets
	test -d _build/benchmark/lightning || $(PY) -m pip install --quiet --no-deps \
		--target _build/benchmark --requirement benchmarks/requirements.txt
	PYTHONPATH=_build/benchmark $(PY) benchmarks/overhead.py
	$(PY) benchmarks/many.py

clean: ## remove all that was built, but not the environment in .venv
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The environment: made once, and brought up to date when the lock changes.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) > /dev/null || { \
		echo "make: there is no $(PYTHON); name yours with PYTHON=…" >&2; exit 1; }
	@test -x $(PY) || $(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit( \
		None if (3, 11) <= v <= (3, 13) else "make: Python 3.11 to 3.13 is needed; " \
		"$(PYTHON) is %d.%d: name another with PYTHON=…" % v)'
	@test -x $(PY) || $(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
		echo "make: $(PYTHON) lacks venv: apt install python3-venv" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PY) -m pip install --index-url $(TORCH_INDEX) \
		"$$(grep '^torch==' requirements.lock)")
	$(PY) -m pip install --requirement requirements.lock
	$(PY) -m pip install --no-deps --editable .
	@touch $@
