# zonebox 域盒. The two commands a newcomer needs: make demo, make test.
# Building takes Go (go.mod names the version) and a C/C++ compiler, no more.

GO      ?= go
FLAGS   := -trimpath -buildvcs=false
CGOTAGS := duckdb_arrow
WORKER  := ./sandbox/worker/... ./cmd/zonebox-worker/... ./bench/native/...
QUIET    = $(shell ld --help | grep -q -- --no-warnings && echo -Wl,--no-warnings)
# every package but the worker's builds without cgo
PURE     = $(shell CGO_ENABLED=0 $(GO) list -e ./... | grep -v -e '^zonebox/sandbox/worker' -e '^zonebox/cmd/zonebox-worker')

.PHONY: all build demo test lint bench bench-rows clean

all: build

build: bin/zonebox bin/zonebox-worker

.PHONY: bin/zonebox bin/zonebox-worker
bin/zonebox:
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o $@ ./cmd/zonebox

# Static: a worker that loads no library starts some 6 ms sooner, and its cell
# needs none. The linker's warnings about getaddrinfo, getpwuid and dlopen are of
# parts of the engine that nothing in the cell can call.
bin/zonebox-worker:
	CGO_ENABLED=1 $(GO) build $(FLAGS) -tags $(CGOTAGS),netgo,osusergo -ldflags '-linkmode external -extldflags "-static $(QUIET)"' -o $@ ./cmd/zonebox-worker

# A city of 100,000 invented people: loaded, licensed, asked, refused, released, verified.
demo: build
	bin/zonebox demo

test: build
	CGO_ENABLED=0 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -timeout 20m $(PURE)
	CGO_ENABLED=1 $(GO) test -timeout 10m -tags $(CGOTAGS) $(WORKER)

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt'; exit 1; }
	CGO_ENABLED=0 $(GO) vet $(PURE)
	CGO_ENABLED=1 $(GO) vet -tags $(CGOTAGS) $(WORKER)
	CGO_ENABLED=0 $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PURE)
	CGO_ENABLED=1 $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags $(CGOTAGS) $(WORKER)

bench: build
	CGO_ENABLED=0 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -timeout 30m -run '^$$' -bench . -benchmem $(PURE)
	CGO_ENABLED=1 $(GO) test -timeout 10m -run '^$$' -bench . -tags $(CGOTAGS) $(WORKER)

# The figures the targets speak of: registers of ten million rows, about 10 GB of memory.
bench-rows: build
	CGO_ENABLED=0 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker ZONEBOX_BENCH_ROWS=10000000 $(GO) test -timeout 60m -run '^$$' -bench BenchmarkRows ./bench

clean:
	rm -rf bin
