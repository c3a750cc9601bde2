# On a Debian machine with Rust each of these installs what it lacks, and then works.
CARGO ?= cargo
MUSL := x86_64-unknown-linux-musl
HOSTS := target/debug/test-hosts

.PHONY: help demo demo-app test bench conformance lint fmt dist setup clean-hosts

help:
	@echo 'make demo         deploy a Django service to a throwaway host, twice, and prove that it runs'
	@echo 'make demo-app     provision containers by a Proxmox API, configure them, and prove that their application runs'
	@echo 'make test         lint, unit tests, tests on real hosts'
	@echo 'make bench        compare with other tools; BENCH="--write --runs 5" for more'
	@echo 'make conformance  run ansible-core'"'"'s own integration targets; TARGETS="copy loops" for some, CONNECTION=ssh over SSH'
	@echo 'make lint         rustfmt, clippy, and cargo-deny where it is installed'
	@echo 'make fmt          format the code'
	@echo 'make dist         one static binary, in dist/'
	@echo 'make clean-hosts  stop every throwaway host and remove the cached base systems'

setup:
	@scripts/setup

demo: setup
	$(CARGO) build --release -p windlass
	$(CARGO) build --quiet -p windlass-demo
	scripts/as-root target/debug/demo target/release/windlass

demo-app: setup
	$(CARGO) build --release -p windlass
	$(CARGO) build --quiet -p windlass-demo
	scripts/as-root target/debug/demo-app target/release/windlass

test: setup lint
	scripts/test $(CARGO)

bench: setup
	@scripts/setup bench
	$(CARGO) build --release -p windlass
	$(CARGO) build --quiet -p windlass-bench
	scripts/as-root target/debug/windlass-bench $(BENCH)

# Statically linked, since it runs in a base system of its own; PROGRAM=... for another build.
PROGRAM ?= target/$(MUSL)/release/windlass

conformance: setup
ifeq ($(origin PROGRAM),file)
	@scripts/setup dist
	CC_x86_64_unknown_linux_musl=musl-gcc $(CARGO) build --release -p windlass --target $(MUSL)
endif
	scripts/as-root tests/conformance/run $(PROGRAM) $(TARGETS)

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check; \
	else echo 'cargo-deny is not installed: licences and advisories were not checked'; fi

fmt:
	$(CARGO) fmt --all

dist: setup
	@scripts/setup dist
	CC_x86_64_unknown_linux_musl=musl-gcc $(CARGO) build --release -p windlass --target $(MUSL)
	scripts/dist target/$(MUSL)/release/windlass

clean-hosts:
	$(CARGO) build --quiet -p windlass-test-hosts --bin test-hosts
	scripts/as-root $(HOSTS) clean
