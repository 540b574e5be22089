# These commands do all their own set-up, in .venv:
#   make demo        lock an architecture on the embedded benchmark; needs no NASLib
#   make test        run the tests, but for the slow ones, in minutes; those that need NASLib are skipped without it
#   make test-all    run all tests, and those of the core on the other Pythons of this machine
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
INSTALL = $(BIN)/python -m pip install -q --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS))

.PHONY: demo test test-all test-newcomer core mutants docs check audit-packages bench bench-all profile clean browser

DEMO := --config-file naslib_archlock/configs/digits.yaml
DEMO_KEYS := out_dir build/demo

demo: $(VENV)/core
	$(BIN)/archlock search $(DEMO) $(DEMO_KEYS)
	@echo
	@echo "Try next:"
	@echo "  $(BIN)/archlock search $(DEMO) $(DEMO_KEYS) archlock.scheme tk archlock.target jigsaw    # it may see the target's images"
	@echo "  $(BIN)/archlock search --config-file naslib_archlock/configs/images.yaml dataset YOUR/IMAGES    # one sub-folder a class"
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

# --strict: a link, an anchor or a name that leads nowhere is an error. The variable silences an advertisement.
docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "written to build/site: index.html"

# Known holes in the packages that were tested, by PyPI's advisories of today: not in CI, as they are not ours to pin.
# A package that could not be looked up fails, too.
AUDIT := build/pip-audit
audit-packages:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install -q --disable-pip-version-check pip-audit
	@failed=; for file in constraints/py3.*.txt; do echo "$$file:"; \
		$(AUDIT)/bin/pip-audit --strict --disable-pip --no-deps -r $$file || failed=1; done; [ -z "$$failed" ]

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
	rm -rf $(VENV) .nox build

# Each level installs once, and again when what it installs has changed.
$(VENV)/core: pyproject.toml $(CONSTRAINTS)
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
