# Everything runs in .venv, which is made when it is missing or the requirements have changed.
PYTHON ?= python3
BIN := .venv/bin
WORKSPACE ?=

.PHONY: run test browser check lint slow clean

# The stamp is touched last: an install that broke off is done again. A venv without pip is what Debian
# leaves when python3-venv is missing.
.venv/installed: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

run: .venv/installed ## open the demo, or WORKSPACE=folder
	$(BIN)/python -m reviewer $(if $(strip $(WORKSPACE)),open "$(WORKSPACE)",demo)

# A file stays with one worker: its tests share servers and workspaces.
test: .venv/installed ## all tests that run offline on a CPU in minutes, without a browser
	$(BIN)/python -m pytest -n 2 --dist loadfile

browser: .venv/installed ## the tests of the page, in Chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'browser and not slow and not gpu' tests/browser

check: .venv/installed lint test browser ## what CI runs

lint: .venv/installed
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/pyright
	$(BIN)/lint-imports

slow: .venv/installed ## tests that take minutes each
	$(BIN)/python -m pytest -m slow --timeout 1200

clean:
	rm -rf .venv build dist
