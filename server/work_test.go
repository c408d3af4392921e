package server

import (
	"crypto/rand"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
)

// post is an m1 of somebody without a name, in one datagram.
func (w *bench) post(id int) []byte {
	m1, err := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{Server: w.key.ServerCredential()})
	if err != nil {
		w.t.Fatal(err)
	}
	defer m1.Close()
	b, err := coap.Append(nil, &coap.Message{
		Type: message.Confirmable, Code: coap.POST, MessageID: int32(id), Token: []byte{1}, Options: path("hs"), Payload: m1.M1(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// TestWorkersAreShared: while the workers are busy, one network cannot keep another one waiting,
// nor take all places. Who is turned away is told to come again.
func TestWorkersAreShared(t *testing.T) {
	const flood = 3 * workQueue
	var busy chan struct{} // of the bubble
	onBench(t, func(t *testing.T, w *bench) {
		answers, served := map[netip.AddrPort]coap.Code{}, []netip.AddrPort{}
		w.net.Filter(func(d simnet.Datagram) simnet.Verdict {
			if m, err := coap.Parse(d.Payload); err == nil && d.From == serverAddr {
				if answers[d.To] = m.Code; m.Code == coap.Changed {
					served = append(served, d.To)
				}
			}
			return simnet.Verdict{}
		})
		from := func(network, i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(network), 1}), uint16(1000+i))
		}
		for i := range flood {
			w.net.Inject(from(1, i), serverAddr, w.post(i))
			if i == 0 {
				time.Sleep(time.Second) // it is at work
			}
		}
		time.Sleep(time.Second)
		if st := w.server.Stats().Work; st.Waiting != workQueue || st.Busy != 1 || st.TurnedAway != flood-workQueue-1 {
			t.Errorf("%+v of %d, with one at work", st, flood)
		}
		for i := range 3 {
			w.net.Inject(from(2, i), serverAddr, w.post(i))
		}
		time.Sleep(time.Second)
		close(busy)
		time.Sleep(time.Second)
		synctest.Wait()
		for i, want := range []int{1, 1, 2, 1, 2, 1, 2, 1, 1, 1} { // the first was at work
			if got := int(served[i].Addr().As4()[2]); got != want {
				t.Errorf("served number %d is of network %d, want %d", i, got, want)
			}
		}
		if len(served) != workQueue+1 || answers[from(1, flood-1)] != coap.ServiceUnavailable {
			t.Errorf("%d served, the last is told %v", len(served), answers[from(1, flood-1)])
		}
	}, func(cfg *Config) {
		busy = make(chan struct{})
		cfg.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) {
			<-busy
			return Client{}, nil
		}
		cfg.Admission = DefaultAdmission
		cfg.Admission.Unproven = 0
	})
}

// TestWorkersEnd: what waits when a server is closed is not done any more.
func TestWorkersEnd(t *testing.T) {
	var busy chan struct{}
	calls := 0
	onBench(t, func(t *testing.T, w *bench) {
		for i := range 5 {
			w.net.Inject(netip.AddrPortFrom(deviceAddr.Addr(), uint16(1000+i)), serverAddr, w.post(i))
		}
		time.Sleep(time.Second)
		go w.server.Close()
		synctest.Wait()
		close(busy)
		synctest.Wait()
		if st := w.server.Stats().Work; calls != 1 || st.Waiting != 0 {
			t.Errorf("%d done, %+v", calls, st)
		}
	}, func(cfg *Config) {
		busy = make(chan struct{})
		cfg.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) {
			calls++
			<-busy
			return Client{}, nil
		}
	})
}

// TestTooMany: a device that asks too much is answered 4.29 and told for how long to be quiet; the
// handler does not hear of it.
func TestTooMany(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		defer d.close()
		for i := range 8 {
			want := coap.NotFound // of the handler
			if i >= 3 {           // one has gone in connect
				want = coap.TooManyRequests
			}
			m := d.get()
			age, err := m.Options.GetUint32(message.MaxAge)
			if m.Code != want || want == coap.TooManyRequests && (err != nil || age != 1) {
				t.Errorf("request %d: %v, Max-Age %d", i, m.Code, age)
			}
		}
		if n := w.server.Stats().OverRequests; n != 5 {
			t.Errorf("%d counted", n)
		}
		time.Sleep(time.Second)
		if m := d.get(); m.Code != coap.NotFound {
			t.Errorf("%v after that second", m.Code)
		}
	}, func(cfg *Config) {
		cfg.Admission = DefaultAdmission
		cfg.Admission.DeviceRequests = 1
	})
}
