# EdgeCodec: `make repro` runs the pipeline, `make test` the checks. Each sets up .venv by itself.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)/src
export OMP_WAIT_POLICY := PASSIVE
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help repro studies deps figures snapshot test test-slow lint release-check ui clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

repro: $(READY)  ## run the pipeline: recordings to a registered model
	dvc repro

studies: $(READY)  ## what the codec is made of: the paper's networks and exploration, limits, stateful mode
	dvc repro studies/dvc.yaml

figures: $(READY)  ## write the figures of docs/figures into README.md and docs/
	python -m pages.fill

snapshot: $(READY)  ## take docs/figures anew from this machine's committed results in artifacts/
	python -m pages.snapshot

deps: $(READY)  ## list anew what code is behind every stage; `make repro` does so, too
	dvc repro fingerprint_code

test: $(READY) lint  ## lint, types and all fast tests
	pytest -n 2 --dist loadfile

test-slow: $(READY)  ## the tests that take minutes (installs Spark, 0.5 GB)
	$(BIN)/pip install -q -e '.[spark]' -c constraints.txt
	pytest -m slow

lint: $(READY)  ## ruff and mypy
	ruff check .
	mypy

release-check: $(READY)  ## say which stages would run again; the results of a release are of the present code
	python -m edgecodec.sources.current

ui: $(READY)  ## the MLflow UI on http://127.0.0.1:5000
	mlflow ui --backend-store-uri sqlite:///$(CURDIR)/mlflow.db --host 127.0.0.1 --port 5000

clean:  ## remove the virtual environment and caches (not the results)
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml constraints.txt set_up.sh
	sh set_up.sh $(PYTHON) $(VENV)
	touch $@
