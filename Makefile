# zonebox 域盒. The two commands a newcomer needs: make demo, make test.
# Building takes Go (go.mod names the version) and a C/C++ compiler, no more.

GO      ?= go
FLAGS   := -trimpath -buildvcs=false
CGOTAGS := duckdb_arrow
WORKER  := ./sandbox/worker/... ./cmd/zonebox-worker/... ./bench/native/...
QUIET    = $(shell ld --help | grep -q -- --no-warnings && echo -Wl,--no-warnings)
# every package but the worker's builds without cgo
PURE     = $(shell CGO_ENABLED=0 $(GO) list -e ./... | grep -v -e '^zonebox/sandbox/worker' -e '^zonebox/cmd/zonebox-worker')

.PHONY: all build demo test race lint bench bench-rows bench-consents bench-masking bench-repeat fuzz fuzz-gate fuzz-worker campaign test-long oidc canaries load-long mixed mixed-long dist dist-amd64 dist-arm64 dist-try dist-try-arm64 clean

all: build

build: bin/zonebox bin/zonebox-worker

.PHONY: bin/zonebox bin/zonebox-worker
bin/zonebox:
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o $@ ./cmd/zonebox

# Static: a worker that loads no library starts some 6 ms sooner, and its cell
# needs none. Without symbols, for a gate reads all of it as it starts. The linker's
# warnings about getaddrinfo, getpwuid and dlopen are of parts of the engine that
# nothing in the cell can call.
# On arm64 by mold: GNU ld gives the engine more entries of the global offset table than
# the C library's own code can reach (R_AARCH64_LD64_GOTPAGE_LO15, 32 KiB) and refuses;
# lld does not, and what it makes dies as it starts. mold needs a fiftieth of them.
LINK_amd64 = $(QUIET)
LINK_arm64 = -B/usr/libexec/mold
STATIC = -tags $(CGOTAGS),netgo,osusergo -ldflags '-s -w -linkmode external -extldflags "-static $(LINK_$(TARGET))"'
TARGET = $(or $*,$(HOSTARCH))
bin/zonebox-worker:
	CGO_ENABLED=1 $(GO) build $(FLAGS) $(STATIC) -o $@ ./cmd/zonebox-worker

# An archive for each architecture, with the sums of both, in dist/: the same bytes for
# the same commit and compilers. That of arm64 takes Debian's g++-aarch64-linux-gnu and
# mold; make dist-try-arm64 starts its programs, by Debian's qemu-user-static.
VERSION ?= $(shell git describe --tags --dirty --abbrev=12 2>/dev/null || git log -1 --abbrev=12 --date=format:%Y%m%d%H%M%S --format=0.0.0-%cd-%h)
EPOCH    = $(shell git log -1 --format=%ct)
HOSTARCH = $(shell $(GO) env GOHOSTARCH)
dist: dist-amd64 dist-arm64
dist-amd64: CROSS = $(if $(filter-out amd64,$(HOSTARCH)),x86_64-linux-gnu-)
dist-arm64: CROSS = $(if $(filter-out arm64,$(HOSTARCH)),aarch64-linux-gnu-)
dist-amd64 dist-arm64: dist-%: bin/dist/%/zonebox bin/dist/$(HOSTARCH)/zonebox
	CGO_ENABLED=1 GOARCH=$* CC=$(CROSS)gcc CXX=$(CROSS)g++ $(GO) build $(FLAGS) $(STATIC) -o bin/dist/$*/zonebox-worker ./cmd/zonebox-worker
	CGO_ENABLED=0 $(GO) run ./internal/dist -version $(VERSION) -arch $* -bin bin/dist/$* -host bin/dist/$(HOSTARCH)/zonebox -cc $(CROSS)gcc -time $(EPOCH)

.PHONY: bin/dist/amd64/zonebox bin/dist/arm64/zonebox
bin/dist/amd64/zonebox bin/dist/arm64/zonebox: bin/dist/%/zonebox:
	CGO_ENABLED=0 GOARCH=$* $(GO) build $(FLAGS) -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/zonebox

# The installing guide as printed, with no network: in this host's userland, and on the
# system in TREE (debootstrap makes one), as it stands and booted.
dist-try:
	packaging/try dist
	test -z "$(TREE)" || packaging/try dist $(TREE)
	test -z "$(TREE)" || packaging/try --boot dist $(TREE)

# What can be seen of arm64 on another machine, by Debian's qemu-user-static: the gate, and
# what its worker is to the engine. qemu has neither Landlock nor seccomp filters, without
# which no worker is handed out: isolation on arm64 is not tried here.
dist-try-arm64: TARGET = arm64
dist-try-arm64: bin/dist/arm64/zonebox
	qemu-aarch64-static bin/dist/arm64/zonebox version
	CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ $(GO) test -count=1 -exec qemu-aarch64-static $(STATIC) -timeout 20m \
		-run '^Test(Workbooks|ColumnarTypes|EverySampleHasTheSameRows|BooleansBesideNulls|AnEncodingIsFound.*|AParameter.*|EveryWord.*|NarrowNumbers.*|SealedNumbers.*)$$' ./sandbox/worker

# A city of 100,000 invented people: loaded, licensed, asked, refused, released, verified.
demo: build
	bin/zonebox demo

# The runner notes how each test ended: what docs/REQUIREMENTS.md names must have passed.
RUNNER  = GOFLAGS= $(GO) run gotest.tools/gotestsum@v1.13.0 --format standard-quiet --hide-summary skipped
test race: export TMPDIR := $(shell .ci/scratch)
test: build
	rm -rf bin/ran && mkdir -p bin/ran
	CGO_ENABLED=0 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(RUNNER) --jsonfile bin/ran/gate.json -- -timeout 30m $(PURE)
	CGO_ENABLED=1 $(RUNNER) --jsonfile bin/ran/worker.json -- -timeout 10m -tags $(CGOTAGS) $(WORKER)
	CGO_ENABLED=0 $(GO) test -timeout 10m -tags purego ./masking ./masking/lanes ./masking/prf ./masking/ff1 ./masking/identifier
	CGO_ENABLED=0 ZONEBOX_RAN=$(CURDIR)/bin/ran $(GO) test -count=1 -run '^TestNamedTestsRan$$' ./internal/requirements

# What threads share: the scan's memory, the cache, the turns, the log.
race: build
	CGO_ENABLED=1 $(GO) test -race -timeout 10m -tags $(CGOTAGS) -run 'Scan|Plans|Random|Segment|Null' ./sandbox/worker
	CGO_ENABLED=1 $(GO) test -race -timeout 10m -run 'TestAnIncrementEqualsAFullLoadOfItsRows' ./zone
	CGO_ENABLED=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -race -timeout 10m -run 'Cache|Admission|Operator|Waiting|Entries|Tail' ./sandbox ./query ./audit

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt'; exit 1; }
	CGO_ENABLED=0 $(GO) vet $(PURE)
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./sandbox ./sandbox/internal/... ./masking/...
	CGO_ENABLED=0 $(GO) vet -tags purego ./masking/...
	CGO_ENABLED=1 $(GO) vet -tags $(CGOTAGS) $(WORKER)
	CGO_ENABLED=0 $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PURE)
	CGO_ENABLED=1 $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 -tags $(CGOTAGS) $(WORKER)

bench: build
	CGO_ENABLED=0 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -timeout 30m -run '^$$' -bench . -benchmem $(PURE)
	CGO_ENABLED=1 $(GO) test -timeout 10m -run '^$$' -bench . -tags $(CGOTAGS) $(WORKER)

# The figures the targets speak of: registers of ten million rows, about 10 GB of memory.
bench-rows: build
	CGO_ENABLED=0 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker ZONEBOX_BENCH_ROWS=10000000 $(GO) test -timeout 60m -run '^$$' -bench 'BenchmarkRows|BenchmarkMinimumGroup' ./bench

# A million consents, and ten million rows of two million people cut to them.
bench-consents:
	CGO_ENABLED=0 ZONEBOX_BENCH_ROWS=10000000 $(GO) test -timeout 60m -run '^$$' -bench 'ProjectByConsent|ReadConsents' ./zone ./registry

# Masks on this machine, beside memcpy, the cipher and other ways to do the same:
# some minutes, results in bench/results. bench-repeat runs the benchmark twice.
bench-masking:
	mkdir -p bench/results
	CGO_ENABLED=0 ZONEBOX_BENCH_RESULTS=$(CURDIR)/bench/results $(GO) test -count=1 -v -timeout 20m -run '^TestMaskingReport$$' ./bench

bench-repeat:
	CGO_ENABLED=0 ZONEBOX_LONG=1 $(GO) test -count=1 -v -timeout 20m -run '^TestASecondRunRepeatsWithinTheSpread$$' ./masking/maskbench

# A minute each; their seeds run with the tests. Go would spend that minute on
# making the first input that is new as small as can be.
FUZZTIME ?= 60s
fuzz: fuzz-gate fuzz-worker

fuzz-gate:
	@set -e; for t in query/ast:FuzzParse query/ast:FuzzDecode query/analysis:FuzzAnalyze sandbox/internal/wire:FuzzRead sandbox:FuzzDecode sandbox:FuzzMessages release:FuzzCounts release/ledger:FuzzParse \
		quality:FuzzRules masking:FuzzMask masking:FuzzFreeText masking/china:FuzzEverything masking/detect:FuzzScan \
		masking/lanes:FuzzBlocks masking/prf:FuzzTags masking/ff1:FuzzReference masking/ff1:FuzzValues masking/identifier:FuzzIdentifiers; do \
		CGO_ENABLED=0 .ci/fuzz $(FUZZTIME) $${t%%:*} $${t##*:} -fuzzminimizetime 10x; done

fuzz-worker:
	@set -e; for t in FuzzText FuzzValues FuzzSheet FuzzWorkbook FuzzColumnar FuzzUnpack FuzzSQLite; do \
		CGO_ENABLED=1 .ci/fuzz $(FUZZTIME) sandbox/worker $$t -tags $(CGOTAGS); done

# Hours: 10,000 questions, every fault of a worker twenty times, the gate killed at
# every durable step, 20,000 random trees printed and parsed; and at every durable
# step of eleven operations and a restoration a kill, a full disk and a device
# error. On two cores shared by many, four minutes for a rewrap, 17 for an append,
# 22 for a restoration, up to an hour for a shred or a backup.
campaign: build
	ZONEBOX_CAMPAIGN=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -v -timeout 90m -run 'TestTenThousand|TestEveryFaultOfAWorkerIsOneError' ./sandbox
	ZONEBOX_CAMPAIGN=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -v -timeout 30m -run 'Killed' ./cmd/zonebox
	ZONEBOX_CAMPAIGN=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -v -timeout 30m -run 'RandomTree' ./query
	ZONEBOX_CAMPAIGN=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -v -timeout 8h -run 'TestADomainIsOldOrNew|TestARestoration|TestAPowerCut' ./cmd/zonebox

# Random statements by the 20,000: two worlds look alike, open data are answered as
# the engine alone does, minimum groups are those of brute force. The seed is
# printed; ZONEBOX_SEED repeats it.
test-long: build
	CGO_ENABLED=0 ZONEBOX_LONG=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -count=1 -v -timeout 6h -run '^(TestRandomWorldsLookAlike|TestOpenDataAnswerAsTheEngineAloneDoes|TestRandomAnswersEqualBruteForce|TestGraftedAnswersEqualBruteForce)$$' ./query
	CGO_ENABLED=0 ZONEBOX_LONG=1 $(GO) test -count=1 -v -run '^TestTheLedgerIsWhatTryingEverybodyGives$$' ./release/ledger

# Signing in at a provider of identities that others wrote and had certified, which node
# runs.
oidc:
	cd openid/testdata/provider && npm ci --silent --no-audit --no-fund
	ZONEBOX_PROVIDER=1 CGO_ENABLED=0 $(GO) test -count=1 -v -run '^TestACertifiedProviderSignsIn$$' ./openid

# Values that occur once in deliveries are looked for in everything that commands, routes
# and the gate say and store: minutes. make test plants as many and does less.
canaries: build
	CGO_ENABLED=0 ZONEBOX_LONG=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -count=1 -v -timeout 60m -p 1 -run '^(TestTenThousandCanariesKeepSilent|TestNoPlainValueIsOnAnyDisk|TestAccess|TestScripts)$$' ./query ./api ./cmd/zonebox

# A register of 5 GB, made as it is read, through worker and store: some minutes and
# some 5 GB of disk. make test streams 150 MB.
load-long: build
	CGO_ENABLED=0 ZONEBOX_LONG=1 ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -count=1 -v -timeout 40m -run '^TestALoadOfAnySizeTakesBoundedMemory$$' ./query

# Questions by the command line and readings by wrk at once, with a stop and a start
# between: two minutes, or thirty.
mixed: MIXED = 2m
mixed-long: MIXED = 30m
mixed mixed-long: build
	CGO_ENABLED=0 ZONEBOX_MIXED=$(MIXED) ZONEBOX_WORKER=$(CURDIR)/bin/zonebox-worker $(GO) test -count=1 -v -timeout 45m -run '^TestMixedLoad$$' ./cmd/zonebox

clean:
	rm -rf bin dist
