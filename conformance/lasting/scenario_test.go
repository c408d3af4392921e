package lasting

import (
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

// Every scenario keeps its bounds, in every suite where they are of no bytes.
func TestScenarios(t *testing.T) {
	for _, suite := range handshake.Suites() {
		for _, s := range Scenarios() {
			c, err := s.Run(suite)
			if err != nil {
				t.Errorf("suite %d, %s: %v", suite, s.Name, err)
			}
			for _, b := range c.Broken() {
				t.Errorf("suite %d, %s: %s", suite, s.Name, b)
			}
			t.Logf("suite %d %-28s up %d/%d down %d/%d (all %d/%d) rt %d plain %d messages %d", suite, s.Name, c.Until.ToServer.Datagrams,
				c.Until.ToServer.Bytes, c.Until.Arrived.Datagrams, c.Until.Arrived.Bytes, c.Total.ToServer.Bytes, c.Total.ToDevice.Bytes, c.RoundTrips(), c.Plain, c.Messages)
		}
	}
}

// A bound that is broken is named.
func TestBroken(t *testing.T) {
	c, err := Scenarios()[3].Run(handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	c.Scenario.Datagrams, c.Scenario.RoundTrips, c.Scenario.Handshake, c.Scenario.NewTicket, c.Scenario.Full = 1, 1, 1, 1, 1
	if got := c.Broken(); len(got) != 6 {
		t.Errorf("%d bounds broken: %q", len(got), got)
	}
}
