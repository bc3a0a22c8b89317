# Everything a newcomer or CI runs. `make demo` first; each target makes the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
REFERENCE := sample_gallery/red-cat-beach.png

.PHONY: demo test test-slow test-kill lint bench bench-gpu clean

demo: $(READY)
	$(BIN)/cvsi-db ingest sample_gallery --model starter --db demo-gallery
	$(BIN)/cvsi-db search $(REFERENCE) "with a hat" --db demo-gallery -k 8
	$(BIN)/cvsi-db search $(REFERENCE) "with a hat" --db demo-gallery -k 8 --format html --out demo.html
	@echo "demo.html holds the same answer as a page: open it in a browser"
	@echo "$(BIN)/cvsi-db serve --db demo-gallery   opens the gallery itself"

# Three processes for two cores (tests/conftest.py), one thread each: those that take every core stall one another.
# Python keeps what it compiles, whatever the environment says, or every process would compile it again; glibc keeps the
# memory of pictures and tables, or the system would clear it for each anew (a seventh of the time).
test: $(READY)
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= MALLOC_MMAP_THRESHOLD_=268435456 MALLOC_TRIM_THRESHOLD_=536870912 \
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

test-slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

test-kill: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -s -m slow tests/safety -k kill

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m benchmarks

# Ten minutes on a machine with a GPU of 96 GB or more; fewer ROWS for less.
ROWS ?= 10000000
bench-gpu: $(READY)
	timeout 600 $(BIN)/python -m benchmarks gpu --rows $(ROWS)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("cvsi-db needs Python 3.11 or newer; try make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) demo-gallery demo.html build *.egg-info
