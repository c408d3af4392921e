package app

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server/senml"
)

// post sends a pack in JSON as a device.
func (a *App) post(device, pack string) *coap.Message {
	r := withBody(request(codes.POST, "/telemetry", number(message.ContentFormat, 110)), pack)
	r.Device = device
	return a.do(r)
}

// last asks for a device's own readings and reads the answer.
func (a *App) last(t *testing.T, device, query string, f senml.Format) []senml.Record {
	t.Helper()
	r := request(codes.GET, "/telemetry"+query, number(message.Accept, uint16(f)))
	r.Device = device
	m := a.do(r)
	if m.Code != codes.Content {
		t.Fatalf("%s: %v %s", query, m.Code, m.Payload)
	}
	wantFormat(t, query, m, int(f))
	records, err := senml.Parse(f, m.Payload, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func at(ago float64, value float64) senml.Record {
	return senml.Record{Name: "temperature", Unit: "Cel", Kind: senml.Number, Number: value,
		Time: float64(testNow.Unix()) - ago}
}

func TestTelemetry(t *testing.T) {
	dir := t.TempDir()
	a := openApp(t, dir)
	inJSON := `[{"bn":"temperature","bu":"Cel","t":-30,"v":1},{"t":-10,"v":3},{"t":-20,"v":2}]`
	if m := a.post("sensor-1", inJSON); m.Code != codes.Changed {
		t.Fatalf("%v %s", m.Code, m.Payload)
	}
	inCBOR, err := senml.Append(nil, senml.CBOR, []senml.Record{at(0, 4)})
	if err != nil {
		t.Fatal(err)
	}
	m := a.do(withBody(request(codes.POST, "/telemetry", number(message.ContentFormat, 112)), string(inCBOR)))
	if m.Code != codes.Changed || len(m.Payload) != 0 {
		t.Fatalf("%v %s", m.Code, m.Payload)
	}
	if m := a.post("sensor-2", `[{"n":"other","v":9}]`); m.Code != codes.Changed {
		t.Fatalf("%v %s", m.Code, m.Payload)
	}
	all := []senml.Record{at(30, 1), at(20, 2), at(10, 3), at(0, 4)}
	for range 2 {
		for _, f := range []senml.Format{senml.JSON, senml.CBOR} {
			for query, want := range map[string][]senml.Record{
				"": all, "?last=1000": all, "?last=4": all, "?last=3": all[1:], "?last=1": all[3:], "?x=1&last=2": all[2:],
			} {
				if got := a.last(t, "sensor-1", query, f); !reflect.DeepEqual(got, want) {
					t.Errorf("%s in %d: %v, want %v", query, f, got, want)
				}
			}
		}
		if got := a.last(t, "sensor-2", "", senml.JSON); len(got) != 1 || got[0].Name != "other" {
			t.Errorf("sensor-2: %v", got)
		}
		a.Close()
		a = openApp(t, dir)
	}
}

func TestTelemetryAnswersInCBORUnlessAsked(t *testing.T) {
	a := testApp(t)
	a.post("sensor-1", `[{"n":"a","v":1}]`)
	wantFormat(t, "no Accept", a.do(request(codes.GET, "/telemetry")), 112)
}

func TestTelemetryRefuses(t *testing.T) {
	a := testApp(t)
	if m := a.do(request(codes.GET, "/telemetry")); m.Code != codes.NotFound {
		t.Errorf("before any reading: %v", m.Code)
	}
	const ok = `[{"n":"a","v":1}]`
	json := number(message.ContentFormat, 110)
	for _, c := range []struct {
		what string
		r    *coap.Request
		code codes.Code
		text string
	}{
		{"no format", withBody(request(codes.POST, "/telemetry"), ok), codes.UnsupportedMediaType, "110 or 112"},
		{"JSON that is no SenML", withBody(request(codes.POST, "/telemetry", number(message.ContentFormat, 50)), ok), codes.UnsupportedMediaType, "110 or 112"},
		{"a format far away", withBody(request(codes.POST, "/telemetry", number(message.ContentFormat, 110+256)), ok), codes.UnsupportedMediaType, "110 or 112"},
		{"no body", request(codes.POST, "/telemetry", json), codes.BadRequest, "senml: pack not well-formed"},
		{"CBOR as JSON", withBody(request(codes.POST, "/telemetry", json), "\x81"), codes.BadRequest, "not well-formed"},
		{"a bad field", withBody(request(codes.POST, "/telemetry", json), `[{"n":"a","v":"Zq7"}]`), codes.BadRequest, "senml: record 1: field v has the wrong type"},
		{"base fields only", withBody(request(codes.POST, "/telemetry", json), `[{"bn":"a"}]`), codes.BadRequest, "no reading"},
		{"more than a frame", withBody(request(codes.POST, "/telemetry", json), hugePack()), codes.RequestEntityTooLarge, ""},
		{"last=0", request(codes.GET, "/telemetry?last=0"), codes.BadRequest, "from 1 to 1000"},
		{"last=1001", request(codes.GET, "/telemetry?last=1001"), codes.BadRequest, "from 1 to 1000"},
		{"last=-1", request(codes.GET, "/telemetry?last=-1"), codes.BadRequest, "from 1 to 1000"},
		{"last=x", request(codes.GET, "/telemetry?last=x"), codes.BadRequest, "from 1 to 1000"},
		{"last=", request(codes.GET, "/telemetry?last="), codes.BadRequest, "from 1 to 1000"},
		{"last", request(codes.GET, "/telemetry?last"), codes.BadRequest, "from 1 to 1000"},
		{"last=99999999999999999999", request(codes.GET, "/telemetry?last=99999999999999999999"), codes.BadRequest, "from 1 to 1000"},
	} {
		m := a.do(c.r)
		if m.Code != c.code || !strings.Contains(string(m.Payload), c.text) || strings.Contains(string(m.Payload), "Zq7") {
			t.Errorf("%s: %v %q, want %v %q", c.what, m.Code, m.Payload, c.code, c.text)
		}
	}
	if m := a.do(request(codes.GET, "/telemetry")); m.Code != codes.NotFound {
		t.Errorf("something refused was recorded: %v", m.Code)
	}
}

// hugePack has more in it than a journal takes at once.
func hugePack() string {
	record := `{"n":"a","vs":"` + strings.Repeat("x", senml.MaxText) + `"}`
	return "[" + strings.Repeat(record+",", 600) + record + "]"
}

func TestTelemetryOfManyBlocks(t *testing.T) {
	a := testApp(t)
	var pack []string
	for i := range 900 {
		pack = append(pack, fmt.Sprintf(`{"n":"temperature","u":"Cel","t":%d,"v":%d}`, i-1000, i))
	}
	if m := a.post("sensor-1", "["+strings.Join(pack, ",")+"]"); m.Code != codes.Changed {
		t.Fatalf("%v %s", m.Code, m.Payload)
	}
	got := a.last(t, "sensor-1", "?last=1000", senml.CBOR)
	if len(got) != 900 || !reflect.DeepEqual(got[0], at(1000, 0)) || got[899].Number != 899 {
		t.Errorf("%d readings, from %v", len(got), got[0])
	}
}

func TestTelemetryTooLargeForAnAnswer(t *testing.T) {
	a := testApp(t)
	for i := range 100 {
		text := strings.Repeat("x", senml.MaxText-3) + fmt.Sprintf("%03d", i)
		if m := a.post("sensor-1", fmt.Sprintf(`[{"n":"a","t":%d,"vs":"%s"}]`, i-100, text)); m.Code != codes.Changed {
			t.Fatalf("%v %s", m.Code, m.Payload)
		}
	}
	for _, f := range []senml.Format{senml.JSON, senml.CBOR} {
		got := a.last(t, "sensor-1", "?last=100", f)
		if n := len(got); n < MaxBody/senml.MaxText-2 || n > MaxBody/senml.MaxText {
			t.Errorf("format %d: %d readings", f, n)
		}
		if newest := got[len(got)-1].Text; !strings.HasSuffix(newest, "099") {
			t.Errorf("format %d: the newest is left out", f)
		}
	}
}

func TestTelemetryOfManyDevicesAtOnce(t *testing.T) {
	a := testApp(t)
	var all sync.WaitGroup
	for d := range 8 {
		all.Go(func() {
			device := fmt.Sprint("sensor-", d)
			for i := range 10 {
				if m := a.post(device, fmt.Sprintf(`[{"n":"a","t":%d,"v":%d}]`, i-100, d)); m.Code != codes.Changed {
					t.Errorf("%s: %v", device, m.Code)
				}
			}
		})
	}
	all.Wait()
	for d := range 8 {
		for _, r := range a.last(t, fmt.Sprint("sensor-", d), "?last=100", senml.CBOR) {
			if r.Number != float64(d) {
				t.Errorf("sensor-%d got the reading %v", d, r)
			}
		}
	}
}

func TestTelemetryWithoutADisk(t *testing.T) {
	a := testApp(t)
	a.Close()
	if m := a.post("sensor-1", `[{"n":"a","v":1}]`); m.Code != codes.ServiceUnavailable {
		t.Errorf("POST: %v", m.Code)
	}
	if m := a.do(request(codes.GET, "/telemetry")); m.Code != codes.ServiceUnavailable {
		t.Errorf("GET: %v", m.Code)
	}
}

func TestOpenNoFolder(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("opened")
	}
}
