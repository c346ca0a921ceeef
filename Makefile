# The commands everyone uses; what each installs is listed in scripts/install.
.PHONY: help demo test soak bench lint fuzz clean

help:                ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo:                ## hub, relay and sample events, until interrupted
	@scripts/install demo
	@scripts/dashboard
	cargo build --release --workspace --locked
	@exec target/release/vedette-demo

test:                ## everything that CI checks
	@scripts/test

SEEDS ?= 20000
soak:                ## simulated stories of relay and hub, as many as SEEDS says
	cargo build --release --workspace --locked
	@exec target/release/vedette-sim --seeds $(SEEDS)

bench:               ## the product's figures, into target/bench/results.jsonl
	@scripts/install bench
	@scripts/dashboard
	cargo build --release --workspace --locked
	@exec target/release/vedette-bench

lint:                ## formatting, lints and structure
	cargo fmt --all --check
	cargo lint
	cargo tidy

fuzz:                ## two minutes for each fuzz target; needs cargo-fuzz and a nightly compiler
	@scripts/fuzz

clean:               ## everything that was built
	cargo clean
	rm -rf hub/ui/dist hub/ui/node_modules tests/sdk/node_modules
