# Two commands on a fresh machine with Python >= 3.11 and make:
#   make lab     build .venv (once) and open JupyterLab on the first lecture
#   make test    build .venv (once) and run every check
# and
#   make check        the quick checks, a few minutes
#   make test-oldest  unit and contract tests with the oldest versions that pyproject.toml admits
#   make soak         grade 500 submissions and 200 more under load, draw the labs' inputs five times as often, and run
#                     a point of every study again: two hours or less
#   make constraints  write what .venv holds now into constraints.txt
#   make clean        remove what these commands made; data/ and work in labs/ stay
# `make PYTHON=/path/to/python3.12 ...` names the Python to build with.

# Waiting OpenMP threads that spin make whatever runs beside them many times slower.
export OMP_WAIT_POLICY := passive
export GOMP_SPINCOUNT := 0
# OpenBLAS keeps threads of its own, beside torch's.
export OPENBLAS_NUM_THREADS := 1

py := .venv/bin/python
pytest := $(py) -m pytest
# nbval reads no messages while a cell runs, and zmq drops those that do not fit into its queue, the cell's last one
# among them: progress bars that move ten times a second fill it on a slow machine.
calm := TQDM_MININTERVAL=5
side_by_side := OMP_NUM_THREADS=1 $(pytest) -n 2 --dist loadfile

ifdef PYTHON
candidates := "$(PYTHON)"
else
candidates := python3.13 python3.12 python3.11 python3 python
endif
# A candidate must run (a pyenv shim may exist and fail), be new enough and able to build environments.
fits := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
found = $(shell for p in $(candidates); do "$$p" -c '$(fits)' 2>/dev/null && echo "$$p" && break; done)
seen = $(shell for p in $(candidates); do "$$p" -c 'import sys; print("%d.%d" % sys.version_info[:2])' \
	2>/dev/null && break; done)
define no_python
Python 3.11 or newer with its venv module is needed; found: $(or $(seen),none). \
Install it (Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python) \
or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12
endef
build = "$(or $(found),$(error $(no_python)))" tools/environment.py

.PHONY: lab check test test-oldest soak constraints clean moved
.DEFAULT_GOAL := lab

lab: .venv/.ready
	@$(py) -m lecturelib.cli lab

check: .venv/.ready
	$(py) -m ruff check .
	$(side_by_side) -m "not slow" $(wildcard tests/unit tests/contract tests/labs tests/grading)
	$(if $(wildcard notebooks/*.ipynb),$(py) -m lecturelib.cli notebooks run --profile smoke -j 2)

test: .venv/.ready
	$(py) -m ruff check .
	$(side_by_side) tests --ignore tests/browser
	OMP_NUM_THREADS=1 $(pytest) -n 2 --dist load tests/browser
	$(if $(wildcard notebooks/*.ipynb),LECTURELIB_PROFILE=cpu $(calm) $(side_by_side) --nbval-lax notebooks)

test-oldest: .venv-oldest/.ready
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n 2 --dist loadfile $(wildcard tests/unit tests/contract) \
		--deselect tests/unit/test_frame.py::test_constraints_pin_all_that_is_installed

soak: .venv/.ready
	OMP_NUM_THREADS=1 LECTURELIB_SOAK=500 LECTURELIB_HONEST=200 $(pytest) tests/hostile/test_soak.py tests/hostile/test_honest.py
	LECTURELIB_SOAK=500 $(side_by_side) -m "slow or soak" tests/labs tests/unit

constraints: .venv/.ready
	$(py) tools/constraints.py > constraints.new && mv constraints.new constraints.txt && touch .venv/.ready

clean:
	rm -rf .venv .venv-oldest .pytest_cache .ruff_cache lecturelib.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: pyproject.toml constraints.txt
	@$(build) .venv

.venv-oldest/.ready: pyproject.toml
	@$(build) .venv-oldest --oldest

# An environment holds absolute paths: one that was moved or copied is built again.
ifneq ($(shell cat .venv/.ready 2>/dev/null),$(CURDIR))
.venv/.ready: moved
endif
