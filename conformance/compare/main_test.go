package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseFlags(t *testing.T) {
	o, err := parseFlags(nil, io.Discard)
	if err != nil || len(o.stacks) != len(stacks) || o.n != 100 || o.parallel != 20 || o.delay != 50*time.Millisecond {
		t.Errorf("defaults = %+v, %v", o, err)
	}
	if !slices.Equal(o.loss, []float64{0, 0.05, 0.1, 0.2, 0.4}) {
		t.Errorf("default loss = %v", o.loss)
	}
	o, err = parseFlags([]string{"-stack", "quic,pqcoap", "-loss", "2.5", "-json"}, io.Discard)
	if err != nil || len(o.stacks) != 2 || o.stacks[0].name != "quic" || !slices.Equal(o.loss, []float64{0.025}) || !o.json {
		t.Errorf("settings = %+v, %v", o, err)
	}
	if _, err := parseFlags([]string{"-h"}, io.Discard); err != flag.ErrHelp {
		t.Errorf("-h: error = %v", err)
	}
}

func TestParseFlagsRejects(t *testing.T) {
	for _, args := range []string{
		"-stack tls", "-stack quic,", "-loss -1", "-loss 100", "-loss NaN", "-loss 5,x",
		"-n 0", "-parallel 0", "-delay -1ms", "-seed x", "more",
	} {
		var said bytes.Buffer
		if _, err := parseFlags(strings.Fields(args), &said); err == nil || said.Len() == 0 {
			t.Errorf("%s: error = %v, said %q", args, err, &said)
		}
	}
}

// TestRun prints both forms of one cell.
func TestRun(t *testing.T) {
	o, err := parseFlags([]string{"-stack", "pqcoap-none", "-loss", "0", "-n", "2", "-delay", "1ms"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := run(t.Context(), &table, o); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(table.String(), "pqcoap-none"); got != 2 { // what it is, and its row
		t.Errorf("table names the stack %d times:\n%s", got, &table)
	}
	o.json = true
	var out bytes.Buffer
	if err := run(t.Context(), &out, o); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Cells) != 1 || r.Cells[0].N != 2 || r.Cells[0].Answer.Failed != 0 || r.Cells[0].Handshake.BytesUp == 0 {
		t.Errorf("report = %+v", r)
	}
}
