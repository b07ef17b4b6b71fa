# make walk    sets up, trains a robot from nothing, scores it and leaves a video of it walking
# make test    sets up, then lint, types and tests
# make wheel   dist/locomotion-*.whl, which brings the command `locomotion`
# make faults  kills and full disks at many moments of every phase; a quarter of an hour
# make fuzz    damages and forges every kind of file that is read again, a thousand times each
# make exports exports every policy that ships, each proven over two whole episodes; some minutes
# make setup   .venv with everything in it, pinned by constraints.txt

PYTHON ?= python3
PY := .venv/bin/python
GL_PACKAGES := libegl1 libopengl0 libgl1-mesa-dri
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Root may use apt as it is, others where sudo asks no password.
APT := $(shell command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] && echo apt-get || { sudo -n true 2>/dev/null && echo sudo apt-get; }; })

.PHONY: setup walk test browser lint types faults fuzz exports wheel installed clean

walk: setup
	$(PY) scripts/train.py Go1

test: setup lint types browser
	$(PY) -m pytest -n 2
	$(MAKE) installed

faults: setup
	$(PY) -m tests.locomotion.faults

fuzz: setup
	$(PY) -m tests.locomotion.fuzzing 1000

exports: setup
	@for card in $(wildcard locomotion/policies/*/policy.json); do \
	  $(PY) scripts/export.py $$(basename $$(dirname $$card)) || exit; echo; done

# The viewer's test draws a robot in a browser; it is skipped where there is none.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit; done; \
	{ [ -n "$(APT)" ] && timeout 120 $(APT) update -qq && timeout 120 $(APT) install -y -qq --no-install-recommends chromium; } || \
	  echo "The viewer is not tested in a browser; install one by: sudo apt-get install chromium"

lint: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: setup
	.venv/bin/mypy

wheel: setup
	rm -rf build dist
	$(PY) -m pip wheel --quiet --no-deps --wheel-dir dist .

# The wheel, alone in an empty environment outside the clone, has all that the command needs.
installed: wheel
	@place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	$(PYTHON) -m venv $$place/venv && \
	$$place/venv/bin/pip install --quiet --constraint constraints.txt dist/*.whl && cd $$place && \
	venv/bin/locomotion evaluate CartPole --episodes 1 && \
	venv/bin/locomotion train Go1 --steps 6144 --evaluations 0 --final-episodes 2 --video-seconds 0 --track off

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one by: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ -n "$(APT)" ]; then $(APT) update -qq && $(APT) install -y -qq --no-install-recommends python3-venv; \
	  else echo "Python's venv is missing; install it by: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv --clear .venv
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[dev,export,hub,robots,sweep]'
	@draws() { $(PY) -c 'import envs; envs.Renderer(envs.World(envs.make_task(envs.canonical_id("CartPole")), 1)).render()' 2>/dev/null; }; draws || { \
	  [ -n "$(APT)" ] && $(APT) update -qq && $(APT) install -y -qq --no-install-recommends $(GL_PACKAGES) && draws; } || \
	  echo "Videos need headless OpenGL (training does not); install it by: sudo apt-get install $(GL_PACKAGES)"
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
