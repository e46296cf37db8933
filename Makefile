# What a person types. Everything else is `cargo` and `cairn --help`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Real CloudTrail records for the demo and the tests, where somebody has them; generated ones serve else.
export CAIRN_CORPUS ?= $(realpath ../shared/corpus)

.PHONY: help demo test simulate torture bench fuzz lint tools

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: ## Show real records travelling from PutAuditEvents to S3, SQS and back, on LocalStack
	@localstack/demo

test: ## Run all tests, those on LocalStack included
	@localstack/with cargo test --workspace --features sql --locked --no-fail-fast

simulate: ## Run the stages through simulated accidents: SEEDS=20000 of them, or SEED=7 alone
	CAIRN_TEST_SEEDS=$(or $(SEEDS),20000) $(if $(SEED),CAIRN_TEST_SEED=$(SEED)) \
		cargo test --locked --workspace --test simulation every_acknowledged -- --nocapture

torture: ## Kill a daemon under load ROUNDS times (100), and compare S3 with what was acknowledged
	cargo build --locked --package cairn-daemon
	CAIRN_TORTURE_ROUNDS=$(or $(ROUNDS),100) localstack/with \
		cargo test --locked --package cairn-tests --test system torture::no_crash

bench: ## Measure the release binary (ARGS="--quick", ARGS="cpu_vs_limit ack_"); figures go to stdout
	@cargo build --release --locked --package cairn-daemon --features sql
	@cargo run --release --locked --quiet --package cairn-bench -- $(ARGS)

fuzz: ## Fuzz what reads outside bytes, guided by coverage: [TARGET=name] [SECONDS=60] [INPUT=file]
	@tests/fuzz/run "$(TARGET)" $(if $(INPUT),input "$(INPUT)","$(or $(SECONDS),60)")

lint: ## Check formatting, lints, and the licences and sources of all dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features sql --locked -- -D warnings
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --document-private-items --workspace --no-deps --locked --quiet
	deploy/deny

tools: ## Install what lint needs besides the Rust toolchain (cargo-deny, once, some minutes)
	deploy/deny --install
