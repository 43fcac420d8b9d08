# Sequestra: what to type. `make` alone shows the list.
#
# Everything here can be run again at any time; what is present is not installed twice.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

CACHE := $(HOME)/.cache/sequestra

# Build output lives outside the clone, so that a second clone does not build everything again.
# An existing setting wins, and without a cache folder cargo's own default does.
ifndef CARGO_TARGET_DIR
ifeq ($(shell mkdir -p "$(CACHE)/target" 2>/dev/null && test -w "$(CACHE)/target" && echo yes),yes)
export CARGO_TARGET_DIR := $(CACHE)/target
endif
endif
TARGET := $(or $(CARGO_TARGET_DIR),target)

# What the build needs, what sealed jobs need, the tools of the workflow, what tests watch with.
PACKAGES := \
	build-essential pkg-config libssl-dev git ca-certificates \
	bubblewrap uidmap gocryptfs fuse3 \
	bwa samtools bcftools tabix fastp \
	strace libfaketime python3-venv softhsm2 opensc \
	openssl radosgw ceph-mon ceph-osd \
	postgresql-15 chromium chromium-driver

# Rooms with tables: their tests run on a file and on PostgreSQL.
ON_BOTH := hierarchy access archive intake runs consent map sharing

# An independent implementation of Crypt4GH, to read what we write; a validator of the contract's description; an OpenID
# provider to sign in at.
VENV := $(CACHE)/venv
CRYPT4GH := 1.8.6
OPENAPI := 0.9.0
CANAILLE := 0.3.6
# A relay of mail to send notifications to.
AIOSMTPD := 1.4.6

# Measurements, as room:example, and :release where a figure is compared with a bound of the processor.
BENCHES := screen:recall keys:rewrap policy:decide access:record sequestra:sealed_run sequestra:held sequestra:beside ledger:rate:release seal:throughput:release

.PHONY: help deps packages venv rust build demo test lint bench soak fuzz

help:
	@cat <<-'END'
	make demo              install what is missing, build, run the whole story on made reads
	make demo DATA=DIR     the same on the reads in DIR
	make demo SITE=DIR     the same, and the site stays in DIR
	make test              every check and every test
	make bench             measurements, bound and result side by side
	make soak              long runs: every kill point of every actor, and the table of results
	make fuzz NAME=all TIME=60   changed bytes for parsers, each target for so many seconds
	make build             only build
	make deps              only install what is missing (Debian packages, a Python environment)
	make lint              only the checks that run nothing: format, lints, tidy
	END

deps: packages venv rust

packages:
	@if ! command -v dpkg-query >/dev/null; then
		echo "make: this is no Debian: see that these are installed: $(PACKAGES)" >&2
		exit 0
	fi
	missing=()
	for package in $(PACKAGES); do
		status=$$(dpkg-query -W -f='$${db:Status-Status}' "$$package" 2>/dev/null || true)
		[ "$$status" = installed ] || missing+=("$$package")
	done
	if [ $${#missing[@]} -eq 0 ]; then exit 0; fi
	as_root=()
	if [ "$$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null || ! { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
			echo "make: packages are missing; as root: apt-get install --no-install-recommends $${missing[*]}" >&2
			exit 1
		fi
		as_root=(sudo)
	fi
	echo "make: installing packages: $${missing[*]}" >&2
	# Debian makes a server at once and starts it at each boot, unless told before. The tests start their own.
	if [[ " $${missing[*]} " == *" postgresql-15 "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
		"$${as_root[@]}" mkdir -p /etc/postgresql-common/createcluster.d
		echo "create_main_cluster = false" |
			"$${as_root[@]}" tee /etc/postgresql-common/createcluster.d/sequestra.conf >/dev/null
	fi
	apt=("$${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
	install=("$${apt[@]}" install -y --no-install-recommends "$${missing[@]}")
	# Package lists may be recent enough; if not, they are renewed once.
	"$${install[@]}" >/dev/null 2>&1 || { "$${apt[@]}" update && "$${install[@]}" >/dev/null; }

venv: packages
	@version='import importlib.metadata as m; print(m.version("crypt4gh"), m.version("openapi-spec-validator"), m.version("canaille"), m.version("aiosmtpd"))'
	if [ "$$("$(VENV)/bin/python" -c "$$version" 2>/dev/null || true)" = "$(CRYPT4GH) $(OPENAPI) $(CANAILLE) $(AIOSMTPD)" ]; then exit 0; fi
	echo "make: installing crypt4gh $(CRYPT4GH), openapi-spec-validator $(OPENAPI), canaille $(CANAILLE) and aiosmtpd $(AIOSMTPD) for tests into $(VENV)" >&2
	python=/usr/bin/python3
	[ -x "$$python" ] || python=python3
	"$$python" -m venv --clear "$(VENV)"
	"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check \
		"crypt4gh==$(CRYPT4GH)" "openapi-spec-validator==$(OPENAPI)" \
		"canaille[front,oidc,server]==$(CANAILLE)" "aiosmtpd==$(AIOSMTPD)"

rust:
	@if ! command -v cargo >/dev/null; then
		echo "make: Rust 1.95 or later is needed and not found: https://rustup.rs" >&2
		exit 1
	fi

# One command for all programs: built one by one they would share fewer crates with the tests.
build: packages rust
	@cargo build --locked --workspace

demo: build
	@"$(TARGET)/debug/sequestra" demo $(if $(DATA),--data "$(DATA)") $(if $(SITE),--site "$(SITE)")

lint: rust
	@cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo run --locked --quiet --package xtask -- tidy

# Building first would compile with other features, and all of it twice.
test: deps lint
	@export SEQUESTRA_CRYPT4GH="$${SEQUESTRA_CRYPT4GH:-$(VENV)/bin/crypt4gh}"
	export SEQUESTRA_CANAILLE="$${SEQUESTRA_CANAILLE:-$(VENV)/bin/canaille}"
	export SEQUESTRA_AIOSMTPD="$${SEQUESTRA_AIOSMTPD:-$(VENV)/bin/aiosmtpd}"
	# Examples are measurements: linting compiled them.
	cargo test --locked --workspace --lib --bins --tests
	cargo test --locked --workspace --doc
	SEQUESTRA_TEST_DATABASE=postgres cargo test --locked --workspace $(ON_BOTH:%=--test %)

bench: build
	@echo "load average: $$(cut -d' ' -f1-3 /proc/loadavg), $$(nproc) cores"
	for bench in $(BENCHES); do
		echo "== $$bench"
		IFS=: read -r room example profile <<< "$$bench"
		cargo run --locked --quiet --profile "$${profile:-dev}" --package "$$room" --example "$$example"
	done

# Building with the workspace, so that nothing is compiled twice.
soak: packages rust
	@cargo build --locked --workspace --bin soak
	"$(TARGET)/debug/soak" flip 97
	"$(TARGET)/debug/soak" crash
	cargo run --locked --quiet --package policy --example differ
	cargo run --locked --quiet --package policy --example terms 10000000
	for actor in ledger objects rotation retention; do unshare -m --propagation private "$(TARGET)/debug/soak" full "$$actor"; done

fuzz: rust
	@cargo build --locked --workspace --bin soak
	"$(TARGET)/debug/soak" fuzz "$(or $(NAME),all)" "$(or $(TIME),60)"
