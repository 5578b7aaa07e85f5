# `make help` lists what there is. Runs with GNU make; needs cargo and node, and for the tests what tests/packages names.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
WEB_SOURCES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)
# `make clean-web` or a removed web/dist builds the pages again, whatever the stamp says.
WEB_STAMP := target/web.stamp
ifeq ($(wildcard web/dist/*.html),)
.PHONY: $(WEB_STAMP)
endif

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: build ## build and start the demo: server, stand-in for WeChat and a sample meeting; data in ./data
	./target/release/kaijiang demo

.PHONY: build
build: needs ## target/release/kaijiang, with the web pages inside
	@$(MAKE) --no-print-directory -j2 web fetch
	cargo build --release --locked

.PHONY: web
web: $(WEB_STAMP) ## the web pages alone, into web/dist

$(WEB_STAMP): $(WEB_SOURCES) web/node_modules/.package-lock.json
	cd web && node_modules/.bin/vite build
	@mkdir -p target && touch $@

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

.PHONY: wire
wire: web/node_modules/.package-lock.json ## the OpenAPI document and the web client's types, from the handlers
	cargo run --quiet --locked -- openapi > web/src/wire/openapi.json
	cd web && npm run wire

# Downloading the crates while npm works: the compilation itself needs the finished pages.
.PHONY: fetch
fetch:
	cargo fetch --locked

.PHONY: needs
needs:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.88 or newer (rustup)" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: install gcc or clang" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "node and npm are missing: install Node.js 20.19 or newer" >&2; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || \
	  { echo "Node.js $$(node --version) is too old: 20.19 or newer is needed" >&2; exit 1; }

.PHONY: test
test: needs ## everything that CI runs; SUITES="rust web-unit" runs only those
	@tests/all $(SUITES)

E2E = cargo build --locked && KAIJIANG_BIN="$(CURDIR)/target/debug/kaijiang" npm --prefix web run e2e --
.PHONY: pictures
pictures: needs web ## take the pictures of the manual anew; KAIJIANG_CHROMIUM names another browser
	KAIJIANG_PICTURES=1 bash -c '$(E2E) manual'

.PHONY: approve
approve: needs web ## take the approved pictures of the hall screen anew: look at each before committing it
	KAIJIANG_APPROVE=1 bash -c '$(E2E) approved'

.PHONY: mutants
mutants: needs ## plant each small bug in the rules of money and see a simulation catch it
	@tests/mutants

.PHONY: simulate
simulate: needs ## the long forms: 100 million steps of the sender alone, 5 million transactions, every kill against every fault
	KAIJIANG_SIM_STEPS=100000000 cargo test --release --locked --lib -- payout::sim::no_week_of --nocapture
	KAIJIANG_SIM_SQL=2500000 tests/with-services cargo test --release --locked --lib -- payout::sim::no_week_on --nocapture
	KAIJIANG_KILLS=all tests/with-services cargo test --locked --test it -- kill:: --nocapture

.PHONY: fuzz
fuzz: needs ## damaged and made-up input for every parser that faces strangers, fifty times as much as the tests
	KAIJIANG_FUZZ=50 cargo test --locked -- hostile

.PHONY: lint
lint: needs ## the linters alone, Rust and web
	@tests/all fmt clippy machete deny typos web-lint web-types

.PHONY: bench
bench: build ## measure this machine; prints JSON
	@for what in $(or $(WHAT),draw live); do ./target/release/kaijiang bench $$what || exit 1; done

.PHONY: soak
soak: build ## evenings in a row with faults on this machine; fails when memory, files or tasks grow (ARGS="--evenings 20")
	@./target/release/kaijiang bench soak $(ARGS)

RELEASE := kaijiang-$(VERSION)
# Only what belongs to the sources: a key or a setting that somebody made in deploy/ stays here.
SHIPPED = { git ls-files deploy docs 2>/dev/null | grep . || \
  find deploy docs -type f ! -name '*.key' ! -name '*.env' ! -path 'deploy/pem/*' ! -path 'deploy/domain/*'; }
.PHONY: release
release: build ## target/kaijiang-VERSION.tar.gz: binary, configuration, units, proxies, dashboard, manual, licences
	@rm -rf target/$(RELEASE) && mkdir -p target/$(RELEASE)
	@cp target/release/kaijiang README.md CHANGELOG.md LICENSE SECURITY.md target/$(RELEASE)/
	@$(SHIPPED) | tar -c -T - | tar -x -C target/$(RELEASE)
	@mv target/$(RELEASE)/deploy/Dockerfile.release target/$(RELEASE)/deploy/Dockerfile
	@sed 's#^dir = "data"#dir = "/var/lib/kaijiang"#' src/config.default.toml > target/$(RELEASE)/kaijiang.toml
	@node deploy/licenses.mjs > target/$(RELEASE)/LICENSES.txt
	@rm target/$(RELEASE)/deploy/licenses.mjs target/$(RELEASE)/deploy/watch/alerts.test.yml
	@tar -C target --owner=0 --group=0 -czf target/$(RELEASE).tar.gz $(RELEASE)
	@rm -rf target/$(RELEASE)
	@echo "target/$(RELEASE).tar.gz"

.PHONY: clean-web
clean-web: ## forget the built pages and the installed npm packages
	rm -rf web/dist web/node_modules $(WEB_STAMP)
