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
	CGO_ENABLED=0 go build -trimpath -o openhands-server .

.PHONY: unit
unit: ## run the Go tests with whatever engines this machine has, without npm client and browser
	go test $$(go list ./... | grep -v /app/e2e)

.PHONY: test
test: tools lint ## run everything: checks, tests on every engine, npm client, browser
	@echo 'go test -race -shuffle=on ./... (DBTEST_REQUIRE=all)'
	@DBTEST_REQUIRE=all go test -race -shuffle=on -timeout=25m ./...
	@echo 'go test ./dbmodule (without prepared statements)'
	@DBMODULE_TEST_TEXT=1 DBTEST_REQUIRE=all go test -timeout=10m ./dbmodule
	@cd bench && DBTEST_REQUIRE=all go test -shuffle=on -timeout=5m ./...
	@cd examples && DBTEST_REQUIRE=all go test -race -shuffle=on -timeout=5m ./...

.PHONY: faults
faults: tools ## kill, pause and cut databases under load, and print what was lost: about 2 minutes
	@.ci/faults

FUZZTIME := 60s

# How long sessions are compared with plain text on each engine.
DIFFERENTIAL := 1h

.PHONY: fuzz
fuzz: tools ## run each fuzz target for FUZZTIME (60s), and compare sessions with plain text for DIFFERENTIAL (1h)
	@grep -rl '^func Fuzz' --include=*_test.go . | while read -r file; do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z]*).*/\1/p' "$$file"); do \
	    echo "$$target"; \
	    go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s | tail -n 2; \
	  done; \
	done
	@DBTEST_REQUIRE=all DBTEST_DIFFERENTIAL=$(DIFFERENTIAL) go test ./dbmodule -run '^TestSessionsAnswerAsTextDoes$$' -count=1 -timeout 0 -v

.PHONY: cluster
cluster: tools ## run replicas, failover and a Galera cluster on this machine, and print what was lost: about 4 minutes
	@.ci/step galera .ci/galera
	@.ci/cluster

.PHONY: bench
bench: ## compare this project with its peers on three engines, and write bench/README.md: under 20 minutes
	@cd bench && go run . run --write . && go run . server --write . && go run . inserts --write .

.PHONY: benchquick
benchquick: ## the same with few and short rounds, printed only: about 3 minutes
	@cd bench && go run . run --rounds 2 --duration 300ms && go run . server --rounds 1 --duration 300ms && go run . inserts --rounds 2 --duration 300ms

.PHONY: benchscale
benchscale: ## compare requests on 10 million events with those on 10 thousand: about 20 minutes and 12 GB of disk
	@cd bench && go run . scale --write .

.PHONY: benchsession
benchsession: ## what sessions add to bare Bun queries
	@said=$$(mktemp); trap 'rm -f "$$said"' EXIT; \
	  go test ./dbmodule -run '^$$' -cpu 1 -bench "SessionOverhead/.*/(bun|session)" -count 10 >"$$said"; \
	  sed -E -i 's,/(hand|bun|session|literal)/,/via=\1/op=,' "$$said"; \
	  cd bench && go tool benchstat -col '/via@(bun session)' -filter '/via:(bun OR session)' "$$said"

.PHONY: e2e
e2e: tools ## run the npm client, the browser and the composed program against the built server
	@DBTEST_REQUIRE=all go test -race -count=1 -v ./app/e2e

.PHONY: lint
lint: ## check format, vet, lint, the exported API and go.mod
	@.ci/step gofmt .ci/formatted
	@.ci/step vet go vet -tags faults,cluster ./...
	@.ci/step golangci go run $(GOLANGCI) run
	@.ci/step tidy go mod tidy -diff
	@.ci/step api go run ./.ci/api
	@.ci/step apitest go test ./.ci/api
	@cd bench && ../.ci/step bench-vet go vet ./...
	@cd bench && ../.ci/step bench-lint go run $(GOLANGCI) run
	@cd bench && ../.ci/step bench-tidy go mod tidy -diff
	@cd examples && ../.ci/step examples-vet go vet ./...
	@cd examples && ../.ci/step examples-lint go run $(GOLANGCI) run
	@cd examples && ../.ci/step examples-tidy go mod tidy -diff

.PHONY: api
api: ## accept what the library packages export now: rewrites .ci/api.txt
	@go run ./.ci/api -w

LICENSES := github.com/google/go-licenses@v1.6.0

.PHONY: licences
licences: ## print the licence of each module in the binary, for docs/licences.md
	@go run $(LICENSES) report .

.PHONY: notices
notices: ## collect the licences' texts of what is in the binary, in notices/
	@rm -rf notices && go run $(LICENSES) save . --save_path notices --ignore modernc.org/mathutil
	@# go-licenses does not recognise the text of this one (BSD-3-Clause), and would stop.
	@mkdir -p notices/modernc.org/mathutil && cp "$$(go list -m -f '{{.Dir}}' modernc.org/mathutil)/LICENSE" notices/modernc.org/mathutil/

.PHONY: man
man: ## write the manual page of each command, in man/man1/
	@rm -rf man && go run . man man/man1

.PHONY: cross
cross: ## build the server for the systems of a release
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
	  echo "$$target" && CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build -trimpath -o /dev/null .; \
	done

.PHONY: tools
tools: ## install what the tests need, or say what to install
	@.ci/step tools .ci/tools $(KEPT)
