package budgets

import (
	"fmt"
	"math"
	"strings"

	"github.com/pqcoap/pqcoap/conformance/bench"
)

// The budgets.
const (
	fullPayload, serverPayload    = 5000, 3800
	resumedPayload, ticketPayload = 250, 430
	recordUp, recordDown          = 20, 19
	handshakeRatio                = 1.3
	oneClient, manyClients        = 0.6, 1.0
	recordRatio                   = 1.3
	sessionBytes                  = 600
	amplification                 = 3
	nodeRSS, nodeBinary           = 14_000_000, 6_000_000
)

// many is how many clients the budget for many is of: with more of them in one process, the time
// of a request is that of its queue.
const many = 64

// Commands, as they stand in the table.
const (
	loss     = "pqcoap-conformance loss"
	sessions = "pqcoap-conformance sessions"
	benches  = "pqcoap-conformance bench"
	compare  = "conformance/compare"
)

// Rows are all budgets, in the order in which they were given.
func (f *Figures) Rows() []Row {
	rows := []Row{f.trips()}
	rows = append(rows, f.losses()...)
	rows = append(rows, f.payload("mutual", "UDP payload of a handshake, both authenticated", fullPayload),
		f.payload("server only", "of one that authenticates the server only", serverPayload), f.resumed(), f.overhead())
	rows = append(rows, f.handshakes(1), f.handshakes(2))
	rows = append(rows, f.requests(1, "secure GET, one after another", oneClient),
		f.requests(many, fmt.Sprintf("secure GET, %d clients", many), manyClients))
	rows = append(rows, f.records(), f.memory(), f.amplified(), f.floods(), f.program(), f.resident())
	return rows
}

// row is one whose verdict is not known yet.
func row(figure, budget, command string) Row {
	return Row{Figure: figure, Ours: "-", Budget: budget, Verdict: Missing, Command: command}
}

// is completes a row.
func (r Row) is(kept bool, format string, args ...any) Row {
	r.Ours, r.Verdict = fmt.Sprintf(format, args...), Short
	if kept {
		r.Verdict = Pass
	}
	return r
}

// trips are round trips of the handshake and of the first answer, without loss.
func (f *Figures) trips() Row {
	r := row("round trips, and until the first answer; where Echo is demanded", "1, 2; 2, 3", compare)
	if f.Stacks == nil || f.Stacks.DelayMS == 0 {
		return r
	}
	trips := func(ms *float64) float64 {
		if ms == nil {
			return math.Inf(1)
		}
		return *ms / (2 * f.Stacks.DelayMS)
	}
	found := map[string][2]float64{}
	for _, c := range f.Stacks.Cells {
		if c.LossPercent == 0 {
			found[c.Stack] = [2]float64{trips(c.Handshake.P50), trips(c.Answer.P50)}
		}
	}
	plain, ok := found["pqcoap"]
	echo, both := found["pqcoap-echo"]
	if !ok || !both {
		return r
	}
	kept := math.Round(plain[0]) <= 1 && math.Round(plain[1]) <= 2 && math.Round(echo[0]) <= 2 && math.Round(echo[1]) <= 3
	return r.is(kept, "%.1f, %.1f; %.1f, %.1f", plain[0], plain[1], echo[0], echo[1])
}

// losses are the cells that have a budget: percentiles in milliseconds.
func (f *Figures) losses() (rows []Row) {
	if f.Loss == nil {
		return []Row{row("handshakes under loss", "", loss)}
	}
	for _, c := range f.Loss.Cells {
		if c.Budget == nil || c.Loss == 0 || c.Resume != "full" {
			continue
		}
		figure := fmt.Sprintf("handshake at %g %% loss, p50 / p95", math.Round(100*c.Loss))
		if c.Echo {
			figure += ", Echo demanded"
		}
		r := row(figure, fmt.Sprintf("%.0f / %.0f ms", c.Budget.P50, c.Budget.P95), loss)
		if c.P50 != nil && c.P95 != nil {
			r = r.is(c.Verdict == Pass, "%.0f / %.0f", *c.P50, *c.P95)
		}
		rows = append(rows, r)
	}
	return rows
}

func (f *Figures) payload(kind, figure string, budget uint64) Row {
	r := row(figure, fmt.Sprintf("%d B", budget), benches)
	if f.Bench != nil {
		for _, p := range f.Bench.Payloads {
			if p.Kind == kind {
				return r.is(p.Bytes <= budget, "%d", p.Bytes)
			}
		}
	}
	return r
}

// resumed is the small resumption after a crash, and with the ticket of the one after.
func (f *Figures) resumed() Row {
	r := row("of a resumption, small; with the new ticket", fmt.Sprintf("%d, %d B", resumedPayload, ticketPayload), sessions)
	if f.Sessions != nil {
		for _, s := range f.Sessions.Scenarios {
			if s.Name == "node crash" {
				all := s.Plain + s.Messages
				return r.is(s.Plain <= resumedPayload && all <= ticketPayload, "%d, %d", s.Plain, all)
			}
		}
	}
	return r
}

func (f *Figures) overhead() Row {
	r := row("bytes added to a message, to the server and to the device", fmt.Sprintf("%d, %d B", recordUp, recordDown), benches)
	if one := f.record(64); one != nil {
		return r.is(one.Up <= recordUp && one.Down <= recordDown, "%d, %d", one.Up, one.Down)
	}
	return r
}

func (f *Figures) handshakes(suite uint8) Row {
	r := row(fmt.Sprintf("handshake CPU to its KEM operations, suite %d", suite), fmt.Sprintf("%.1f x", handshakeRatio), benches)
	if f.Bench != nil {
		for _, k := range f.Bench.KEM {
			if k.Suite == suite {
				return r.is(k.Ratio <= handshakeRatio, "%.2f (%.0f to %.0f µs)", k.Ratio, k.Handshake, k.Bare)
			}
		}
	}
	return r
}

func (f *Figures) requests(clients int, figure string, budget float64) Row {
	r := row(figure, fmt.Sprintf("%.1f x raw", budget), benches)
	if f.Bench == nil {
		return r
	}
	raw := 0.0
	for _, q := range f.Bench.Requests {
		switch {
		case q.Clients == clients && q.Kind == bench.KindRawGET:
			raw = q.PerSecond
		case q.Clients == clients && q.Kind == bench.KindGET:
			return r.is(q.Ratio >= budget, "%.2f (%.1f k/s to %.1f)", q.Ratio, q.PerSecond/1000, raw/1000)
		}
	}
	return r
}

func (f *Figures) record(size int) *bench.Records {
	if f.Bench != nil {
		for i := range f.Bench.Records {
			if f.Bench.Records[i].Size == size {
				return &f.Bench.Records[i]
			}
		}
	}
	return nil
}

func (f *Figures) records() Row {
	r := row("Seal and Open of 64 B to the bare cipher; allocations", fmt.Sprintf("%.1f x, 0", recordRatio), benches)
	if one := f.record(64); one != nil {
		kept := one.SealRatio <= recordRatio && one.OpenRatio <= recordRatio && one.Allocations == 0
		return r.is(kept, "%.2f, %.2f; %.0f", one.SealRatio, one.OpenRatio, one.Allocations)
	}
	return r
}

// memory is that of the most sessions that were opened.
func (f *Figures) memory() Row {
	r := row("memory of an idle session, RSS", fmt.Sprintf("%d B", sessionBytes), "pqcoap-conformance idle")
	most := f.Million
	if most == nil {
		most = f.Idle
	}
	if most == nil || len(most.Levels) == 0 {
		return r
	}
	last := most.Levels[len(most.Levels)-1]
	return r.is(last.Each <= sessionBytes, "%.0f (of %d)", last.Each, last.N)
}

func (f *Figures) amplified() Row {
	r := row("bytes out per byte in to an unproven address", fmt.Sprint(amplification), "pqcoap-conformance flood")
	if f.Flood == nil {
		return r
	}
	most := 0.0
	for _, one := range f.Flood.Rows {
		if one.Unproven {
			most = max(most, one.Amplification)
		}
	}
	return r.is(most <= amplification, "%.2f at most", most)
}

func (f *Figures) floods() Row {
	r := row("devices get through every flood", "999 of 1000", "pqcoap-conformance flood")
	if f.Flood == nil {
		return r
	}
	var broken []string
	begun, in := 0, 0
	for _, one := range f.Flood.Rows {
		begun, in = begun+one.Devices, in+one.Succeeded
		if one.Verdict != Pass {
			broken = append(broken, one.Kind)
		}
	}
	if len(broken) > 0 {
		return r.is(false, "%d of %d; short: %s", in, begun, strings.Join(broken, ", "))
	}
	return r.is(begun > 0, "%d of %d", in, begun)
}

// armBinary is what the budget of the binary is of.
const armBinary = "linux/arm"

func (f *Figures) program() Row {
	r := row("node program, stripped, for "+armBinary, fmt.Sprintf("%.0f MB", nodeBinary/1e6), "docs/performance/bench")
	if f.Node == nil || f.Node.Sizes[armBinary] == 0 {
		return r
	}
	size := f.Node.Sizes[armBinary]
	return r.is(size <= nodeBinary, "%.2f", float64(size)/1e6)
}

func (f *Figures) resident() Row {
	r := row("node program, RSS while it runs", fmt.Sprintf("%.0f MB", nodeRSS/1e6), "docs/performance/bench")
	if f.Node == nil || f.Node.RSS == 0 {
		return r
	}
	return r.is(f.Node.RSS <= nodeRSS, "%.1f", float64(f.Node.RSS)/1e6)
}
