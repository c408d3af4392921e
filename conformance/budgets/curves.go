package budgets

import "github.com/pqcoap/pqcoap/conformance/bench"

// names of the stacks of conformance/compare, as the drawings have them.
var stackNames = map[string]string{"pqcoap-none": "pqcoap, both ends in a process", "pion": "go-coap over pion/dtls 1.2, both in a process"}

// stackColors are their places in the palette.
var stackColors = map[string]int{"pqcoap-none": 2, "pion": 1}

// throughput is GET beside raw datagrams, and by other stacks.
func (f *Figures) throughput() []curve {
	ours, raw := curve{name: "pqcoap GET"}, curve{name: "raw UDP of the same sizes", color: 3}
	bare := curve{name: "pqcoap GET by bare clients", dashed: true}
	if f.Bench != nil {
		for _, q := range f.Bench.Requests {
			switch q.Kind {
			case bench.KindGET:
				ours.add(float64(q.Clients), q.PerSecond)
			case bench.KindBare:
				bare.add(float64(q.Clients), q.PerSecond)
			case bench.KindRawGET:
				raw.add(float64(q.Clients), q.PerSecond)
			}
		}
	}
	return append([]curve{raw, bare, ours}, f.stacks(func(c *curve, clients, payload int, rate, _, _, _ float64) {
		if payload == 0 {
			c.add(float64(clients), rate)
		}
	})...)
}

func (f *Figures) latency() []curve {
	curves := []curve{
		{name: "raw UDP", color: 3}, {name: "raw UDP, p99", color: 3, dashed: true}, {name: "pqcoap GET"}, {name: "pqcoap GET, p99", dashed: true},
	}
	if f.Bench != nil {
		for _, q := range f.Bench.Requests {
			at := map[string]int{bench.KindRawGET: 0, bench.KindGET: 2}
			if i, ok := at[q.Kind]; ok {
				curves[i].add(float64(q.Clients), q.P50)
				curves[i+1].add(float64(q.Clients), q.P99)
			}
		}
	}
	medians := f.stacks(func(c *curve, clients, payload int, _, p50, _, _ float64) {
		if payload == 0 {
			c.add(float64(clients), p50)
		}
	})
	return append(curves, medians...)
}

// stacks has a curve for each stack of the comparison.
func (f *Figures) stacks(add func(c *curve, clients, payload int, rate, p50, p99, cpu float64)) (curves []curve) {
	if f.Load == nil {
		return nil
	}
	at := map[string]int{}
	for _, q := range f.Load.Requests {
		i, ok := at[q.Stack]
		if !ok {
			i = len(curves)
			at[q.Stack] = i
			curves = append(curves, curve{name: nameOf(q.Stack), color: stackColors[q.Stack]})
		}
		add(&curves[i], q.Clients, q.Payload, q.PerSecond, q.P50, q.P99, q.CPU)
	}
	return curves
}

func nameOf(stack string) string {
	if name, ok := stackNames[stack]; ok {
		return name
	}
	return stack
}

func (f *Figures) payloads() []curve {
	return f.stacks(func(c *curve, _, payload int, _, _, _, cpu float64) { c.add(float64(payload), cpu) })
}

// idle is the memory of a session above that of a server without any, the budget, and what one of
// other stacks takes, both ends of it.
func (f *Figures) idle() []curve {
	ours, budget := curve{name: "pqcoap server"}, curve{name: "600 B a session", color: 3, dashed: true}
	if f.Idle == nil {
		return nil
	}
	for _, l := range f.Idle.Levels {
		ours.add(float64(l.N), l.Each)
		budget.add(float64(l.N), sessionBytes)
	}
	curves := []curve{ours, budget}
	if f.Load != nil {
		for _, m := range f.Load.Memory {
			c := curve{name: nameOf(m.Stack), color: stackColors[m.Stack]}
			c.add(float64(m.Sessions), m.RSS)
			curves = append(curves, c)
		}
	}
	return curves
}
