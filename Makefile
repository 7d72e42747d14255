# make demo            run the main job on this machine (no Docker needed) and show the MTTR report
# make test            install what the tests need, start a Docker engine if none answers, run all tests;
#                      the first one makes a virtual machine, which is kept in /var/cache
# make check           ruff, import rules, mypy --strict and the fast tests
# make lint            the same without the tests
# make crash           kill the engine at every point of every fault, and look at what is left
# make bench           measure, side by side with a peer; writes docs/benchmarks.md
# make docker-engine   start a Docker engine if none answers; tools/docker_engine.sh stop ends it
# make test-machine    make the virtual machine of the tests, when it is missing
# make derived         write the schemas and the reference of actions anew from the types
# make clean           remove what these made
#
# PYTHON=python3.12 make ... takes another interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --constraint constraints.txt

.PHONY: demo test lint check crash bench docker-engine test-machine derived clean
.DELETE_ON_ERROR:

$(VENV)/.runs: pyproject.toml constraints.txt tools/make_venv.sh
	@tools/make_venv.sh "$(PYTHON)" $(VENV)
	@echo "Installing breakfix into $(VENV)"
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.develops: $(VENV)/.runs
	@echo "Installing the tools of development into $(VENV)"
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")' > $(VENV)/dev.txt
	@$(PIP_INSTALL) --requirement $(VENV)/dev.txt
	@touch $@

demo: $(VENV)/.runs
	@tools/with_home.sh $(BIN)/breakfix run --report report scenarios/demo.yaml

# Where the machine cannot be made, the tests on it fail, and say what makes it.
test: $(VENV)/.develops
	@tools/test_machine.sh build || true
	@tools/docker_engine.sh with $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=15

lint: $(VENV)/.develops
	$(BIN)/ruff check .
	@$(BIN)/lint-imports
	$(BIN)/mypy

check: lint
	$(BIN)/python -m pytest -q tests/unit

crash: $(VENV)/.develops
	@tools/test_machine.sh build || true
	@BREAKFIX_CRASH=whole tools/docker_engine.sh with $(BIN)/python -m pytest -q tests/integration/crash \
		tests/integration/machine/test_killed_engines.py tests/integration/runs/test_exclusion.py

bench: $(VENV)/.runs
	@$(BIN)/python -m benchmarks.run

derived: $(VENV)/.runs
	@$(BIN)/python tools/derive.py

docker-engine:
	@tools/docker_engine.sh start

test-machine:
	@tools/test_machine.sh build

clean:
	rm -rf $(VENV) report .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
