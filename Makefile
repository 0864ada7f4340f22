# `make demo` and `make test` are all a newcomer needs; the rest are their parts.
.PHONY: help demo demo-stop test test-full lint sanity lint-ansible lint-python test-unit test-integration test-molecule test-attacks test-files test-crash test-writes test-matrix fuzz sbom bench-ingest bench-promote bench-volume bench-carry bench-load bench-verify bench-outage clean
.DEFAULT_GOAL := help
SHELL := /bin/sh
PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH
PYTHON ?= python3
ROWS :=
SCENARIOS := default
PIECES :=
RUNS := 300
RUN :=
FROM := 1
JOBS :=
FUZZ_SECONDS := 3600
FILES_SECONDS := 3600
SEED :=
CASES :=
ROUNDS ?=
VARIANTS ?=
CHART ?=

help: ## Say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: .venv/runtime ## Ingest two real releases into an embedded PostgreSQL and leave the demo portal up
	@demo/up

demo-stop: ## End the demo and delete what it made
	@demo/down

test: lint test-unit test-integration test-molecule ## About 30 minutes: lint, unit tests, each kind of integration test, one Molecule scenario

test-full: .venv/development .venv/postgresql/installed ## The rest: all integration tests and scenarios, in pieces (PIECES="engines molecule"), resumable
	python tests/pieces.py $(PIECES)

lint: .venv/development ## ansible-lint (production, strict), yamllint, ruff, mypy (strict), import-linter
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint-ansible lint-python

lint-ansible:
	yamllint --strict --config-file .config/yamllint.yml .
	ansible-lint --config-file .config/ansible-lint.yml

lint-python:
	ruff check .
	ruff format --check .
	mypy
	PYTHONPATH=module_utils lint-imports --cache-dir .cache/importlinter .config/importlinter.ini

sanity: .venv/development ## Ansible's own tests of a collection, on an installed copy (ansible-test sanity; reaches the package index)
	tests/sanity

test-unit: .venv/development .venv/postgresql/installed ## Tests that need no server, and a little of make fuzz
	pytest tests/unit tests/fuzz --numprocesses 2

test-integration: .venv/development .venv/postgresql/installed ## A part of the tests against real PostgreSQL servers, processes and containers
	pytest tests/integration -m 'not full' --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 25

test-molecule: .venv/development ## Whole ingests on Docker; not run without a Docker engine, which fails where CI is set
	tests/molecule $(SCENARIOS)

test-attacks: .venv/development .venv/postgresql/installed ## What somebody hostile writes, answers or is has no effect: all tests of that
	pytest -m attack tests

fuzz: .venv/development ## Feed every parser what is wrong, on and on; FUZZ_SECONDS=3600
	FUZZ_SECONDS=$(FUZZ_SECONDS) python tests/fuzz

test-files: .venv/development .venv/postgresql/installed ## Load all files that ended a load once, and polluted, made up and damaged ones; FILES_SECONDS=3600; writes build/files.json
	FILES_SECONDS=$(FILES_SECONDS) SEED="$(SEED)" python tests/files $(CASES)

test-crash: .venv/development ## Kill, fail and cut the power at every system call of the volume's verbs; writes build/crash.json
	python tests/crash

test-writes: .venv/development ## Switch and kill a portal that is hammered, and look for every acknowledged write; RUNS=300, RUN=seed repeats one; writes build/writes.json
	RUNS="$(RUNS)" RUN="$(RUN)" FROM="$(FROM)" JOBS="$(JOBS)" python tests/writes

test-matrix: .venv/development .venv/postgresql/installed ## Python 3.9 on the hosts, the oldest and the newest ansible-core; not run without their Pythons
	python tests/matrix $(ROWS)

bench-ingest: .venv/development ## Time a first ingest and one that changes nothing, wall and CPU, against another checkout with BASE=...; writes build/bench/ingest.json
	BASE="$(BASE)" python tests/bench/first_ingest.py

bench-promote: .venv/development ## Time promotions of 0.1, 1 and 4 GB, synced in the window and before it; writes build/bench/promote.json
	python tests/bench/promote.py

bench-volume: .venv/development ## Time promote, rollback and prune against size, and count their system calls; writes build/bench/volume.json
	python tests/bench/volume.py

bench-carry: .venv/development ## Time the carrying of a million rows of users against a COPY pipe, pg_dump and a merge (ROWS, ROUNDS); writes build/bench/carry.json
	python tests/bench/carry.py

bench-load: .venv/development ## Time the load of 6 million rows against COPY and other tools (docs/speed.md); writes build/bench/load.json
	python tests/bench/load

bench-outage: .venv/development .venv/postgresql/installed ## Time from outside how long users are without the portal, against scripts and tasks, on Docker (ROUNDS, VARIANTS="raw restart"); writes build/bench/outage.json
	ROUNDS="$(ROUNDS)" VARIANTS="$(VARIANTS)" CHART="$(CHART)" python tests/bench/outage

bench-verify: .venv/development ## Time what a load proves and what the gate reads, with the defaults, on 6 million rows (docs/speed.md); writes build/bench/verify.json
	python tests/bench/verify

.venv/runtime: requirements.txt
	.config/venv requirements.txt $(PYTHON)
	@touch $@

.venv/development: requirements-dev.txt
	.config/venv requirements-dev.txt $(PYTHON)
	@touch $@ .venv/runtime

.venv/postgresql/installed: requirements-postgresql.txt .venv/development
	.config/postgresql requirements-postgresql.txt
	@touch $@

sbom: ## Write what the runtime and the collection consist of, with digests (CycloneDX), to build/sbom.json
	.config/sbom requirements.txt build/sbom.json $(PYTHON)

clean: ## Delete the virtual environment and caches
	rm -rf .venv .cache build .mypy_cache .ruff_cache .pytest_cache
