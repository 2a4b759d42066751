# make demo   the main job end to end, on the embedded store (KEEP=1 leaves the station running)
# make test   everything; installs no system packages, names what is missing
# make bench  speed, as ratios in one run
# make openapi  writes docs/openapi.json anew

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.PHONY: demo test lint bench openapi tools

# Where pkg-config finds no OpenSSL the bundled one is built.
VENDORED := $(shell pkg-config --atleast-version=3.0 openssl 2>/dev/null || echo --features fcc/vendored,pep-server/vendored,pep/vendored)

demo: tools
	cargo build --workspace --bins $(VENDORED)
	KEEP=$(KEEP) demo/run target/debug

# Binaries first: the scenarios run the real ones, and a stale one must not pass.
test: tools
	tests/servers/fetch
	cargo build --workspace --bins $(VENDORED)
	cargo test --workspace $(VENDORED)

lint: tools
	cargo fmt --check
	cargo clippy --workspace --all-targets $(VENDORED) -- -D warnings

bench: tools
	cargo bench -p pep-server --bench line --bench ledger $(if $(VENDORED),--features pep-server/vendored)

openapi:
	cargo run -q -p pep-server -- openapi > docs/openapi.json

tools:
	@missing=()
	for tool in cargo cc make openssl; do
		command -v $$tool > /dev/null || missing+=("$$tool")
	done
	if [ -n "$(VENDORED)" ]; then
		command -v perl > /dev/null || missing+=(perl)
		echo "no OpenSSL development files found (Debian: libssl-dev, pkg-config): the bundled OpenSSL is built"
	fi
	if [ $${#missing[@]} -gt 0 ]; then
		echo "missing on this machine: $${missing[*]}" >&2
		echo "Debian: apt-get install build-essential openssl perl; Rust 1.95 or newer: rustup" >&2
		exit 1
	fi
