# These commands do all their own set-up, in .venv:
#   make demo        lock an architecture on the embedded benchmark; needs no NASLib
#   make test        run the tests, but for the slow ones, in minutes; those that need NASLib are skipped without it
#   make test-all    run all tests, and those of the core on the other Pythons of this machine
#   make dist        build the wheel and the sdist, check them, and use the wheel in an empty folder
#   make docs        build the site of the documentation into build/site
PYTHON ?= $(shell command -v python3.11 >/dev/null && python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
NASLIB := $(or $(NASLIB_HOME),$(HOME)/NASLib)
PYTEST_ARGS ?=
# This many tests run at once, each on one thread; 0 runs them one after the other, so that a debugger can be attached.
JOBS ?= 2

# What was tested is pinned in constraints/; a Python without such a file gets the ranges of pyproject.toml.
VERSION = $(shell $(PYTHON) -c 'import sys; print("py%d.%d" % sys.version_info[:2])')
CONSTRAINTS = $(wildcard constraints/$(VERSION).txt)
CPU ?=
INSTALL = $(BIN)/python -m pip install -q --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS)) \
	$(if $(CPU),--extra-index-url https://download.pytorch.org/whl/cpu)

.PHONY: demo test test-all test-newcomer core mutants docs check audit-packages bench bench-all profile dist clean browser

# Two pairs of tasks: one where the lock is much better than usual, and one of the two in the middle by the lock score of
# TU over all 30 pairs (experiments/digits_locks).
DEMO := $(BIN)/archlock search --config digits out_dir build/demo

demo: $(VENV)/core
	@echo "1. An architecture that is good at reading digits, and bad at other tasks on the same images. This pair flatters."
	@echo
	$(DEMO)
	@echo
	@echo "2. A typical pair: source noise (estimate the noise of an image), target rotation."
	@echo
	$(DEMO) dataset noise archlock.target rotation
	@echo
	@echo "Try next:"
	@echo "  $(DEMO) archlock.scheme tk archlock.target jigsaw archlock.target_queries 20    # it may look up 20 target accuracies, and finds another cell"
	@echo "  $(BIN)/archlock init folder YOUR/IMAGES    # a config for your own images: one sub-folder a class"
	@echo "  $(BIN)/archlock compare --example    # a study, which compares methods"
	@echo "  $(BIN)/archlock doctor    # what is here of the rest: NASLib, its benchmark files"

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
QUICK := -m 'not slow'
# How many tests ran, for the end of .ci/run: only whole runs write it.
NASLIB_COUNTS := --counts=build/naslib-tests.txt

# With BEYOND_NEWCOMER=1, only those that test-newcomer does not run.
test: $(VENV)/test browser
	$(PYTEST) $(QUICK) $(if $(BEYOND_NEWCOMER),--beyond-newcomer) $(NASLIB_COUNTS) $(PYTEST_ARGS)

# All tests here; unless only some were asked for, also those of the core on other Pythons, a sample of the mutants of
# spaces.cells, all of which are answered, and the site with its links.
test-all: $(VENV)/test browser
	$(PYTEST) $(NASLIB_COUNTS) $(PYTEST_ARGS)
	$(if $(PYTEST_ARGS),,$(MAKE) core)
	$(if $(PYTEST_ARGS),,$(MAKE) mutants MUTANTS='--sample 8 --only spaces.cells')
	$(if $(PYTEST_ARGS),,$(MAKE) docs)

# Change the core in one place at a time, and see whether its tests notice: all of some 300 places take half an hour.
MUTANTS ?=
mutants: $(VENV)/test
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutation/mutate.py $(MUTANTS)

# What "make test" is to a newcomer, who has no NASLib, no real tables and no browser. In a new .venv it also runs
# without the packages that only NASLib requires.
test-newcomer: $(VENV)/dev
	$(PYTEST) $(QUICK) --newcomer --counts=build/newcomer-tests.txt $(PYTEST_ARGS)

# The tests that need no torch, on the other Pythons of this machine among those that constraints/ pins: on the oldest
# with the lowest versions of all libraries, on the newest with the newest ones (noxfile.py says why).
OTHERS ?= $(filter-out $(VERSION:py%=%),$(patsubst constraints/py%.txt,%,$(wildcard constraints/py3.*.txt)))
OLDEST := 3.9
NEWEST := 3.13
SESSIONS = $(patsubst core-$(OLDEST),core-lowest-$(OLDEST),$(patsubst core-$(NEWEST),core-newest-$(NEWEST),$(OTHERS:%=core-%)))

core: $(VENV)/dev
	@mkdir -p build && rm -f build/core-tests-*.txt
	@$(MAKE) -j2 --output-sync=target --no-print-directory $(SESSIONS)
	@cat build/core-tests-*.txt

core-%:
	@echo "Python $(lastword $(subst -, ,$*)) is not here: not tested" > build/core-tests-$*.txt
	OMP_NUM_THREADS=1 $(BIN)/nox -r -s $@

# Measure, with baselines in the same run: make bench [TABLES=DIR]; bench-all adds what takes minutes.
# The results go into benchmarks/ if all went well; those of a part, as with BENCH_ARGS='-k ranking', are only shown.
# The ini file is named: without it, pytest looks for one from where TABLES is, too.
BENCH := $(BIN)/python -m pytest -c benchmarks/pytest.ini benchmarks $(if $(TABLES),--tables=$(TABLES))
BENCH_JSON := build/bench.json
KEEP ?= $(if $(BENCH_ARGS),,--keep)

bench bench-all: $(VENV)/test
	@mkdir -p build && rm -f $(BENCH_JSON)
	@$(BENCH) $(if $(filter bench-all,$@),--all) $(BENCH_ARGS) --benchmark-json $(BENCH_JSON) || failed=1; \
	if [ $$failed ]; then keep=; else keep=$(KEEP); fi; \
	$(BIN)/python benchmarks/table.py $(BENCH_JSON) $$keep && exit $${failed:-0}

# Where the time of one work goes: make profile WORK=bench_whole [SORT=tottime]
SORT ?= cumtime
profile: $(VENV)/test
	$(BENCH) -k '$(WORK)' --benchmark-cprofile $(SORT) --benchmark-cprofile-top 30

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit -q -c pyproject.toml -r naslib_archlock

# --strict: a link, an anchor or a name that leads nowhere is an error; with --quiet, mkdocs does not count them. The
# variable silences an advertisement.
docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "written to build/site: index.html"

# Known holes in the packages that were tested, by PyPI's advisories of today: not in CI, as they are not ours to pin.
# A package that could not be looked up fails, too.
AUDIT := build/pip-audit
audit-packages:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install -q --disable-pip-version-check pip-audit
	@failed=; for file in constraints/py3.*.txt; do echo "$$file:"; \
		$(AUDIT)/bin/pip-audit --strict --disable-pip --no-deps -r $$file || failed=1; done; [ -z "$$failed" ]

# Build and check the wheel and the sdist, and use the wheel as a new user would: make dist PYTHONS="3.9 3.11 3.13".
PYTHONS ?= 3.11

dist: $(VENV)/dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/nox -s $(PYTHONS:%=wheel-%)

# The HTML reports are tested in a real browser, and those tests are skipped where there is none. Only a root in CI
# installs one without being asked; without it, the tests go on.
BROWSERS := chromium chromium-browser google-chrome

browser:
ifdef CI
	@for b in $(CHROMIUM) $(BROWSERS); do command -v $$b >/dev/null && exit; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; \
	fi; true
endif

clean:
	rm -rf $(VENV) .nox build dist

# Each level installs once, and again when what it installs has changed.
$(VENV)/core: pyproject.toml $(CONSTRAINTS)
	@echo "Installing into $(VENV) what pyproject.toml requires, from the package index: torch, NumPy, SciPy, pandas,"
	@echo "scikit-learn, Matplotlib and smaller ones. On Linux, torch is the CUDA build, which takes several gigabytes."
	@echo "CPU=1 takes the build for CPUs from download.pytorch.org instead, which takes less than one."
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	touch $@

$(VENV)/dev: $(VENV)/core
	$(INSTALL) -e '.[dev]'
	touch $@

$(VENV)/docs: $(VENV)/core
	$(INSTALL) -e '.[docs]'
	touch $@

# NASLib's requirements are many: they are installed only where a checkout is found.
ifneq ($(wildcard $(NASLIB)/naslib/__init__.py),)
$(VENV)/test: $(VENV)/dev
	$(INSTALL) -e '.[dev,naslib]'
	touch $@
else
$(VENV)/test: $(VENV)/dev
	touch $@
endif
