# `make test faults` is what .ci/run calls. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Kept between runs and not committed: a newer Node.js where the machine's is too old.
KEPT := $(CURDIR)/.ci/kept
export PATH := $(KEPT)/node/bin:$(PATH)

.PHONY: help
help: ## list the targets
	@sed -nE 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: build
build: ## build the server as ./openhands-server
	go build -trimpath -o openhands-server .

.PHONY: unit
unit: ## run the Go tests with whatever engines this machine has, without npm client and browser
	go test $$(go list ./... | grep -v /app/e2e)

.PHONY: test
test: tools lint ## run everything: checks, tests on every engine, npm client, browser
	@echo 'go test -race -shuffle=on ./... (DBTEST_REQUIRE=all)'
	@DBTEST_REQUIRE=all go test -race -shuffle=on -timeout=12m ./...

.PHONY: faults
faults: tools ## kill, pause and cut databases under load, and print what was lost: about 5 minutes
	@.ci/faults

FUZZTIME := 60s

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (60s)
	@grep -rl '^func Fuzz' --include=*_test.go . | while read -r file; do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z]*).*/\1/p' "$$file"); do \
	    echo "$$target"; \
	    go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s | tail -n 2; \
	  done; \
	done

.PHONY: cluster
cluster: tools ## run replicas, failover and a Galera cluster on this machine, and print what was lost: about 4 minutes
	@.ci/step galera .ci/galera
	@.ci/cluster

.PHONY: e2e
e2e: tools ## run the npm client, the browser and the composed program against the built server
	@DBTEST_REQUIRE=all go test -race -count=1 -v ./app/e2e

.PHONY: lint
lint: ## check format, vet, lint and go.mod
	@.ci/step gofmt .ci/formatted
	@.ci/step vet go vet -tags faults,cluster ./...
	@.ci/step golangci go run $(GOLANGCI) run
	@.ci/step tidy go mod tidy -diff

.PHONY: tools
tools: ## install what the tests need, or say what to install
	@.ci/step tools .ci/tools $(KEPT)
