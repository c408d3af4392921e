package conformance

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/metrics"
)

var updateOperate = flag.Bool("update-operate", false, "write docs/operate/metrics.md anew")

// A ruled is a server whose folder has a device in it, and two invitations.
type ruled struct{ *server.Server }

func (r ruled) Status() server.Status {
	st := r.Server.Status()
	st.Devices, st.Invitations = 1, 2
	return st
}

// scrape is what Prometheus would get of a server, before it has had to do with anybody and behind
// some devices and their requests.
func scrape(t *testing.T) (before, after []*dto.MetricFamily) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		keys, err := handshake.NewTicketKeys(rand.Reader, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, 1, simnet.Link{Delay: 20 * time.Millisecond}, func(c *server.Config) {
			c.Tickets = keys
			c.Handler = coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
				return coap.Content(message.TextPlain, []byte("21.5"))
			})
		})
		defer w.close()
		registry := metrics.New(ruled{w.server})
		gather := func() []*dto.MetricFamily {
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			return families
		}
		before = gather()
		for _, mode := range []handshake.Mode{handshake.ModeKEM, handshake.ModeNone} {
			c := w.mustDial(config(handshake.XWing, mode))
			w.mustGet(c)
			c.Close()
		}
		time.Sleep(time.Second)
		after = gather()
	})
	return before, after
}

// series are the names and labels of metrics, with their values; of a histogram, its count.
func series(families []*dto.MetricFamily) map[string]float64 {
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// TestMetricsOfServer: the metrics say what has happened, and no device makes there be more of them.
func TestMetricsOfServer(t *testing.T) {
	before, after := scrape(t)
	had, has := series(before), series(after)
	for name := range has {
		if _, ok := had[name]; !ok && strings.HasPrefix(name, "pqcoap_") {
			t.Errorf("%s is there since a device has come", name)
		}
	}
	for name, want := range map[string]float64{
		"pqcoap_handshakes_confirmed_total{form=full,mode=kem,suite=1}":    1,
		"pqcoap_handshakes_confirmed_total{form=full,mode=none,suite=1}":   1,
		"pqcoap_handshakes_confirmed_total{form=resumed,mode=kem,suite=1}": 0,
		"pqcoap_handshakes_answered_total{}":                               2,
		"pqcoap_handshake_duration_seconds{}":                              2,
		"pqcoap_request_duration_seconds{}":                                2,
		"pqcoap_responses_total{class=success}":                            2,
		"pqcoap_serving{}":                                                 1,
		"pqcoap_draining{}":                                                0,
		"pqcoap_devices_enrolled{}":                                        1,
		"pqcoap_invitations_open{}":                                        2,
		"pqcoap_sessions{state=awake}":                                     0,
		"pqcoap_records_received_total{result=rejected}":                   0,
		"pqcoap_handshakes_failed_total{reason=unopened}":                  0,
		"pqcoap_sessions_limit{state=half_open}":                           4096,
	} {
		if got, ok := has[name]; !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
		}
	}
	content, overhead := has["pqcoap_bytes_total{direction=in,part=content}"], has["pqcoap_bytes_total{direction=in,part=overhead}"]
	if content == 0 || overhead == 0 || overhead > 1<<16 {
		t.Errorf("%v bytes of CoAP, %v of overhead", content, overhead)
	}
	problems, err := promlint.NewWithMetricFamilies(after).Lint()
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "pqcoap_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestMetricsDocument: docs/operate/metrics.md has each metric of a server, and no other. The lists
// of the runtime and the process are those of Linux.
func TestMetricsDocument(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the process has other metrics here")
	}
	_, families := scrape(t)
	want := document(families)
	const name = "docs/operate/metrics.md"
	if *updateOperate {
		if err := os.WriteFile(filepath.Join("..", name), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, name) != want {
		t.Errorf("%s is not what the server has: go test ./conformance -run MetricsDocument -update-operate", name)
	}
}

func document(families []*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("# Metrics\n\nWhat `/metrics` of the admin listener has ([README.md](README.md)). Made from the server by\n" +
		"`go test ./conformance -run MetricsDocument -update-operate`. No label has a value from the network.\n")
	section := func(title string, of func(name string) bool) {
		fmt.Fprintf(&b, "\n## %s\n\n| metric | kind | labels | what it is |\n|---|---|---|---|\n", title)
		for _, f := range families {
			if of(f.GetName()) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), labels(f), strings.ReplaceAll(f.GetHelp(), "|", "\\|"))
			}
		}
	}
	own := func(name string) bool { return strings.HasPrefix(name, "pqcoap_") }
	section("Of the server", own)
	section("Of the process and the Go runtime", func(name string) bool { return !own(name) })
	return b.String()
}

// labels are those of a family, with their values where they are few.
func labels(f *dto.MetricFamily) string {
	values := map[string][]string{}
	var names []string
	for _, m := range f.Metric {
		for _, l := range m.Label {
			if values[l.GetName()] == nil {
				names = append(names, l.GetName())
			}
			if !slices.Contains(values[l.GetName()], l.GetValue()) {
				values[l.GetName()] = append(values[l.GetName()], l.GetValue())
			}
		}
	}
	var texts []string
	for _, n := range names {
		text := n
		if strings.HasPrefix(f.GetName(), "pqcoap_") {
			text += ": " + strings.Join(values[n], ", ")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}
