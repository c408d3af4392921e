# RACE=1 runs the tests under the race detector. FUZZ is the time of all fuzzing in seconds.
FUZZ ?= 60

.PHONY: build test fuzz demo performance ci

build:
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./...

test:
	go vet ./...
	go test -timeout 15m $(if $(RACE),-race) ./...
	@test "$$(id -u)" = 0 && { modinfo sch_netem || command -v linux.uml; } >/dev/null 2>&1 || \
	  printf '\n%s\n%s\n\n' 'SKIPPED: conformance/netem, which needs root, and sch_netem in the kernel or' \
	  'the package user-mode-linux. Where CI=true it is a failure.'

fuzz:
	.ci/fuzz $(FUZZ)

demo:
	go run ./server/cmd/pqcoap-server demo

# Measures, and rewrites the tables and curves of docs/performance.md.
performance:
	docs/performance/update

ci:
	.ci/run
