package matrix

import (
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

// A resumption takes one round trip; in the small form a datagram each way.
func TestSimulateResumption(t *testing.T) {
	for _, suite := range handshake.Suites() {
		for _, form := range []Resume{Small, ForwardSecret} {
			c := cell(suite)
			c.Resume = form
			r := simulate(t, c, 1)
			if r.Failed > 0 || r.Times[0] != c.RTT || r.Times[c.N-1] != c.RTT {
				t.Errorf("%s: %d failed, %v, %v", c.Group(), r.Failed, r.Err, r.Times)
			}
			if small := r.Datagrams < 2.5 && r.Bytes <= 250; small != (form == Small) {
				t.Errorf("%s: %v datagrams, %v bytes", c.Group(), r.Datagrams, r.Bytes)
			}
			if r.Verdict() != Pass && suite == BudgetSuite {
				t.Errorf("%s: %q", c.Group(), r.Verdict())
			}
		}
	}
}

// Under loss it is a resumption as well, and of what is lost there is more to send.
func TestSimulateResumptionLoss(t *testing.T) {
	for _, form := range []Resume{Small, ForwardSecret} {
		c := cell(handshake.XWing)
		c.Resume, c.Loss, c.N = form, 0.1, 100
		r := simulate(t, c, 1)
		p95, ok := r.Quantile(0.95)
		if r.Failed > 0 || !ok || p95 <= c.RTT || r.Verdict() != Unjudged {
			t.Errorf("%s: %d failed, %v, p95 %v, %q", c.Group(), r.Failed, r.Err, p95, r.Verdict())
		}
	}
}
