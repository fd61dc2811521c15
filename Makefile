# Targets, each with what "make help" says of it. Go, a POSIX shell with bash,
# git, and for the console Node.js with npm, are all that the first ones need; test
# fetches the rest itself.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Figures for make bench, make fuzz and make soak.
COUNT     ?= 5
BENCH     ?= .
BENCHTIME ?= 1s
FUZZTIME  ?= 20s
SOAK      ?= 10m

export GOFLAGS ?= -buildvcs=false

.PHONY: help build run test check bench fuzz soak docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

build: ## build bin/kindred, one static binary, with the console in it
	@scripts/console
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/kindred ./cmd/kindred

run: build ## build if needed and serve with every default
	exec bin/kindred serve

test: ## all that CI runs: vet, and every test; fetches the tools it needs
	@scripts/test

check: ## formatting, vet, staticcheck, generated code, known vulnerabilities
	@GO='$(GO)' STATICCHECK='$(STATICCHECK)' GOVULNCHECK='$(GOVULNCHECK)' scripts/check

bench: ## measure what we promise figures for; prints medians of COUNT runs
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -count $(COUNT) -timeout 60m ./bench/... | $(GO) run ./scripts/benchtable

fuzz: ## run each fuzz target for FUZZTIME
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' scripts/fuzz

soak: ## run random sequences, against the model too, and crashes for SOAK (10m)
	@GO='$(GO)' SOAK='$(SOAK)' scripts/soak

docs: ## write the generated documents anew
	$(GO) generate ./internal/compat ./internal/house

clean: ## remove what was built and fetched, never data
	rm -rf bin .tools console/node_modules internal/console/dist/index.html* internal/console/dist/assets
