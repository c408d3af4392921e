package conformance

import (
	"encoding/json"
	"strings"
)

// bench asks by one device, by all of a folder, at a rate, and for what there is not.
func (c *commands) bench(addr string) {
	with := " -server " + addr + " -duration 200ms -json "
	for args, sessions := range map[string]int{
		"-c kem.toml -clients 3": 1, "-c . -clients 8": 2, "-c . -clients 1": 1,
		"-c psk.toml -rate 50 -clients 2": 1, "-c kem.toml -post /echo -payload 9": 1,
	} {
		var r struct {
			Requests, Sessions int
			PerSecond          float64 `json:"per_second"`
			P50                float64 `json:"p50_ms"`
			Max                float64 `json:"max_ms"`
			Errors             map[string]int
			Out                float64 `json:"overhead_bytes_out"`
		}
		out := c.ok("pqcoap-node bench" + with + args)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			c.t.Fatal(err)
		}
		if r.Requests == 0 || r.Sessions != sessions || r.PerSecond <= 0 || r.Max < r.P50 || len(r.Errors) > 0 || r.Out < 20 || r.Out > 100 {
			c.t.Errorf("%s: %s", args, out)
		}
		if strings.Contains(args, "-rate") && r.Requests != 10 {
			c.t.Errorf("%d requests in 200 ms at 50 a second", r.Requests)
		}
	}
	code, out, errs := c.run("pqcoap-node bench -c kem.toml -get /nothing" + with)
	if code != 4 || !strings.Contains(out, `"errors":{"4.04 Not Found":`) || !strings.Contains(errs, "requests failed") {
		c.t.Errorf("exit code %d, %s, %s", code, out, errs)
	}
}
