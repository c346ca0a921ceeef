# The commands everyone uses; what each installs is listed in scripts/install.
.PHONY: help demo test test-sdks soak pairs mutants bench compare lint fuzz clean

help:                ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo:                ## hub, relay and sample events, until interrupted
	@scripts/install demo
	@scripts/dashboard
	cargo build --release --workspace --locked
	@exec target/release/vedette-demo

test:                ## everything that CI checks
	@scripts/test

test-sdks:           ## SDKs of earlier years, from their requests to the hub's API
	@scripts/install sdks
	cargo build --workspace --locked
	@exec target/debug/vedette-sdks

SEEDS ?= 20000
# How much of each trouble `make soak` makes; what `make test` makes stands in tests/src/scale.rs.
export KILLS CUTS PARTITION_SECS SLOW_CLIENTS DISTINCT_ERRORS ROLLING_RELAYS
soak: KILLS ?= 200
soak: CUTS ?= 200
soak: PARTITION_SECS ?= 1800
soak: SLOW_CLIENTS ?= 10000
soak: DISTINCT_ERRORS ?= 1000000
soak: ROLLING_RELAYS ?= 50
soak:                ## SEEDS simulated stories; then kills, power cuts, a partition and crowds for the real programs
	@scripts/dashboard
	cargo build --release --workspace --locked
	target/release/vedette-sim --seeds $(SEEDS)
	cargo test --release --workspace --locked --test e2e -- --nocapture --test-threads=1 \
	    crashes power partition slow_clients cardinality upgrade

# The version before this one, or any other revision.
OTHER ?= $(shell git describe --tags --abbrev=0 2>/dev/null)
pairs:               ## relays and hubs of this version and of OTHER live together, are upgraded and set back
	@scripts/pairs $(OTHER)

mutants:             ## shows that the simulation finds what it is there for: breaks the product on purpose
	@scripts/mutants

bench:               ## the product's figures, into target/bench/results.jsonl
	@scripts/install bench
	@scripts/dashboard
	cargo build --release --workspace --locked
	@exec target/release/vedette-bench

CASES ?= 4000
compare:             ## CASES generated rules and events, beside Sentry's scrubber (from PyPI, run as it is)
	cargo build --workspace --locked
	@tests/compare/run $(CASES)

lint:                ## formatting, lints and structure
	cargo fmt --all --check
	cargo lint
	cargo tidy

FUZZ_SECS ?= 120
fuzz:                ## FUZZ_SECS for each fuzz target, with the nightly compiler; what it finds is in target/fuzz
	@scripts/install fuzz
	@FUZZ_SECS=$(FUZZ_SECS) scripts/fuzz

clean:               ## everything that was built
	cargo clean
	rm -rf hub/ui/dist hub/ui/node_modules tests/sdk/node_modules tests/sdk/legacy/node_modules \
	    tests/sdk/mcp/node_modules
