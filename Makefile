# RACE=1 runs the tests under the race detector. FUZZ is the time of all fuzzing in seconds.
FUZZ ?= 60

.PHONY: build test interop cross fuzz demo bench performance ci

build:
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./...

test:
	go vet ./...
	go test -timeout 15m $(if $(RACE),-race) ./...
	@test "$$(id -u)" = 0 && { modinfo sch_netem || command -v linux.uml; } >/dev/null 2>&1 || \
	  printf '\n%s\n%s\n\n' 'SKIPPED: conformance/netem, which needs root, and sch_netem in the kernel or' \
	  'the package user-mode-linux. Where CI=true it is a failure.'
	@command -v coap-client-notls >/dev/null && command -v coap-server-notls >/dev/null && command -v node >/dev/null && \
	  test -d conformance/interop/nodecoap/node_modules || printf '\n%s\n%s\n\n' \
	  'SKIPPED: some of conformance/interop, which needs the package libcoap3-bin, Node.js, and' \
	  'npm ci in conformance/interop/nodecoap. Where CI=true it is a failure.'
	@{ command -v qemu-arm-static && command -v qemu-s390x-static || { command -v qemu-arm && command -v qemu-s390x; }; } >/dev/null || \
	  printf '\n%s\n\n' 'SKIPPED: most of conformance/cross, which needs the package qemu-user-static. Where CI=true it is a failure.'

# With CoAP software that is not ours: libcoap3-bin and Node.js have to be there.
interop:
	cd conformance/interop/nodecoap && npm ci --no-audit --no-fund --ignore-scripts
	go test -count=1 -v ./conformance/interop

# The device program for the machines that it is for: vetted, and its size held to 6 MB.
cross:
	.ci/cross

fuzz:
	.ci/fuzz $(FUZZ)

demo:
	go run ./server/cmd/pqcoap-server demo

# Measures what has a budget, beside raw datagrams, bare ciphers and other stacks, and prints the table.
bench:
	docs/performance/bench

# Measures handshakes under loss, and rewrites their tables and curves in docs/performance.md.
performance:
	docs/performance/update

ci:
	.ci/run
