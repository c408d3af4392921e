package reference_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/reference"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// rounds is how often each combination of suite and mode is run, with other randomness.
const rounds = 3

// A party is what both sides of one handshake need, in both implementations.
type party struct {
	t        *testing.T
	rand     io.Reader
	suite    reference.Suite
	mode     reference.Mode
	seed     []byte // sk_S
	seedC    []byte
	id, psk  []byte
	cid      []byte
	token    []byte
	own      reference.Parameters // of the device
	servers  reference.Parameters
	pkS, pkC []byte
}

// each runs f for every suite that the standard library has the KEM of, and every mode.
func each(t *testing.T, f func(p *party)) {
	for _, suite := range []reference.Suite{reference.XWing, reference.MLKEM768, reference.MLKEM1024} {
		for _, mode := range []reference.Mode{reference.ModeNone, reference.ModeKEM, reference.ModePSK} {
			for round := range rounds {
				name := fmt.Sprintf("suite %d, mode %d, round %d", suite.Number, mode, round)
				t.Run(name, func(t *testing.T) { f(newParty(t, name, suite, mode)) })
			}
		}
	}
}

func newParty(t *testing.T, name string, suite reference.Suite, mode reference.Mode) *party {
	p := &party{t: t, rand: rand.NewChaCha8(sha256.Sum256([]byte(name))), suite: suite, mode: mode}
	p.seed, p.seedC = p.bytes(suite.KEM.SeedSize()), p.bytes(suite.KEM.SeedSize())
	p.id, p.psk, p.token = p.bytes(16), p.bytes(32), p.bytes(16)
	p.cid = append([]byte{0x80 | p.bytes(1)[0]&0x3f}, p.bytes(3)...)
	p.own = reference.Parameters{MaxUDPPayload: 64, IdleTime: 1 << 20}
	p.servers = reference.Parameters{MaxUDPPayload: 65527, Echo: p.bytes(8)}
	var err error
	if p.pkS, err = suite.KEM.PublicKey(p.seed); err != nil {
		t.Fatal(err)
	}
	if p.pkC, err = suite.KEM.PublicKey(p.seedC); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *party) bytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(p.rand, b); err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *party) fatal(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// device is the reference's.
func (p *party) device() *reference.Device {
	d := &reference.Device{
		Suite: p.suite, Mode: p.mode, CredS: p.suite.PublicObject(p.pkS), PkS: p.pkS, Parameters: p.own,
		SeedE: p.bytes(p.suite.KEM.SeedSize()), RandomS: p.bytes(p.suite.KEM.RandomSize()),
	}
	switch p.mode {
	case reference.ModeKEM:
		d.Seed = p.seedC
	case reference.ModePSK:
		d.PSKID, d.PSK = p.id, p.psk
	}
	return d
}

// server is the reference's.
func (p *party) server() *reference.Server {
	return &reference.Server{
		Suite: p.suite, Seed: p.seed, PkC: p.pkC, PSKID: p.id, PSK: p.psk,
		ConnectionID: p.cid, ResetToken: p.token, Parameters: p.servers,
		RandomE: p.bytes(p.suite.KEM.RandomSize()), RandomC: p.bytes(p.suite.KEM.RandomSize()),
	}
}

func (p *party) realPSK() *handshake.PSK {
	return &handshake.PSK{ID: [16]byte(p.id), Key: handshake.PSKKey(p.psk)}
}

func params(q reference.Parameters) handshake.Parameters {
	return handshake.Parameters{
		MaxUDPPayload: uint16(q.MaxUDPPayload), IdleTimeout: time.Duration(q.IdleTime) * time.Second, Echo: q.Echo,
	}
}

// accept opens m1 with the server under test.
func (p *party) accept(m1 []byte) *handshake.Accepted {
	p.t.Helper()
	key, err := handshake.NewPrivateKey(handshake.Suite(p.suite.Number), p.seed)
	p.fatal(err)
	m, err := handshake.ParseM1(m1)
	p.fatal(err)
	a, err := handshake.NewResponder(key.Identity()).Open(m)
	p.fatal(err)
	return a
}

// initiator is the device under test.
func (p *party) initiator() *handshake.Initiator {
	p.t.Helper()
	cred, err := handshake.ParseServerCredential(p.suite.PublicObject(p.pkS))
	p.fatal(err)
	cfg := handshake.InitiatorConfig{Server: cred, Parameters: params(p.own)}
	switch p.mode {
	case reference.ModeKEM:
		cfg.Key, err = handshake.NewPrivateKey(handshake.Suite(p.suite.Number), p.seedC)
		p.fatal(err)
	case reference.ModePSK:
		cfg.PSK = p.realPSK()
	}
	i, err := handshake.NewInitiator(p.rand, cfg)
	p.fatal(err)
	return i
}

// agree compares the secrets, given in the direction of the device.
func (p *party) agree(t *reference.Trace, r *handshake.Result, send, receive []byte) {
	p.t.Helper()
	for _, row := range []struct {
		name         string
		ours, theirs []byte
	}{
		{"c_ap", t.CAp, send}, {"s_ap", t.SAp, receive},
		{"exporter", t.Exporter, r.Exporter}, {"resumption", t.Resumption, r.Resumption},
		{"session_id", t.SessionID, r.SessionID[:]},
	} {
		if len(row.ours) == 0 || !bytes.Equal(row.ours, row.theirs) {
			p.t.Errorf("%s differs", row.name)
		}
	}
}

// TestDevice is the reference device at the server under test.
func TestDevice(t *testing.T) {
	each(t, func(p *party) {
		d := p.device()
		p.fatal(d.Start())
		a := p.accept(d.Trace.M1)
		grant := handshake.Grant{ConnectionID: p.cid, ResetToken: [16]byte(p.token), Parameters: params(p.servers)}
		var err error
		switch p.mode {
		case reference.ModeKEM:
			grant.Key, err = handshake.ParsePublicKey(handshake.Suite(p.suite.Number), p.pkC)
			p.fatal(err)
		case reference.ModePSK:
			grant.PSK = p.realPSK()
		}
		m2, r, err := a.Respond(p.rand, grant)
		p.fatal(err)
		p.fatal(d.Finish(m2))
		p.agree(&d.Trace, r, r.ReceiveSecret, r.SendSecret)
		if !reflect.DeepEqual(params(p.own), r.Peer) || !reflect.DeepEqual(d.Peer, p.servers) {
			p.t.Errorf("parameters: the server has %v, the device %v", r.Peer, d.Peer)
		}
		if !bytes.Equal(d.ConnectionID, p.cid) || !bytes.Equal(d.ResetToken, p.token) {
			p.t.Errorf("cid_S %x, reset_token %x", d.ConnectionID, d.ResetToken)
		}
		id, err := record.NewConnectionID(p.cid)
		p.fatal(err)
		p.records(&d.Trace, record.Config{
			Suite: record.CipherSuite(r.Suite.RecordSuite()), SendSecret: r.SendSecret, ReceiveSecret: r.ReceiveSecret, ReceiveID: id,
		})
	})
}

// TestServer is the device under test at the reference server.
func TestServer(t *testing.T) {
	each(t, func(p *party) {
		i := p.initiator()
		s := p.server()
		p.fatal(s.Open(i.M1()))
		if s.Mode != p.mode || !reflect.DeepEqual(s.Peer, p.own) {
			p.t.Errorf("the server has mode %d and %v", s.Mode, s.Peer)
		}
		wantID := map[reference.Mode][]byte{reference.ModeKEM: p.suite.Reference(p.pkC), reference.ModePSK: p.id}[p.mode]
		if !bytes.Equal(s.ID, wantID) {
			p.t.Errorf("the server has the identifier %x, want %x", s.ID, wantID)
		}
		p.fatal(s.Answer())
		r, err := i.Finish(s.Trace.M2)
		p.fatal(err)
		p.agree(&s.Trace, r, r.SendSecret, r.ReceiveSecret)
		if !reflect.DeepEqual(r.Peer, params(p.servers)) || !bytes.Equal(r.ConnectionID, p.cid) || !bytes.Equal(r.ResetToken[:], p.token) {
			p.t.Errorf("the device has %v, cid_S %x, reset_token %x", r.Peer, r.ConnectionID, r.ResetToken)
		}
		id, err := record.NewConnectionID(r.ConnectionID)
		p.fatal(err)
		p.records(&s.Trace, record.Config{
			Suite: record.CipherSuite(r.Suite.RecordSuite()), SendSecret: r.SendSecret, ReceiveSecret: r.ReceiveSecret, SendID: id,
		})
	})
}

// records seals with the reference and opens with the side under test, and the other way.
func (p *party) records(t *reference.Trace, cfg record.Config) {
	p.t.Helper()
	conn, err := record.NewConn(cfg)
	p.fatal(err)
	out, err := reference.NewTraffic(uint16(cfg.Suite), cfg.ReceiveSecret)
	p.fatal(err)
	in, err := reference.NewTraffic(uint16(cfg.Suite), cfg.SendSecret)
	p.fatal(err)
	for seq := range uint64(100) { // numbers of 8 and of 16 bits
		content := []byte(fmt.Sprintf("record %d", seq))
		h := reference.Header{ConnectionID: cfg.ReceiveID.Bytes(), Wide: seq%3 == 0, Length: seq%2 == 0, Epoch: 3}
		r, rest, err := conn.Open(out.Seal(h, seq, 23, content, int(seq%5)))
		if err != nil || len(rest) != 0 || r.Sequence != seq || r.Type != record.ApplicationData || !bytes.Equal(r.Content, content) {
			p.t.Fatalf("record %d of the reference: %v, error = %v", seq, r, err)
		}
		b, err := conn.Seal(nil, record.Alert, content, seq%2 == 0)
		p.fatal(err)
		o, rest, err := in.Open(b, cfg.SendID.Bytes(), seq)
		if err != nil || len(rest) != 0 || o.Seq != seq || o.Type != 21 || !bytes.Equal(o.Content, content) {
			p.t.Fatalf("record %d for the reference: %v, error = %v", seq, o, err)
		}
	}
}

// TestRefusals are sealed by either implementation and opened by the other.
func TestRefusals(t *testing.T) {
	each(t, func(p *party) {
		d := p.device()
		p.fatal(d.Start())
		b, err := p.accept(d.Trace.M1).Refuse(p.rand, handshake.RefusedOverload, 90*time.Second, "busy")
		p.fatal(err)
		var ours *reference.Refusal
		if !errors.As(d.Finish(b), &ours) || *ours != (reference.Refusal{Code: 3, RetryAfter: 90, Text: "busy"}) {
			p.t.Errorf("the reference reads %v", ours)
		}
		i, s := p.initiator(), p.server()
		p.fatal(s.Open(i.M1()))
		_, err = i.Finish(s.Refuse(p.bytes(16), reference.EncodeRefusal(2, 1<<40, "né")))
		var theirs *handshake.Refusal
		if !errors.As(err, &theirs) || theirs.Code != handshake.RefusedMode || theirs.Text != "né" {
			p.t.Errorf("error = %v", err)
		}
	})
}

// TestIndependence: the reference shares nothing with what it is compared with.
func TestIndependence(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			if strings.Contains(spec.Path.Value, ".") {
				t.Errorf("%s imports %s", name, spec.Path.Value)
			}
		}
	}
}
