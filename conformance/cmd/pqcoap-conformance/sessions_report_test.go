package main

import (
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/lasting"
	"github.com/pqcoap/pqcoap/handshake"
)

// A bound that is broken is in the row and in the report.
func TestSessionsBroken(t *testing.T) {
	c, err := lasting.Scenarios()[0].Run(handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	var report sessionsReport
	report.add(handshake.MLKEM512, &c)
	if row := sessionsRow(&c); report.Broken != 0 || strings.Contains(row, "BROKEN") {
		t.Errorf("%d broken: %q", report.Broken, row)
	}
	c.Scenario.Resumed = 1
	report.add(handshake.MLKEM512, &c)
	if row := sessionsRow(&c); report.Broken != 1 || report.Scenarios[1].Broken == "" || !strings.Contains(row, "BROKEN 0 resumptions") {
		t.Errorf("%d broken, %q: %q", report.Broken, report.Scenarios[1].Broken, row)
	}
}
