package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/proxy"
)

// attempts counts those of a link whose dial fails with an error.
func attempts(t *testing.T, err error, test func(t *testing.T, l *link, times *[]time.Time)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		l := newLink(slog.New(slog.DiscardHandler), func(context.Context) (*Conn, error) {
			times = append(times, time.Now())
			return nil, err
		})
		defer l.close()
		test(t, l, &times)
	})
}

var errNet = errors.New("no network")

// Who waits has the link try again, less and less often, and learns in time that there is
// nothing to wait for.
func TestLinkBackOff(t *testing.T) {
	attempts(t, errNet, func(t *testing.T, l *link, times *[]time.Time) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		_, err := l.peer(ctx)
		if !errors.Is(err, proxy.ErrUnavailable) || !errors.Is(err, errNet) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took < time.Hour-lastRetry || took > time.Hour {
			t.Errorf("waited for %v of an hour", took)
		}
		if n := len(*times); n < 15 || n > 40 {
			t.Errorf("%d attempts in an hour", n)
		}
		for i := 1; i < len(*times); i++ {
			if pause := (*times)[i].Sub((*times)[i-1]); pause < firstRetry/2 || pause > lastRetry {
				t.Errorf("attempt %d after %v", i, pause)
			}
		}
	})
}

// Many who wait are one attempt.
func TestLinkOneAttempt(t *testing.T) {
	attempts(t, errNet, func(t *testing.T, l *link, times *[]time.Time) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		failed := make(chan error, 100)
		for range 100 {
			go func() {
				_, err := l.peer(ctx)
				failed <- err
			}()
		}
		for range 100 {
			if err := <-failed; !errors.Is(err, proxy.ErrUnavailable) {
				t.Errorf("error %v", err)
			}
		}
		if n := len(*times); n < 2 || n > 8 {
			t.Errorf("%d attempts in 10 s", n)
		}
	})
}

// A refusal is told at once to who comes before the next attempt.
func TestLinkRefused(t *testing.T) {
	refusal := &handshake.Refusal{Code: handshake.RefusedCredential}
	attempts(t, refusal, func(t *testing.T, l *link, times *[]time.Time) {
		for range 50 {
			if _, err := l.peer(t.Context()); !errors.As(err, new(*handshake.Refusal)) {
				t.Fatalf("error %v", err)
			}
		}
		if len(*times) != 1 {
			t.Errorf("%d attempts at once", len(*times))
		}
		select {
		case err := <-l.refused:
			if !errors.Is(err, refusal) {
				t.Errorf("told %v", err)
			}
		default:
			t.Error("nobody was told")
		}
		time.Sleep(2 * firstRetry)
		l.peer(t.Context())
		if len(*times) != 2 {
			t.Errorf("%d attempts", len(*times))
		}
	})
}

// What the server says about coming again is heeded.
func TestLinkRetryAfter(t *testing.T) {
	attempts(t, &handshake.Refusal{Code: handshake.RefusedOverload, RetryAfter: time.Minute}, func(t *testing.T, l *link, times *[]time.Time) {
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		if _, err := l.peer(ctx); !errors.Is(err, proxy.ErrUnavailable) || len(*times) != 1 {
			t.Errorf("error %v, %d attempts", err, len(*times))
		}
		if len(l.refused) != 0 {
			t.Error("overload has ended the link")
		}
	})
}

func TestLinkClosed(t *testing.T) {
	attempts(t, errNet, func(t *testing.T, l *link, _ *[]time.Time) {
		failed := make(chan error, 1)
		go func() {
			_, err := l.peer(context.Background())
			failed <- err
		}()
		time.Sleep(10 * time.Second)
		l.close()
		if err := <-failed; !errors.Is(err, ErrClosed) {
			t.Errorf("what waited: %v", err)
		}
		if _, err := l.peer(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("behind it: %v", err)
		}
		if l.remote().IsValid() {
			t.Error("an address without a session")
		}
	})
}

func TestFinal(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("x: %w", ErrConfig):                        true,
		fmt.Errorf("x: %w", ErrState):                         true,
		&handshake.Refusal{Code: handshake.RefusedCredential}: true,
		&handshake.Refusal{Code: handshake.RefusedOverload}:   false,
		ErrKeyChanged: false, // anybody may have said so
		ErrClosed:     false,
	} {
		if final(err) != want {
			t.Errorf("%v: want %v", err, want)
		}
	}
}
