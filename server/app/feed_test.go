package app

import (
	"fmt"
	"sync"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server/senml"
)

// pack reads the readings of a state.
func pack(t *testing.T, m *coap.Message) []senml.Record {
	t.Helper()
	f, err := m.Options.ContentFormat()
	if err != nil || m.Code != codes.Content {
		t.Fatalf("%v %q: %v", m.Code, m.Payload, err)
	}
	records, err := senml.Parse(senml.Format(f), m.Payload, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestTelemetryObserved(t *testing.T) {
	a := testApp(t)
	a.post("sensor-1", `[{"n":"a","t":-9,"v":0}]`)
	two, first := a.observe("sensor-1", "/telemetry?last=2", number(message.Accept, 110))
	one, _ := a.observe("sensor-1", "/telemetry?last=1")
	other, _ := a.observe("sensor-2", "/telemetry")
	if len(pack(t, first)) != 1 || maxAge(t, first) == 0 {
		t.Errorf("the first state has %d readings, good for %d s", len(pack(t, first)), maxAge(t, first))
	}
	for i := range 3 {
		a.post("sensor-1", fmt.Sprintf(`[{"n":"a","t":%d,"v":%d}]`, i-5, i+1))
		if two.count() != i+1 || one.count() != i+1 {
			t.Fatalf("told %d and %d times behind reading %d", two.count(), one.count(), i)
		}
		records := pack(t, two.told[i])
		if len(records) != 2 || records[1].Number != float64(i+1) {
			t.Errorf("state %d of two is %v", i, records)
		}
		if records = pack(t, one.told[i]); len(records) != 1 || records[0].Number != float64(i+1) {
			t.Errorf("state %d of one is %v", i, records)
		}
	}
	wantFormat(t, "as accepted", two.told[0], 110)
	wantFormat(t, "by default", one.told[0], 112)
	if other.count() != 0 {
		t.Error("sensor-2 was told of the readings of sensor-1")
	}
	two.Close()
	a.post("sensor-1", `[{"n":"a","v":9}]`)
	if two.count() != 3 || one.count() != 4 {
		t.Errorf("told %d and %d times behind the end of one", two.count(), one.count())
	}
}

// What is refused is told to nobody.
func TestTelemetryObservedOnlyNews(t *testing.T) {
	a := testApp(t)
	a.post("sensor-1", `[{"n":"a","v":0}]`)
	o, _ := a.observe("sensor-1", "/telemetry")
	a.post("sensor-1", `[{"bn":"a"}]`)
	a.do(request(codes.GET, "/telemetry"))
	if o.count() != 0 {
		t.Errorf("told %d times of nothing", o.count())
	}
}

func TestTelemetryObservedViews(t *testing.T) {
	a := testApp(t)
	a.post("sensor-1", `[{"n":"a","v":0}]`)
	var all []*observer
	for i := range maxViews {
		o, _ := a.observe("sensor-1", fmt.Sprintf("/telemetry?last=%d", i+1))
		all = append(all, o)
	}
	if _, m := a.observe("sensor-1", "/telemetry?last=99"); m.Code != codes.Content || maxAge(t, m) != 0 {
		t.Errorf("a view too many: %v, good for %d s", m.Code, maxAge(t, m))
	}
	if _, m := a.observe("sensor-1", "/telemetry?last=1"); maxAge(t, m) == 0 {
		t.Error("a view that is observed already was not observed again")
	}
	all[3].Close()
	if _, m := a.observe("sensor-1", "/telemetry?last=99"); maxAge(t, m) == 0 {
		t.Error("a place that was left is not given away")
	}
}

// Whatever is posted at once, the state that comes last has all of it.
func TestTelemetryObservedLast(t *testing.T) {
	a := testApp(t)
	a.post("sensor-1", `[{"n":"a","v":0}]`)
	o, _ := a.observe("sensor-1", "/telemetry?last=1000")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { a.post("sensor-1", fmt.Sprintf(`[{"n":"a","t":-%d,"v":1}]`, i+1)) })
	}
	all.Wait()
	before := 0
	for i, m := range o.told {
		n := len(pack(t, m))
		if n < before {
			t.Errorf("state %d has %d readings, the one before %d", i, n, before)
		}
		before = n
	}
	if before != 21 {
		t.Errorf("the last state has %d readings, want 21", before)
	}
}
