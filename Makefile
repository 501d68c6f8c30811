PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/.ready ## run the packaged sample from capture to report
	$(BIN)/hopscope demo

test: lint ## everything that must hold
	$(BIN)/pytest -n 2

lint: $(VENV)/.ready-to-develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Bytecode is written here, as pip does for a package: where Python itself may not write it, each start would compile anew.
bench: $(VENV)/.ready-to-develop ## speed and memory beside other tools, 1, 10 and 50 million packets: hours
	$(BIN)/python -m compileall -q pipeline
	$(BIN)/python -m tests.bench

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	$(BIN)/python -m compileall -q pipeline
	touch $@

$(VENV)/.ready-to-develop: $(VENV)/.ready
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --group dev
	touch $@

clean:
	rm -rf $(VENV) lake report.html
