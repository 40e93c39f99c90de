# One task runner. Each target sets up what it needs in ./.venv, and does nothing twice.
PYTHON ?= python3
BIN := .venv/bin
# Folders too, because a deleted file shows only in the time of its folder.
SOURCES := pyproject.toml CMakeLists.txt README.md LICENSE Makefile $(shell find src core -not -name '*.pyc' -not -name __pycache__)
CXX_FILES = $(shell find core -name '*.cpp' -o -name '*.h')
# Outside a build's isolation, so that the compiler's work is kept between installs.
BUILD_TOOLS := 'scikit-build-core>=1.0' 'nanobind>=3.1' \
    $(shell command -v cmake >/dev/null || echo cmake) $(shell command -v ninja >/dev/null || echo ninja)
INSTALL = $(BIN)/python -m pip install --quiet --no-build-isolation --config-settings=build-dir=build/{wheel_tag}
# A .venv with everything for development also has everything to run.
RUN_READY := $(if $(wildcard .venv/dev.stamp),.venv/dev.stamp,.venv/run.stamp)

# cmake comes from the .venv where the machine has none.
CMAKE = PATH="$(CURDIR)/$(BIN):$$PATH" cmake
STRICT = -DPELLUCID_WERROR=ON -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python

.PHONY: run test check bench sanitize clean
.NOTPARALLEL:

run: $(RUN_READY)
	$(BIN)/pellucid train digits

test: .venv/dev.stamp
	$(BIN)/python -m pytest

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/python tools/check_rooms.py
	$(BIN)/python tools/make_ops_doc.py --check
	$(BIN)/python tools/make_core_numbers.py --check
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)
	mkdir -p build
	$(CMAKE) -S . -B build/check $(STRICT) >build/check.log
	$(CMAKE) --build build/check --parallel 2

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks

sanitize: .venv/dev.stamp
	mkdir -p build
	set -e; for kind in address,undefined thread; do \
	    $(CMAKE) -S . -B build/sanitize-$$kind $(STRICT) -DPELLUCID_CORE_TESTS=ON -DPELLUCID_SANITIZE=$$kind \
	        >build/sanitize.log; \
	    $(CMAKE) --build build/sanitize-$$kind --target pellucid_core_tests --parallel 2; \
	    PELLUCID_MUTATED_PLANS=100000 build/sanitize-$$kind/pellucid_core_tests; \
	done

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/tools.stamp:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(BUILD_TOOLS)
	touch $@

.venv/run.stamp: .venv/tools.stamp $(SOURCES)
	$(INSTALL) '.[plot,sklearn]'
	touch $@

.venv/dev.stamp: .venv/tools.stamp $(SOURCES)
	$(INSTALL) '.[dev]'
	touch $@
