SHELL := /bin/bash
.DEFAULT_GOAL := help

# RACE=1 adds the race detector; TESTFLAGS is passed on to go test.
TESTFLAGS ?=
override TESTFLAGS += $(if $(RACE),-race)
FUZZTIME ?= 20s
URL ?= http://localhost:8080

MODULES := pkg pkg/client pkg/events services/accounts services/audios services/gateway services/allinone cmd/concha e2e bench
LINTER := .tools/golangci-lint
GENERATOR := .tools/oapi-codegen

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## The whole system on http://localhost:8080, data in ./data; needs Go alone
	@echo 'building: the first time takes some minutes' >&2
	@go build -o bin/ ./services/allinone && exec bin/allinone

.PHONY: build
build: ## Static binaries of all programs in bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ \
		-ldflags "-s -w -X github.com/concha-labs/backend/pkg/settings.version=$$(git describe --always --dirty 2>/dev/null || echo dev)" \
		./services/allinone ./services/accounts/cmd/accounts ./services/audios/cmd/audios ./services/gateway/cmd/gateway ./cmd/concha

.PHONY: test
test: ## All tests on the embedded adapters (RACE=1: race detector, TESTFLAGS=...)
	go test $(TESTFLAGS) work
	GOWORK=off go test -C examples $(TESTFLAGS) ./...

# The packages that have a test with the build tag "cloud", and the adapter of
# Cloud Storage, whose tests bring their emulator with them.
CLOUD = $(shell { grep -rlE '^//go:build (.*[^!a-z])?cloud\b' --include='*_test.go' pkg services e2e | xargs -r -n1 dirname; echo pkg/blob/gcsblob; } | sort -u | sed 's|^|./|')

.PHONY: test-cloud
test-cloud: ## The same suites on the cloud adapters, and three processes, with local emulators
	@GOWORK=off go test -C tools ./cloudtest
	@GOWORK=off go build -C tools -o ../.tools/cloudtest ./cloudtest
	@.tools/cloudtest $(TESTFLAGS) $(CLOUD)

# Chromium has to be installed, from Debian's package or otherwise. The folder of
# the screenshots is ignored by git.
CONSOLE := services/gateway/internal/console
.PHONY: test-browser
test-browser: $(CONSOLE)/node_modules ## The console in Chromium: its flows, how it looks, what axe-core finds
	SCREENSHOTS=$(CURDIR)/$(CONSOLE)/screenshots go test -tags browser -run 'Console|Browser' -timeout 30m $(TESTFLAGS) ./e2e

$(CONSOLE)/node_modules: $(CONSOLE)/package-lock.json
	@npm --prefix $(CONSOLE) ci --silent
	@touch $@

# The tests are run one package after another, as each uses both processors.
.PHONY: deploy-check
deploy-check: ## What is in deploy/: manifests, Terraform, Cloud Run, rules and dashboard, run on emulators; workflows
	@deploy/check/setup.sh
	@GOWORK=off go build -C tools -o ../.tools/cloudtest ./cloudtest
	@GOWORK=off .tools/cloudtest exec go test -C deploy/check -count=1 -p 1 -timeout 20m $(TESTFLAGS) ./...

.PHONY: deploy-cluster
deploy-cluster: ## The Kubernetes overlays on a real control plane with simulated nodes; builds it first, a quarter of an hour
	@deploy/check/cluster/setup.sh
	@GOWORK=off go test -C deploy/check -tags cluster -count=1 -v -timeout 30m $(TESTFLAGS) ./cluster

# The last release, or what this branch began from.
BASE ?= $(shell git describe --tags --abbrev=0 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD)

.PHONY: breaking-changes
breaking-changes: ## Whether openapi.yaml or a schema of events breaks clients of BASE (the last release)
	@GOBIN=$(CURDIR)/.tools go install github.com/oasdiff/oasdiff@v1.37.0
	@GOWORK=off go run -C deploy/check ./breaking $(BASE)

.PHONY: upgrade-check
upgrade-check: ## Upgrade from BASE (the last release): one data folder in turns; replicas on the emulators while clients write
	@rm -rf .tools/previous && mkdir -p .tools/previous/programs && git archive $(BASE) | tar -x -C .tools/previous
	@echo 'building $(BASE)'
	@cd .tools/previous && go build -buildvcs=false -o programs/ ./services/allinone \
		./services/accounts/cmd/accounts ./services/audios/cmd/audios ./services/gateway/cmd/gateway
	PREVIOUS=$(CURDIR)/.tools/previous/programs/allinone go test -count=1 -v -tags upgrade -run '^TestUpgrade$$' $(TESTFLAGS) ./e2e
	@GOWORK=off go build -C tools -o ../.tools/cloudtest ./cloudtest
	PREVIOUS_PROGRAMS=$(CURDIR)/.tools/previous/programs .tools/cloudtest exec \
		go test -count=1 -v -tags cloud,upgrade -run '^TestRollingUpgrade$$' $(TESTFLAGS) ./e2e

.PHONY: lint
lint: $(LINTER) $(GENERATOR) lint-console ## Linters, layer rules, formatting, and each module built on its own
	@echo 'lint: golangci-lint'
	@go list -f '{{.Dir}}/...' -m | xargs $(LINTER) run
	@echo 'lint: formatting'
	@$(LINTER) fmt --diff $(MODULES) tools examples deploy/check || { echo 'lint: run "make fmt"' >&2; exit 1; }
	@echo 'lint: the Go client is that of openapi.yaml'
	@cd pkg/client && ../../$(GENERATOR) --config oapi-codegen.yaml ../../services/gateway/openapi.yaml | \
		diff -q client.gen.go - || { echo 'lint: run "make generate"' >&2; exit 1; }
	@export GOWORK=off; for module in $(MODULES); do \
		echo "lint: $$module on its own: build, vet, go.mod"; \
		( cd $$module && go build -o /dev/null ./... && go vet ./... && go vet -tags cloud ./... && go mod tidy -diff ) || exit; \
	done
	@export GOWORK=off; for module in tools examples deploy/check; do \
		echo "lint: $$module: vet, go.mod"; \
		( cd $$module && go vet ./... && go mod tidy -diff ) || exit; \
	done

.PHONY: lint-console
lint-console: $(CONSOLE)/node_modules ## The console's modules: linter, formatting, types, and what is vendored
	@echo 'lint: the console'
	@npm --prefix $(CONSOLE) run --silent lint

.PHONY: client-ts
client-ts: clients/typescript/node_modules ## Build the TypeScript client, whose types must be those of openapi.yaml, and drive it
	@npm --prefix clients/typescript test --silent

.PHONY: client-py
client-py: ## Test the Python package for events, against a running system
	@go build -o .tools/allinone ./services/allinone
	@python3 clients/python/tests/run.py .tools/allinone

clients/typescript/node_modules: clients/typescript/package-lock.json
	@npm --prefix clients/typescript ci --silent
	@touch $@

.PHONY: generate
generate: $(GENERATOR) clients/typescript/node_modules ## Make the clients anew from openapi.yaml
	go test -count=1 -run "^(TestOperationsAreThoseOfTheContract|TestScopesAreDocumented)$$" ./services/gateway -update
	cd pkg/client && ../../$(GENERATOR) --config oapi-codegen.yaml -o client.gen.go ../../services/gateway/openapi.yaml
	@npm --prefix clients/typescript run --silent generate

.PHONY: fmt
fmt: $(LINTER) ## Format all Go code
	@$(LINTER) fmt $(MODULES) tools examples deploy/check

$(LINTER): tools/go.mod
	@echo 'building golangci-lint as pinned by tools/go.mod: some minutes the first time'
	@GOWORK=off go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

$(GENERATOR): tools/go.mod
	@GOWORK=off go build -C tools -o ../$@ github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
	@touch $@

.PHONY: scale
scale: ## What writes cost in the cloud, from the migrations: index entries, hot spots, nodes, dollars; docs/scale.md has it
	@go run ./bench/scale

.PHONY: bench
bench: ## Measure the whole system beside a bare handler, the gateway beside a bare proxy, and replicas on emulators
	@go run ./bench
	@printf '\nwhat reads cost at another size or place (1e6/1e3, last/first: the bar is 1.3)\n'
	@set -o pipefail; go test -run '^$$' -bench '^Benchmark(Reader|Pages|Sizes)$$' -benchtime 1s \
		./pkg/eventlog/sqlitelog ./services/accounts/internal/adapters/sqlitestore ./services/audios/internal/adapters/sqlitestore | grep '^Benchmark'
	@printf '\ncommit to broker with replicas, on the Spanner emulator (the bars are p50-ms 30 and p99-ms 150)\n'
	@GOWORK=off go build -C tools -o ../.tools/cloudtest ./cloudtest
	@set -o pipefail; .tools/cloudtest -run '^$$' -bench '^BenchmarkReplicas$$' -benchtime 1x ./pkg/eventlog/spannerlog | grep '^Benchmark'

.PHONY: abuse
abuse: ## Measure how the system bears hostile clients: memory, descriptors, goroutines, point reads; half an hour
	@go run ./bench abuse

KILLS ?= 1000

.PHONY: crash
crash: ## Kill processes KILLS (1000) times under load, all in one and on emulators, and compare all with the events
	KILLS=$(KILLS) go test -count=1 -v -timeout 0 -run '^TestKillNine$$' ./e2e
	@GOWORK=off go build -C tools -o ../.tools/cloudtest ./cloudtest
	KILLS=$(KILLS) .tools/cloudtest -v -timeout 0 -run '^TestThreeProcessesKilled$$' ./e2e

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s) each
	@grep -rHoE '^func Fuzz\w+' --include='*_test.go' pkg services e2e | sed 's/:func / /' | while read -r file target; do \
		echo "fuzz: $$target in $${file%/*}"; \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "./$${file%/*}" || exit; \
	done

.PHONY: up
up: .compose/audios-key ## Three services on the emulators, provisioned, in Docker
	docker compose up --build --detach --wait
	@echo 'the API key is in .compose/api-key'

# The containers have another user, who must be able to read the files.
.compose/audios-key:
	@mkdir -p -m 700 .compose && rm -f .compose/*
	@go run ./cmd/concha keys gateway --private .compose/gateway-key.pem --public .compose/gateway-public-keys.pem
	@go run ./cmd/concha keys new --id local --name 'make up' --file .compose/api-keys \
		--scopes accounts:read,accounts:write,audios:read,audios:write,events:read > .compose/api-key
	@go run ./cmd/concha keys new --id audios --name audios --file .compose/api-keys --scopes events:read,accounts:read > $@.new
	@chmod 644 .compose/*.pem .compose/api-keys $@.new && mv $@.new $@

.PHONY: down
down: ## Stop what "make up" started
	docker compose down

.PHONY: wipe
wipe: ## Delete all of ENDPOINT=accounts|audios on a running system (URL=http://localhost:8080)
	@test -n "$(ENDPOINT)" || { echo 'usage: make wipe ENDPOINT=accounts|audios [URL=$(URL)]' >&2; exit 2; }
	@go run ./cmd/concha wipe --url $(URL) $(ENDPOINT)
