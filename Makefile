# Every target makes its own environment in .venv; nothing needs to be installed before `make demo` or `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test soak lint docs pictures bench lock clean
.DEFAULT_GOAL := test

# --no-deps: the lock is whole, and a pip that resolves name[extra] looks past its pin as soon as a newer version is out.
.venv/ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mqcanary needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: .venv/ready
	$(BIN)/mqcanary demo

test: .venv/ready
	$(BIN)/pytest -n auto --maxprocesses=6 --cov --cov-report=term -m 'not soak'
	$(BIN)/coverage report --include='checks/*,alerts/*' --fail-under=95

soak: .venv/ready
	$(BIN)/pytest -m soak

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m agent.docs --check

docs: .venv/ready
	$(BIN)/python -m agent.docs

pictures: .venv/ready  # of the README, from the demo and a bench; the script names the packages that it needs
	PYTHONPATH=. $(BIN)/python docs/pictures.py
	PYTHONPATH=. $(BIN)/python -m bench.collection --picture docs/pictures/cost.svg

bench: .venv/ready
	PYTHONPATH=. $(BIN)/python bench/audit.py
	PYTHONPATH=. $(BIN)/python bench/alerting.py
	PYTHONPATH=. $(BIN)/python bench/idle.py
	PYTHONPATH=. $(BIN)/python -m bench.collection real

lock: .venv/ready  # new versions within the bounds of pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --extra demo --group dev --universal --generate-hashes --upgrade --no-header --no-emit-index-url --no-annotate -o requirements-dev.lock
	$(BIN)/uv pip compile -q pyproject.toml -c requirements-dev.lock --universal --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements.lock

clean:
	rm -rf .venv .cache dist build
