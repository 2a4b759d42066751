# make demo   the main job end to end, on the embedded store (KEEP=1 leaves the station running)
# make test   everything
# make mutants  breaks the ledger's promises one by one; the tests must see each (minutes)
# make bench  speed, as ratios in one run
# make dist   packages in .dist/: .tar.gz and .deb with programs, manual pages, completions, unit, SBOM
# make openapi  writes docs/openapi.json anew
#
# What is missing on this machine is installed where it can be: tools/prepare.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.PHONY: demo test mutants lint bench dist openapi

# Where rustup puts it, for a shell that was there before.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

demo:
	@tools/prepare demo
	features=$$(tools/features)
	cargo build --workspace --bins $$features
	KEEP=$(KEEP) demo/run target/debug

# Binaries first: the scenarios run the real ones, and a stale one must not pass.
test:
	@tools/prepare test
	features=$$(tools/features)
	tests/servers/fetch
	dist/packer > /dev/null
	cargo build --workspace --bins $$features
	cargo test --workspace $$features

mutants:
	@tools/prepare test
	tests/servers/fetch
	VENDORED="$$(tools/features)" tests/mutants/run

lint:
	@tools/prepare lint
	cargo fmt --check
	cargo clippy --workspace --all-targets $$(tools/features) -- -D warnings
	tools/openapi/lint docs/openapi.json

bench:
	@tools/prepare demo
	cargo bench -p pep-server --bench line --bench ledger $$(tools/features pep-server)

# As the commit is dated, so that the same commit gives the same package.
dist:
	@tools/prepare dist
	export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2> /dev/null || echo 0)
	export PEP_COMMIT=$${PEP_COMMIT:-$$(git rev-parse --short=12 HEAD 2> /dev/null || true)}
	target=$${CARGO_TARGET_DIR:-target}
	cargo build --release --locked --workspace --bins $$(tools/features)
	mkdir -p .dist
	cargo metadata --locked --format-version 1 | cargo run -q --locked -p pep --example sbom > .dist/sbom.cdx.json
	CARGO_DEB=$$(dist/packer) dist/pack "$$target/release" .dist/sbom.cdx.json .dist
	rm .dist/sbom.cdx.json

openapi:
	cargo run -q -p pep-server -- openapi > docs/openapi.json
