package main

import (
	"fmt"
	"strings"

	"github.com/pqcoap/pqcoap/conformance/lasting"
	"github.com/pqcoap/pqcoap/handshake"
)

// sessionsHead is what stands above the rows of a suite.
func sessionsHead(suite handshake.Suite) string {
	return fmt.Sprintf("Suite %d (%v), until a reading is acknowledged\n", suite, suite) +
		fmt.Sprintf("%-28s  %-14s %-14s %5s  %5s\n", "", " to the server", " to the device", "round", "all") +
		fmt.Sprintf("%-28s %6s %7s %6s %7s %6s %6s\n", "scenario", "dgrams", "bytes", "dgrams", "bytes", "trips", "bytes")
}

// sessionsRow is a line of the table, and one for each bound that is broken.
func sessionsRow(c *lasting.Cost) string {
	row := fmt.Sprintf("%-28s %6d %7d %6d %7d %6d %6d\n", c.Scenario.Name, c.Until.ToServer.Datagrams, c.Until.ToServer.Bytes,
		c.Until.Arrived.Datagrams, c.Until.Arrived.Bytes, c.RoundTrips(), c.Total.Bytes())
	if c.Seen.Resumed > 0 && c.Scenario.Handshake > 0 {
		row += fmt.Sprintf("    resumption %d bytes, %d with the ticket for the one after\n", c.Plain, c.Plain+c.Messages)
	}
	for _, b := range c.Broken() {
		row += "    BROKEN " + b + "\n"
	}
	return row
}

// A sessionsReport is what -json prints.
type sessionsReport struct {
	Broken    int            `json:"broken"`
	Scenarios []scenarioCost `json:"scenarios"`
}

type scenarioCost struct {
	Suite       uint8   `json:"suite"`
	Name        string  `json:"name"`
	ToServer    count   `json:"to_server"`
	ToDevice    count   `json:"to_device"` // what has come there
	Took        float64 `json:"took_ms"`
	RoundTrips  int     `json:"round_trips"`
	AllToServer count   `json:"all_to_server"`
	AllToDevice count   `json:"all_to_device"` // lost ones too
	Plain       int     `json:"plain_bytes"`
	Messages    int     `json:"message_bytes"`
	Full        int     `json:"full"`
	Resumed     int     `json:"resumed"`
	Restored    int     `json:"restored"`
	Reset       int     `json:"reset"`
	Broken      string  `json:"broken,omitempty"`
}

type count struct {
	Datagrams int `json:"datagrams"`
	Bytes     int `json:"bytes"`
}

func (r *sessionsReport) add(suite handshake.Suite, c *lasting.Cost) {
	broken := c.Broken()
	if len(broken) > 0 {
		r.Broken++
	}
	r.Scenarios = append(r.Scenarios, scenarioCost{
		Suite: uint8(suite), Name: c.Scenario.Name,
		ToServer: count(c.Until.ToServer), ToDevice: count(c.Until.Arrived),
		Took: milliseconds(c.Took), RoundTrips: c.RoundTrips(),
		AllToServer: count(c.Total.ToServer), AllToDevice: count(c.Total.ToDevice),
		Plain: c.Plain, Messages: c.Messages,
		Full: c.Seen.Full, Resumed: c.Seen.Resumed, Restored: c.Seen.Restored, Reset: c.Seen.Reset,
		Broken: strings.Join(broken, "; "),
	})
}
