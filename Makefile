# make run     the page on 127.0.0.1:7860
# make test    the tests, a browser included
# make check   lint and types
# make clean   forget the virtual environment

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Small models gain nothing from several threads, and lose much where something else runs.
TEST_THREADS ?= 1
# One more than two cores: while a page waits for its server, others work.
TEST_WORKERS ?= 3

.PHONY: run test check clean
.DELETE_ON_ERROR:

run: $(VENV)/run.stamp
	$(BIN)/python -m analysis prepare
	$(BIN)/python app.py

test: $(VENV)/test.stamp
	$(BIN)/python tests/browser/find_browser.py
	OMP_NUM_THREADS=$(TEST_THREADS) $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadgroup

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV)

# The stamps are younger than the requirements that were installed: nothing is installed twice.
$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Fusion Lens needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.txt
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp tests/requirements.txt
	$(BIN)/python -m pip install -r requirements.txt -r tests/requirements.txt
	@touch $@
