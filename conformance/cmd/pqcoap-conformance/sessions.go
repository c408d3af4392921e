package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/pqcoap/pqcoap/conformance/lasting"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var sessionsCommand = cli.Command{
	Name:  "sessions",
	Args:  "[-suite LIST] [-json]",
	Short: "measure what sleep, moves, crashes and restarts cost a session",
	Long: `Has something happen to a device with a session, by the engine under a virtual clock
over a link without loss, and lets it send a reading of 4 bytes. Counted are datagrams
and bytes of UDP payload that the device sends and that reach it until the reading is
acknowledged, the time in round trips, and all bytes that both send in a minute. A small
resumption is held to 250 bytes on the plain lane, 430 with the ticket for the one after.
Exit code 1 if a bound is broken.`,
	Examples: `
		pqcoap-conformance sessions
		pqcoap-conformance sessions -suite 1,3 -json
	`,
	Setup: setupSessions,
}

func setupSessions(fs *flag.FlagSet) cli.Action {
	suites := fs.String("suite", "1", "`LIST` of suites, such as 1,3")
	asJSON := fs.Bool("json", false, "print one JSON object: broken (a number), scenarios (suite, name, "+
		"to_server, to_device, took_ms, round_trips, all_to_server, all_to_device, plain_bytes, "+
		"message_bytes, full, resumed, restored, reset, broken)")
	return func(_ context.Context, std cli.Streams, args []string) error {
		if len(args) != 0 {
			return cli.Usagef("sessions takes no arguments")
		}
		var of []handshake.Suite
		if err := list("suite", *suites, &of, parseSuite); err != nil {
			return err
		}
		if len(of) == 0 {
			return cli.Usagef("-suite: want one at least")
		}
		return runSessions(std.Out, of, *asJSON)
	}
}

// runSessions runs all scenarios in all suites. A bound that is broken is an error.
func runSessions(out io.Writer, suites []handshake.Suite, asJSON bool) error {
	var report sessionsReport
	for i, suite := range suites {
		if !asJSON {
			fmt.Fprint(out, strings.Repeat("\n", min(i, 1)), sessionsHead(suite))
		}
		for _, s := range lasting.Scenarios() {
			c, err := s.Run(suite)
			if err != nil {
				return fmt.Errorf("suite %d, %s: %w", suite, s.Name, err)
			}
			report.add(suite, &c)
			if !asJSON {
				fmt.Fprint(out, sessionsRow(&c))
			}
		}
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(report); err != nil {
			return err
		}
	}
	if report.Broken > 0 {
		return fmt.Errorf("%d of %d scenarios break their bounds", report.Broken, len(report.Scenarios))
	}
	return nil
}
