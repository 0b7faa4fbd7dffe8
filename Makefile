# `make run` and `make test` are all that is needed on a fresh machine with Python 3.11 or newer.

# The first interpreter that runs, is new enough and can make virtual environments; PYTHON=... overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps

.PHONY: run test coverage matrix setup openvino cuda otel ray wheel lint audit mongoserver clean

run: setup  ## index the sample class and serve it on http://127.0.0.1:8000
	$(VENV)/bin/python -m indexer add sample
	$(VENV)/bin/python -m server

PYTEST := pytest -n auto --maxprocesses 8 --dist worksteal

test: $(VENV)/.test  ## pass the tests
	$(VENV)/bin/python -m $(PYTEST)

coverage: $(VENV)/.ci  ## pass the tests, and say which lines and branches of the libraries they ran (slower)
	$(VENV)/bin/coverage erase
	$(VENV)/bin/coverage run -m $(PYTEST) -m "not untraced"
	$(VENV)/bin/python -m $(PYTEST) -m untraced
	$(VENV)/bin/coverage combine --quiet
	$(VENV)/bin/coverage report $(if $(filter all,$(PRESENTE_TEST_TRACED)),,--include='faces/*,gallery/*,client/*')

matrix:  ## a short part of the tests on every supported Python that is here
	.ci/matrix

setup: $(VENV)/.run  ## .venv with requirements.txt in it, nothing outside the clone

wheel: $(VENV)/.test  ## dist/presente-*.whl and dist/presente_client-*.whl, as docs/install.md and docs/client.md say
	$(VENV)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir dist . ./client

openvino: $(VENV)/.openvino  ## OpenVINO beside ONNX Runtime: quicker, and used where it is installed

cuda: $(VENV)/.cuda  ## ONNX Runtime for NVIDIA GPUs in the place of ONNX Runtime (docs/install.md)

otel: $(VENV)/.otel  ## OpenTelemetry, for traces (docs/observability.md)

ray: $(VENV)/.ray  ## Ray, for bulk over many machines (docs/bulk.md)

lint: $(VENV)/.ci  ## what .ci/run checks beside the tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

audit:  ## ask for known faults of what is pinned and built in (needs a network, pipx and npm)
	for list in requirements.txt requirements-openvino.txt requirements-otel.txt requirements-ray.txt requirements-redis.txt; do \
		pipx run pip-audit==2.10.1 --strict --no-deps --disable-pip -r $$list || exit 1; done
	cd server/console/build && npm audit --package-lock-only --omit=dev

mongoserver: $(VENV)/.test  ## build the MongoDB-compatible server that the tests start (once; needs Go, or see docs/mongodb.md)
	$(VENV)/bin/python -m tests.mongo_server

clean:  ## forget the gallery that `make run` made
	rm -rf var

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with the venv module is needed (Debian: apt-get install python3-venv); or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# --no-deps: the lists are complete, and insightface's own would bring an OpenCV that needs libGL. --no-compile: what is
# imported is compiled afterwards; all of it would take another 100 MB, and twice the time.
$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "Installing requirements.txt into $(VENV): about 210 MB to download, 700 MB on the disk, a minute or two."
	$(PIP) --no-compile -r requirements.txt
	@$(VENV)/bin/python -m tools.compile_imports
	@echo "Done: $$(du -sm $(VENV) | cut -f1) MB in $(VENV); nothing was put anywhere else. It goes with rm -r $(VENV)."
	@touch $@

$(VENV)/.test: requirements-test.txt $(VENV)/.run
	$(PIP) -r requirements-test.txt
	@touch $@

$(VENV)/.openvino: requirements-openvino.txt $(VENV)/.run
	$(PIP) -r requirements-openvino.txt
	@touch $@

# The two builds of ONNX Runtime put their files in one folder: what is uninstalled second would leave the other damaged.
$(VENV)/.cuda: requirements-cuda.txt $(VENV)/.run
	$(VENV)/bin/python -m pip uninstall --quiet --yes onnxruntime onnxruntime-gpu
	$(PIP) -r requirements-cuda.txt
	@touch $@

$(VENV)/.otel: requirements-otel.txt $(VENV)/.run
	$(PIP) -r requirements-otel.txt
	@touch $@

$(VENV)/.ray: requirements-ray.txt $(VENV)/.run
	$(PIP) -r requirements-ray.txt
	@touch $@

$(VENV)/.ci: requirements-ci.txt $(VENV)/.test $(VENV)/.otel $(VENV)/.ray
	$(PIP) -r requirements-ci.txt
	@touch $@
