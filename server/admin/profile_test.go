package admin

import (
	"testing"
)

func TestProfiles(t *testing.T) {
	a, _ := listening(t, func(c *Config) { c.Settings.Pprof = true })
	gzip := func(body string) bool { return len(body) > 2 && body[0] == 0x1f && body[1] == 0x8b }
	for _, path := range []string{"heap", "goroutine", "profile?seconds=1"} {
		if code, body := get(t, a, "/debug/pprof/"+path); code != 200 || !gzip(body) {
			t.Errorf("%s: %d, %d bytes that are no profile", path, code, len(body))
		}
	}
	if code, body := get(t, a, "/debug/pprof/trace?seconds=1"); code != 200 || len(body) < 4 || body[:3] != "go " {
		t.Errorf("trace: %d, %d bytes that are none", code, len(body))
	}
	for path, want := range map[string]int{
		"": 404, "nothing": 404, "cmdline": 404, "profile?seconds=0": 400, "profile?seconds=61": 400, "trace?seconds=x": 400,
	} {
		if code, _ := get(t, a, "/debug/pprof/"+path); code != want {
			t.Errorf("%q: %d, want %d", path, code, want)
		}
	}
}
