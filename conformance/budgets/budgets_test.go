package budgets

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/bench"
	"github.com/pqcoap/pqcoap/conformance/flood"
	"github.com/pqcoap/pqcoap/conformance/idle"
)

// write puts what a command would have printed into a folder.
func write(t *testing.T, dir, name string, v any) {
	t.Helper()
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// good is figures that keep every budget, just so.
func good(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, "bench", bench.Result{
		KEM:      []bench.KEM{{Suite: 1, Ratio: 1.3}, {Suite: 2, Ratio: 1.3}},
		Records:  []bench.Records{{Size: 64, SealRatio: 1.3, OpenRatio: 1.3, Up: 20, Down: 19}},
		Payloads: []bench.Payload{{Kind: "mutual", Bytes: 5000}, {Kind: "server only", Bytes: 3800}},
		Requests: []bench.Requests{
			{Kind: bench.KindRawGET, Clients: 1, PerSecond: 10, P50: 5, P99: 6}, {Kind: bench.KindGET, Clients: 1, Ratio: 0.6, PerSecond: 6, P50: 5, P99: 6},
			{Kind: bench.KindRawGET, Clients: 64, PerSecond: 10, P50: 7, P99: 9}, {Kind: bench.KindGET, Clients: 64, Ratio: 1, PerSecond: 10, P50: 7, P99: 9},
		},
	})
	write(t, dir, "idle", idle.Result{Levels: []idle.Level{{N: 10, Each: 9999}, {N: 1000, Each: 600}}})
	write(t, dir, "flood", flood.Result{Rows: []flood.Row{
		{Kind: "a", Devices: 10, Succeeded: 10, Unproven: true, Amplification: 3, Verdict: Pass},
		{Kind: "b", Devices: 10, Succeeded: 10, Amplification: 7, Verdict: Pass},
	}})
	write(t, dir, "loss", []byte(`{"cells":[
		{"loss":0,"resume":"full","p50_ms":100,"p95_ms":100,"budget_ms":{"p50":100,"p95":100},"verdict":"pass"},
		{"loss":0.05,"resume":"full","p50_ms":110,"p95_ms":350,"budget_ms":{"p50":110,"p95":350},"verdict":"pass"},
		{"loss":0.4,"echo":true,"resume":"full","p50_ms":1,"p95_ms":2,"budget_ms":{"p50":700,"p95":2200},"verdict":"pass"}]}`))
	write(t, dir, "sessions", []byte(`{"scenarios":[{"name":"node crash","plain_bytes":250,"message_bytes":180}]}`))
	write(t, dir, "stacks", []byte(`{"delay_ms":50,"cells":[
		{"stack":"pqcoap","handshake":{"p50_ms":104},"first_answer":{"p50_ms":208}},
		{"stack":"pqcoap","loss_percent":5,"handshake":{"p50_ms":900},"first_answer":{"p50_ms":null}},
		{"stack":"pqcoap-echo","handshake":{"p50_ms":205},"first_answer":{"p50_ms":307}}]}`))
	write(t, dir, "load", []byte(`{"requests":[{"stack":"pion","clients":1,"per_second":5,"p50_us":3,"p99_us":9,"cpu_us":8},
		{"stack":"pion","clients":8,"payload":64,"per_second":5,"p50_us":3,"p99_us":9,"cpu_us":8}],
		"memory":[{"stack":"pion","sessions":500,"rss_bytes":90000}]}`))
	write(t, dir, "node", []byte(`{"binary_bytes":{"linux/arm":6000000,"linux/amd64":7000000},"rss_bytes":14000000}`))
	return dir
}

func rows(t *testing.T, dir string) []Row {
	t.Helper()
	f, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f.Rows()
}

func TestRowsPass(t *testing.T) {
	all := rows(t, good(t))
	if len(all) != 17 || Broken(all) != 0 {
		t.Errorf("%d rows, %d broken: %+v", len(all), Broken(all), all)
	}
}

// Each budget is broken by a little more than it, and no other with it.
func TestRowsShort(t *testing.T) {
	for _, tt := range []struct{ file, old, new, figure string }{
		{"bench", `"suite":2,"mode":"","handshake_us":0,"kem_us":0,"check_us":0,"ratio":1.3`, `"suite":2,"ratio":1.31`, "suite 2"},
		{"bench", `"seal_ratio":1.3`, `"seal_ratio":1.4`, "Seal"},
		{"bench", `"allocations":0`, `"allocations":1`, "Seal"},
		{"bench", `"overhead_up_bytes":20`, `"overhead_up_bytes":21`, "bytes added"},
		{"bench", `"bytes":5000`, `"bytes":5001`, "UDP payload"},
		{"bench", `"ratio":0.6`, `"ratio":0.59`, "one after another"},
		{"idle", `"rss_bytes_per_session":600`, `"rss_bytes_per_session":601`, "idle session"},
		{"flood", `"amplification":3`, `"amplification":3.1`, "bytes out per byte in"},
		{"flood", `"verdict":"pass"`, `"verdict":"short"`, "every flood"},
		{"loss", `"p95":350},"verdict":"pass"`, `"p95":350},"verdict":"short"`, "5 % loss"},
		{"sessions", `250`, `251`, "resumption"},
		{"sessions", `180`, `181`, "resumption"},
		{"stacks", `208`, `260`, "round trips"},
		{"stacks", `"p50_ms":205`, `"p50_ms":null`, "round trips"},
		{"node", `6000000`, `6000001`, "stripped"},
		{"node", `14000000`, `14000001`, "while it runs"},
	} {
		dir := good(t)
		path := filepath.Join(dir, tt.file+".json")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(b), tt.old, tt.new, 1)
		if changed == string(b) {
			t.Fatalf("%s has no %s: %s", tt.file, tt.old, b)
		}
		write(t, dir, tt.file, []byte(changed))
		all := rows(t, dir)
		for _, r := range all {
			if (r.Verdict == Short) != strings.Contains(r.Figure, tt.figure) {
				t.Errorf("%s: %+v", tt.new, r)
			}
		}
	}
}

// What was not measured is not kept.
func TestRowsMissing(t *testing.T) {
	all := rows(t, t.TempDir())
	if len(all) < 15 || Broken(all) != len(all) {
		t.Errorf("%d of %d broken", Broken(all), len(all))
	}
	dir := t.TempDir()
	write(t, dir, "idle", []byte("not JSON"))
	if _, err := Read(dir); err == nil {
		t.Error("no error for a file that is not read")
	}
}

// A million counts, where they were opened.
func TestMillion(t *testing.T) {
	dir := good(t)
	write(t, dir, "million", idle.Result{Levels: []idle.Level{{N: 1000000, Each: 700}}})
	if all := rows(t, dir); Broken(all) != 1 {
		t.Errorf("%d broken", Broken(all))
	}
}

func TestWrite(t *testing.T) {
	var out strings.Builder
	Write(&out, []Row{{"longest figure", "1 µs", "2", Pass, "a"}, {"b", "-", "", Missing, "command"}})
	want := "figure          ours  budget                measured by\n" +
		"longest figure  1 µs  2       pass          a\n" +
		"b               -             not measured  command\n\n1 of 2 budgets kept\n"
	if out.String() != want {
		t.Errorf("table:\n%s", &out)
	}
}
