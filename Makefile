# Short names for what stands in scripts/. Needs python3 (3.11 or newer) and make; a second call costs nothing.

PYTHON ?= python3
EFFORT ?= 50

.PHONY: serve demo test test-walls fuzz chaos check bench format lock clean

serve: .venv/serve.stamp  ## the server on 127.0.0.1:8000 with the sample workflows
	scripts/serve

demo: .venv/demo.stamp  ## the same, with a small model that runs on this machine
	scripts/serve

test: .venv/test.stamp .venv/clients.stamp  ## everything CI runs
	scripts/check
	scripts/test

test-walls: .venv/test.stamp  ## all attacks on the code sandbox as every user, on every Python here (as root, three minutes)
	GRAPHMILL_TEST_ALL_WALLS=1 scripts/test tests/sandbox/test_attacks.py tests/sandbox/test_snippets.py

chaos: .venv/test.stamp  ## kills the server twenty times under load and looks what became of its runs (some minutes)
	.venv/bin/python -m tests.acceptance.chaos

fuzz: .venv/test.stamp  ## requests and workflow files by chance, other ones each time (EFFORT=50: some ten minutes)
	GRAPHMILL_TEST_EFFORT=$(EFFORT) scripts/test --timeout 3600 \
		tests/security/test_api_fuzzing.py tests/security/test_workflow_fuzzing.py tests/api/ocs/test_hostile.py

check: .venv/test.stamp  ## format, lint, types, architecture
	scripts/check

bench: .venv/test.stamp  ## the benchmarks
	scripts/bench

format: .venv/test.stamp  ## bring the code into form
	scripts/format

lock: .venv/test.stamp  ## choose the newest versions that pyproject.toml allows
	scripts/lock

clean:  ## away with everything that was installed or cached
	rm -rf .venv tests/clients/node/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/serve.stamp: pyproject.toml requirements.lock scripts/install
	PYTHON=$(PYTHON) scripts/install requirements.lock
	touch $@

.venv/demo.stamp: .venv/serve.stamp scripts/install-demo
	scripts/install-demo
	touch $@

.venv/test.stamp: pyproject.toml requirements-test.lock scripts/install
	PYTHON=$(PYTHON) scripts/install requirements-test.lock
	touch $@

.venv/clients.stamp: .venv/test.stamp $(wildcard tests/clients/*.lock) tests/clients/node/package-lock.json
	scripts/install-clients
	touch $@
