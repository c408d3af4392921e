package server

import (
	"context"
	"crypto/rand"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// fill sets each number there is to n.
func fill(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Uint64:
		v.SetUint(uint64(n))
	default:
		v.SetInt(int64(n))
	}
}

// Every count of several parts is added, so that a new field cannot be forgotten.
func TestStatsAdd(t *testing.T) {
	var one, two, want Stats
	fill(reflect.ValueOf(&one).Elem(), 1)
	fill(reflect.ValueOf(&two).Elem(), 2)
	fill(reflect.ValueOf(&want).Elem(), 3)
	if one.Add(&two); one != want {
		t.Errorf("%+v", one)
	}
}

// What a device does is in the server's counts, and the server says how it is.
func TestStatus(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		w.connect(nil)
		synctest.Wait()
		st := w.server.Stats()
		if st.Requests.Latency.Counts[0] == 0 || st.Requests.Answers.ClientError != 1 {
			t.Errorf("requests: %+v", st.Requests)
		}
		if st.Handshake.Sum <= 0 || st.ConfirmedBy[handshake.MLKEM512][handshake.ModeKEM][0] != 1 || st.Lane.Transfers == 0 {
			t.Errorf("handshakes took %v: %v; lane %+v", st.Handshake.Sum, st.ConfirmedBy, st.Lane)
		}
		now := w.server.Status()
		if !now.Serving || now.Draining || now.Devices != -1 || now.MaxSessions != 1<<20 || now.MaxHalfOpen != 4096 || now.Workers < 1 || now.MaxHandlers != 1024 {
			t.Errorf("%+v", now)
		}
		keys, err := handshake.NewTicketKeys(rand.Reader, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if w.server.SetTickets(nil); !w.server.Status().TicketKey.IsZero() {
			t.Error("a time without keys")
		}
		if w.server.SetTickets(keys); w.server.Status().TicketKey.Unix() != time.Now().Unix() {
			t.Errorf("ticket key of %v", w.server.Status().TicketKey)
		}
		w.server.Close()
		if w.server.Status().Serving {
			t.Error("serving behind its end")
		}
	})
}

// BenchmarkStats is what a scrape takes the lock for.
func BenchmarkStats(b *testing.B) {
	key, _ := testKeys()
	s, err := New(Config{
		Keys: []*handshake.PrivateKey{key}, Authorize: authorize,
		Handler: coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return nil }),
	})
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		s.Stats()
	}
}
