package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/matrix"
)

func TestLossTable(t *testing.T) {
	var out bytes.Buffer
	table := lossTable{out: &out}
	good := budgetResult(1234567 * time.Nanosecond)
	bad := good
	bad.Times, bad.Failed, bad.Err = nil, 3, errors.New("no luck")
	other := matrix.Result{Cell: matrix.Cell{Suite: 4, RTT: time.Second, MTU: 128, Loss: 1}, Times: good.Times}
	for _, r := range []matrix.Result{good, bad, other} {
		table.row(&r)
	}
	want := `Suite 1 (X-Wing), RTT 100ms, MTU 1280
  loss     n failed    p50    p95    p99 datagrams   bytes  budget
   5 %     1      0      1      1      1       0.0       0    110/350 pass
   5 %     3      3      -      -      -       0.0       0    110/350 short
       failed first: no luck

Suite 4 (ML-KEM-1024), RTT 1s, MTU 128
  loss     n failed    p50    p95    p99 datagrams   bytes  budget
 100 %     1      0      1      1      1       0.0       0
`
	if got := out.String(); got != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
}

// A quantile that was not reached is null: 0 would read as the best of all.
func TestLossCellJSON(t *testing.T) {
	r := budgetResult(100 * time.Millisecond)
	r.Failed, r.Err = 1, errors.New("no luck")
	b, err := json.Marshal(newLossCell(&r))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"p50_ms":100`, `"p95_ms":null`, `"n":2`, `"failed":1`, `"error":"no luck"`, `"budget_ms":{"p50":110,"p95":350}`, `"verdict":"short"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
}
