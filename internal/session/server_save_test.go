package session

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// multiplied is a saved table in which one session stands n times, under IDs and names of its own.
func multiplied(b testing.TB, n int) (state []byte, authorize Authorizer) {
	p := newPair(&testing.T{}, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	one, err := p.server.Device("device").save()
	if err != nil {
		b.Fatal(err)
	}
	ids := newIDSpace(p.server.cfg.Rand)
	saved := savedServer{Version: savedVersion}
	names := make(map[[16]byte]Client)
	for i := range n {
		id, err := ids.take(free)
		if err != nil {
			b.Fatal(err)
		}
		one.ID, one.Device = id.Bytes(), fmt.Sprintf("device-%d", i)
		one.Credential = [16]byte{byte(i), byte(i >> 8), byte(i >> 16)}
		names[one.Credential] = Client{Name: one.Device}
		saved.Sessions = append(saved.Sessions, one)
	}
	rand.Shuffle(n, func(i, j int) { // as Save leaves them
		saved.Sessions[i], saved.Sessions[j] = saved.Sessions[j], saved.Sessions[i]
	})
	state, err = cbor.Marshal(saved)
	if err != nil {
		b.Fatal(err)
	}
	return state, func(_ handshake.Suite, c handshake.ClientCredential) (Client, error) { return names[c.ID], nil }
}

// As many sessions come back as were saved, and can be saved again.
func TestSaveMany(t *testing.T) {
	const n = 2000
	state, authorize := multiplied(t, n)
	for range 2 {
		s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
		if err := s.Load(epoch, state); err != nil || s.Stats().Sessions != n {
			t.Fatalf("%d sessions, %v", s.Stats().Sessions, err)
		}
		var err error
		if state, err = s.Save(); err != nil {
			t.Fatal(err)
		}
	}
	s := newTestServer(func(c *ServerConfig) { c.Authorize, c.MaxSessions = authorize, 10 })
	if err := s.Load(epoch, state); err != nil || s.Stats().Sessions != 10 {
		t.Errorf("%d sessions where 10 have room, %v", s.Stats().Sessions, err)
	}
}

// go test -run - -bench ServerLoad ./internal/session
func BenchmarkServerLoad(b *testing.B) {
	for _, n := range []int{4000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			state, authorize := multiplied(b, n)
			for b.Loop() {
				b.StopTimer()
				s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
				copied := append([]byte(nil), state...)
				b.StartTimer()
				if err := s.Load(epoch, copied); err != nil || s.Stats().Sessions != n {
					b.Fatal(s.Stats().Sessions, err)
				}
			}
		})
	}
}

// go test -run - -bench ServerSave ./internal/session
func BenchmarkServerSave(b *testing.B) {
	for _, n := range []int{4000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			state, authorize := multiplied(b, n)
			b.ReportMetric(float64(len(state))/float64(n), "B/session")
			for b.Loop() {
				b.StopTimer()
				s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
				if err := s.Load(epoch, append([]byte(nil), state...)); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := s.Save(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
