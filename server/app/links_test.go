package app

import (
	"testing"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func TestLinks(t *testing.T) {
	const (
		clock     = `</time>;rt="pqcoap.time";ct="0";obs`
		echo      = `</echo>;rt="pqcoap.echo"`
		telemetry = `</telemetry>;rt="pqcoap.telemetry";ct="110 112";obs`
	)
	a := testApp(t)
	for query, want := range map[string]string{
		"":                            clock + "," + echo + "," + telemetry,
		"?rt=pqcoap.echo":             echo,
		"?rt=pqcoap.*":                clock + "," + echo + "," + telemetry,
		"?rt=pqcoap":                  "",
		"?rt=pqcoap.t*":               clock + "," + telemetry,
		"?href=/telemetry":            telemetry,
		"?href=/t*":                   clock + "," + telemetry,
		"?href=/t":                    "",
		"?href=*":                     clock + "," + echo + "," + telemetry,
		"?ct=112":                     telemetry,
		"?ct=11*":                     telemetry,
		"?ct=110 112":                 "",
		"?title=*":                    "",
		"?rt":                         "",
		"?obs":                        clock + "," + telemetry,
		"?obs=*":                      clock + "," + telemetry,
		"?obs=1":                      "",
		"?rt=pqcoap.t*&href=/time":    clock,
		"?rt=pqcoap.echo&href=/time":  "",
		"?rt=pqcoap.time&rt=pqcoap.*": clock,
	} {
		m := a.do(request(codes.GET, "/.well-known/core"+query))
		if m.Code != codes.Content || string(m.Payload) != want {
			t.Errorf("%q: %v %q, want %q", query, m.Code, m.Payload, want)
		}
		wantFormat(t, query, m, 40)
	}
}

// What is listed must be there.
func TestLinksAreServed(t *testing.T) {
	for _, l := range links {
		if resources[l.href] == nil {
			t.Errorf("%s is listed and not served", l.href)
		}
	}
	if len(links)+1 != len(resources) {
		t.Errorf("%d links of %d resources and the list itself", len(links), len(resources))
	}
}
