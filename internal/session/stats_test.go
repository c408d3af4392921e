package session

import (
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// Sessions are counted by what they are, with the time that the first record took.
func TestStatsConfirmed(t *testing.T) {
	server := lasting(t)
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.opened()
	p.now = p.now.Add(30 * time.Millisecond)
	p.confirm()
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Resume = p.ticket()
	p.next(cfg).confirm()
	newPair(t, server, deviceConfig(handshake.ModeNone)).confirm()
	var want Handshakes
	want[handshake.MLKEM512][handshake.ModeKEM] = [2]uint64{1, 1}
	want[handshake.MLKEM512][handshake.ModeNone] = [2]uint64{1, 0}
	st := server.Stats()
	if st.ConfirmedBy != want || st.Confirmed != 3 {
		t.Errorf("%v of %d, want %v", st.ConfirmedBy, st.Confirmed, want)
	}
	if h := st.Handshake; h.Counts[0] != 2 || h.Counts[8] != 1 || h.Sum != 30*time.Millisecond {
		t.Errorf("handshakes took %+v; want one of 30 ms and two of nothing", h)
	}
}

// What led to no session is counted by what was wrong, once.
func TestStatsFailed(t *testing.T) {
	server := newTestServer(func(c *ServerConfig) {
		c.Authorize = func(handshake.Suite, handshake.ClientCredential) (Client, error) {
			return Client{}, &handshake.Refusal{Code: handshake.RefusedMode}
		}
	})
	newPair(t, server, deviceConfig(handshake.ModeNone)).run()
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.keepWork = true
	p.run()
	p.work[0].Busy()
	server.Done(p.now, p.work[0], &p.toDevice)
	other := deviceConfig(handshake.ModeNone)
	_, deviceKey := testKeys()
	other.Server = deviceKey.ServerCredential() // a key that this server does not have
	newPair(t, server, other).run()
	st := server.Stats()
	var want Refusals
	want[handshake.RefusedMode] = 1
	if st.RefusedBy != want || st.Refused != 1 {
		t.Errorf("refused %v of %d", st.RefusedBy, st.Refused)
	}
	if st.FailedBy != (Failures{Unopened: 1, Busy: 1}) || st.Failed != 2 {
		t.Errorf("failed %+v of %d", st.FailedBy, st.Failed)
	}
}

func TestFailuresAndRefusals(t *testing.T) {
	var f Failures
	for _, c := range []codes.Code{codes.BadRequest, codes.Unauthorized, codes.ServiceUnavailable, codes.InternalServerError} {
		f.add(c)
	}
	if f != (Failures{1, 1, 1, 1}) {
		t.Errorf("%+v", f)
	}
	var r Refusals
	r.add(handshake.RefusedTicket)
	r.add(200) // an Authorizer's own
	if r[handshake.RefusedTicket] != 1 || r[0] != 1 {
		t.Errorf("%v", r)
	}
}

// Bytes of CoAP are told from those that carry them, and are the same at both ends.
func TestStatsContent(t *testing.T) {
	server := newTestServer(nil)
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.confirm()
	id := p.get()
	if err := server.Respond(p.now, p.requests[0].Session, p.requests[0].ID, coap.Message{Code: coap.ContentCode, Payload: make([]byte, 100)}, nil, &p.toDevice); err != nil {
		t.Fatal(err)
	}
	p.run()
	st, device := server.Stats(), p.device.Stats()
	if id == 0 || st.Opened != device.Records.DatagramsOut || st.Opened < 2 {
		t.Errorf("%d records opened of %d datagrams", st.Opened, device.Records.DatagramsOut)
	}
	if r, d := st.Records, device.Records; r.ContentIn != d.ContentOut || r.ContentOut != d.ContentIn || r.ContentOut < 100 {
		t.Errorf("server %+v, device %+v", r, d)
	}
	overhead := uint64(p.device.ch.rec.Overhead())
	if r := st.Records; r.ContentIn >= r.BytesIn || r.BytesIn-r.ContentIn > st.Opened*(overhead+8) {
		t.Errorf("%d bytes of CoAP in %d of %d records with %d each", r.ContentIn, r.BytesIn, st.Opened, overhead)
	}
}

// Each epoch that begins at the server is counted.
func TestStatsUpdates(t *testing.T) {
	server := newTestServer(func(c *ServerConfig) { c.Update = Update{Records: 4} })
	p := newPair(t, server, deviceConfig(handshake.ModeKEM))
	p.confirm()
	for range 12 {
		p.get()
		p.pass(2 * time.Second)
	}
	session := server.Device(p.now, "device")
	send, receive := session.ch.rec.Epochs()
	const first = 3 // of application data
	if got, want := server.Stats().Updates, send-first+receive-first; got != want || want == 0 {
		t.Errorf("%d updates counted, epochs %d and %d", got, send, receive)
	}
}
