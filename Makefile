# Every target sets itself up: .venv is made once, and again when what it is made from changes.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tiny models are built, never fetched; a look-up in the hub would retry for minutes.
export HF_HUB_OFFLINE := 1
# More threads make models of this size slower, and take turns with the other processes.
export OMP_NUM_THREADS := 1

# Tests run in this many processes.
JOBS ?= 2
# What `seeds` infers: the style of the code (interface, eager or loose), and which models of it.
STYLE ?= loose
SEEDS ?= 0-49
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS)

.PHONY: demo test full inference exhaustive seeds versions build check docs bench bench-forward architectures comparison findings reference stamps upstream-tests clean

demo: $(READY)  ## build SmolLM3's adapter from its spec and prove it against HuggingFace's model
	rm -f generated/smollm3.py
	$(BIN)/adaptergen build specs/smollm3.yaml
	$(BIN)/adaptergen verify smollm3

test: $(READY)  ## run the tests
	$(PYTEST) --dist loadfile -m "not full"

full: $(READY)  ## run what `test` leaves out
	$(PYTEST) --dist worksteal -m "full and not exhaustive"

exhaustive: $(READY)  ## run what `full` leaves out: every mutant of more specs, models of all seeds
	$(PYTEST) --dist worksteal -m exhaustive

seeds: $(READY)  ## infer models drawn at random, such as `make seeds STYLE=eager SEEDS=50-69`
	$(PYTEST) --dist worksteal tests/infer/test_run.py -k "as_it_was_made and $(STYLE)" --seeds $(SEEDS)

build: $(READY)  ## bring generated/ up to date with specs/
	$(BIN)/adaptergen build

check: $(READY)  ## lint, types, and whether generated files and measured pages are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/adaptergen build --check
	$(BIN)/adaptergen schema | diff specs/schema.json -
	$(BIN)/python -m docs.scripts.stamps --check

docs: $(READY)  ## build the documentation site into site/
	$(BIN)/python -m docs.scripts.overview
	$(BIN)/mkdocs build --strict

bench: $(READY) .bench/.ready  ## measure speed beside other tools
	$(BIN)/python tests/bench/bench.py

bench-forward: $(READY)  ## measure hooks beside TransformerLens and HuggingFace: docs/performance.md
	$(BIN)/python tests/bench/forward.py
	$(BIN)/python -m docs.scripts.performance
	$(BIN)/python -m docs.scripts.stamps performance

architectures: $(READY)  ## verify all specs: generated/architectures.json, docs/architectures.md
	$(BIN)/python -m docs.scripts.architectures

comparison: $(READY)  ## set generated adapters beside TransformerLens' own: docs/comparison.md
	$(BIN)/python -m docs.scripts.comparison
	$(BIN)/python -m docs.scripts.stamps comparison

findings: $(READY)  ## measure what TransformerLens' own adapters do wrong: docs/findings.md
	rm -rf .findings
	$(BIN)/python -m docs.scripts.findings
	$(BIN)/python -m docs.scripts.stamps findings

inference: $(READY)  ## measure how often `infer` is right: docs/inference.md
	rm -f .inference.json
	$(BIN)/python -m docs.scripts.inference --jobs 2
	$(BIN)/python -m docs.scripts.stamps inference

versions: $(READY)  ## verify all specs with other versions of the libraries: docs/versions.md
	$(BIN)/python -m docs.scripts.versions
	$(BIN)/python -m docs.scripts.stamps versions

reference: $(READY)  ## write the pages of the spec language: docs/reference
	$(BIN)/python -m docs.scripts.reference

stamps: $(READY)  ## let measured pages say whether what they rest on has changed since
	$(BIN)/python -m docs.scripts.stamps

upstream-tests: $(READY)  ## run TransformerLens' own tests with generated adapters: docs/upstream.md
	$(BIN)/python tests/upstream/run.py
	$(BIN)/python -m docs.scripts.stamps upstream

clean:  ## remove what the other targets made, but for generated/
	rm -rf $(VENV) site .bench .architectures.json .findings .upstream .versions .inference.json dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV): a minute or two the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]" --constraint constraints.txt
	touch $@

# adaptergen and the tools it is measured beside, in one environment without torch.
.bench/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .bench
	.bench/bin/python -m pip install --quiet --editable . --constraint constraints.txt \
		black datamodel-code-generator pre-commit-hooks yamllint
	touch $@
