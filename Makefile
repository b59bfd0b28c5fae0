# EdgeCodec: `make repro` runs the pipeline, `make test` the checks. Each sets up .venv by itself.
# make PYTHON=/path/to/python3 chooses the Python that .venv is made of.

VENV := .venv
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help repro studies deps figures snapshot test test-tools test-slow lint release-check ui clean without-git

help: $(READY)  ## list the targets
	@python -c 'import re; [print("%-15s%s" % found) for found in re.findall(r"^([a-z-]+):.*## *(.*)", open("$(firstword $(MAKEFILE_LIST))").read(), re.M)]'

repro: $(READY) without-git  ## run the pipeline: recordings to a registered model
	dvc repro

studies: $(READY)  ## what the codec is made of: the paper's networks and exploration, limits
	dvc repro studies/dvc.yaml

deps: $(READY)  ## list anew what code is behind every stage; `make repro` does so, too
	dvc repro fingerprint_code

figures: $(READY)  ## write the figures of docs/figures into README.md and docs/
	python -m pages.fill

snapshot: $(READY)  ## take docs/figures anew from this machine's committed results in artifacts/
	python -m pages.snapshot

test: $(READY) lint  ## lint, types and all fast tests
	pytest -n 2 --dist loadfile

test-tools: $(READY)  ## the fast tests that want QEMU, clang or gcc, which are skipped where these are absent
	pytest -n 2 --dist loadfile -m 'tools and not slow'

test-slow: $(READY)  ## the tests that take minutes (installs Spark, 0.5 GB)
	python -m pip install -q -e '.[spark]' -c constraints.txt
	pytest -m slow

lint: $(READY)  ## ruff and mypy
	ruff check .
	mypy

release-check: $(READY)  ## say which stages would run again; the results of a release are of the present code
	python -m edgecodec.sources.current

ui: $(READY)  ## the MLflow UI on http://127.0.0.1:5000, and the addresses to open in it
	python -m edgecodec.registry.ui

clean:  ## remove the virtual environment and caches (not the results)
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml constraints.txt set_up.sh
	@sh set_up.sh $(VENV) $(PYTHON)

# An archive of the project has no git. DVC then has to be told.
without-git: $(READY)
	@git rev-parse --git-dir >/dev/null 2>&1 || { \
	    echo "no git repository here: the pipeline runs; dvc exp, releases and make test need a clone"; \
	    dvc config --local core.no_scm true; }
