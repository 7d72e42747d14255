# make demo    run the main job on the embedded default and show the MTTR report
# make test    install what the tests need, and pass them all
# make docker-engine   start a Docker engine, when none answers; tools/docker_engine.sh stop ends it
# make check   ruff, mypy --strict and the fast tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check docker-engine clean

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "breakfix needs Python 3.11 or newer; set PYTHON=..."; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { apt-get update -q && apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . \
		hypothesis import-linter mypy pytest ruff types-docker types-jsonschema types-networkx
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/breakfix run --report report scenarios/demo.yaml

test: $(VENV)/.installed
	@tools/docker_engine.sh with $(BIN)/python -m pytest --durations=15

docker-engine:
	@tools/docker_engine.sh start

check: $(VENV)/.installed
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/unit

clean:
	rm -rf $(VENV) report .mypy_cache .ruff_cache .pytest_cache .hypothesis
