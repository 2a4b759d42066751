# make demo   the main job end to end, on the embedded store (KEEP=1 leaves the station running)
# make test   everything; installs no system packages, names what is missing
# make mutants  breaks the ledger's promises one by one; the tests must see each (minutes)
# make bench  speed, as ratios in one run
# make dist   a package in .dist/: stripped programs, manual pages, completions, unit, SBOM, checksums
# make openapi  writes docs/openapi.json anew

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.PHONY: demo test mutants lint bench dist openapi tools

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

mutants: tools
	tests/servers/fetch
	VENDORED="$(VENDORED)" tests/mutants/run

lint: tools
	cargo fmt --check
	cargo clippy --workspace --all-targets $(VENDORED) -- -D warnings
	tools/openapi/lint docs/openapi.json

bench: tools
	cargo bench -p pep-server --bench line --bench ledger $(if $(VENDORED),--features pep-server/vendored)

# As the commit is dated, so that the same commit gives the same package.
dist: tools
	export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2> /dev/null || echo 0)
	target=$${CARGO_TARGET_DIR:-target}
	cargo build --release --locked --workspace --bins $(VENDORED)
	mkdir -p .dist
	cargo metadata --locked --format-version 1 | cargo run -q --locked -p pep --example sbom > .dist/sbom.cdx.json
	dist/pack "$$target/release" .dist/sbom.cdx.json .dist
	rm .dist/sbom.cdx.json

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
