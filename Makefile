# Recipes are short; what takes more than a few lines is a script in .ci/.

.DEFAULT_GOAL := help

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
GO       ?= go
GOBUILD   = $(GO) build
PREFIX   ?= /usr/local
TEST     ?=
FUZZTIME ?= 2m
DIFFERENTIAL ?= -rounds 150
SOAK     ?= -duration 10m -clients 64
CHAOS    ?= -faults all -seeds 5
FAILOVER ?=
PUBSUB   ?= 1000000
BENCH    ?=

# Debian keeps nutcracker in /usr/sbin, which is not in everybody's PATH.
export PATH := $(PATH):/usr/sbin:/sbin

# What ships is static and knows nothing of the machine it was built on. The tests are built the
# same way, so that they and the binary share what is compiled.
export GOFLAGS := $(filter-out -trimpath,$(GOFLAGS)) -trimpath
export CGO_ENABLED := 0

.PHONY: help run build install test clients fuzz pubsub soak chaos failover bench bench-quick micro clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, and start a proxy with servers of its own to try it on
	bin/huntaway demo

build: ## build bin/huntaway (needs Go and nothing else)
	$(GOBUILD) -ldflags '-X main.version=$(VERSION)' -o bin/huntaway ./cmd/huntaway

install: build ## put bin/huntaway and its manual into PREFIX=/usr/local
	install -D -m 755 bin/huntaway $(DESTDIR)$(PREFIX)/bin/huntaway
	bin/huntaway man --dir $(DESTDIR)$(PREFIX)/share/man/man8

test: ## everything a change must pass: format, vet, layers, unit, race, end to end, TEST='-count=1 -run Name'
	.ci/tools
	$(MAKE) --no-print-directory build
	TEST='$(TEST)' .ci/test

clients: ## run real clients of six languages through the proxy (5 minutes; installs them on Debian as root)
	.ci/tools
	.ci/clients

fuzz: ## fuzz every target in the tree, FUZZTIME=2m each
	.ci/fuzz $(FUZZTIME)

differential: build ## compare with redis-server byte for byte for a while, DIFFERENTIAL='-rounds 150 -seed 1'
	HUNTAWAY_BIN=$(CURDIR)/bin/huntaway $(GO) test -count=1 -timeout 60m -v ./perf/bench/differential -args $(DIFFERENTIAL)

pubsub: ## publish around subscriptions and their ends through two proxies, PUBSUB=1000000 messages (some minutes)
	.ci/tools
	$(GO) test -count=1 -timeout 60m -v -run '^TestPubSubModel$$' ./loop -args -messages $(PUBSUB)

soak: build ## hurt servers and check that every reply reaches its client, SOAK='-duration 10m -clients 64'
	$(GOBUILD) -o .bench/soak ./perf/bench/soak
	.bench/soak $(SOAK)

chaos: build ## inject every fault and judge what clients saw, CHAOS='-faults F1,F32 -seeds 5' (an hour)
	.ci/tools strace:strace ip:iproute2
	$(GOBUILD) -tags failpoints -o .bench/huntaway-failpoints ./cmd/huntaway
	$(GOBUILD) -o .bench/chaos ./perf/bench/chaos
	.bench/chaos $(CHAOS)

failover: build ## measure failovers and switchovers against the targets, FAILOVER='-faults crash,stop -times 0.2' (an hour and a half)
	$(GOBUILD) -o .bench/chaos ./perf/bench/chaos
	.bench/chaos -measure $(FAILOVER)

bench: build ## measure against no proxy and nutcracker, write .bench/report.md (up to 25 minutes; BENCH='-before OLD/bin/huntaway' compares)
	$(GOBUILD) -o .bench/bench ./perf/bench
	.bench/bench $(BENCH)

bench-quick: build ## the main loads in two rounds (up to 3 minutes)
	$(GOBUILD) -o .bench/bench ./perf/bench
	.bench/bench -mode matrix -rounds 2 -loads '^(get|set|get-p16|get-p100)$$' -budget 3m $(BENCH)

micro: ## run the Go benchmarks beside the code
	$(GO) test -run '^$$' -bench . -benchmem ./...

clean: ## remove what make built and measured
	rm -rf bin .bench
