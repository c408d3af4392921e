package server

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

func (w *bench) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	w.t.Cleanup(cancel)
	return ctx
}

// A server that is suspended and one that goes on with its sessions: the device does not notice.
func TestSuspend(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		for era := range uint32(3) {
			state, err := w.server.Suspend(w.within(time.Minute))
			if err != nil || len(state) == 0 {
				t.Fatalf("%d bytes, %v", len(state), err)
			}
			if err := <-w.done; !errors.Is(err, ErrClosed) {
				t.Errorf("Serve: %v", err)
			}
			if _, err := w.server.Suspend(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("twice: %v", err)
			}
			cfg := w.server.cfg
			cfg.Era, cfg.Sessions = era+1, state
			w.start(cfg)
			before := d.sent
			d.get()
			if s := w.server.Stats(); s.Plain.DatagramsIn != 0 || s.Sessions != 1 || d.sent != before+1 {
				t.Errorf("%d datagrams of a handshake, %d of the device, %d sessions", s.Plain.DatagramsIn, d.sent-before, s.Sessions)
			}
			for _, b := range state {
				if b != 0 {
					t.Fatal("the state is still there")
				}
			}
		}
		d.close()
	})
}

// Not a state: the server serves, and devices have to come back.
func TestSuspendSpoilt(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		state, err := w.server.Suspend(w.within(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		cfg := w.server.cfg
		cfg.Era, cfg.Sessions = 1, state[1:]
		<-w.done
		w.start(cfg)
		d.request(put("x"))
		if err := <-d.ended; !errors.Is(err, session.ErrReset) {
			t.Errorf("the device's session: %v", err)
		}
		d.close()
	})
}

// What is under way is answered; nothing else begins meanwhile.
func TestShutdownDrains(t *testing.T) {
	let := make(chan struct{})
	onBench(t, func(t *testing.T, w *bench) {
		let = make(chan struct{})
		d := w.connect(nil)
		slow := d.request(put("slow"))
		time.Sleep(time.Second)
		ended := make(chan error)
		go func() { ended <- w.server.Shutdown(w.within(time.Hour)) }()
		time.Sleep(time.Second)
		if m := d.get(); m.Code != codes.ServiceUnavailable {
			t.Errorf("another request: %v", m.Code)
		}
		q := w.queue(put("x"), anHour)
		time.Sleep(10 * time.Second)
		if !pending(q) {
			t.Error("a request was sent to a device")
		}
		select {
		case err := <-ended:
			t.Fatalf("ended before the handler: %v", err)
		default:
		}
		if err := w.server.Shutdown(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("twice: %v", err)
		}
		close(let)
		if ev := <-slow; ev.Err != nil || ev.Message.Code != coap.Changed {
			t.Errorf("the request under way: %v, %v", ev.Message.Code, ev.Err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wants(t, q, ErrClosed)
		if err := <-d.ended; errors.Is(err, session.ErrReset) {
			t.Errorf("the device was not told: %v", err)
		}
		d.close()
	}, func(cfg *Config) {
		cfg.Handler = coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
			if string(r.Payload) == "slow" {
				<-let
			}
			return coap.Status(coap.Changed)
		})
	})
}

// A handler that does not end is not waited for longer than is said, and new devices are put off.
func TestShutdownIsBounded(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		d.request(put("for ever"))
		time.Sleep(time.Second)
		start := time.Now()
		ended := make(chan error)
		go func() { ended <- w.server.Shutdown(w.within(10 * time.Second)) }()
		time.Sleep(time.Second)
		d.close()
		opened := w.server.Stats().HalfOpened
		late := w.device(nil)
		if err := <-ended; err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("%v, after %v", err, time.Since(start))
		}
		if got := w.server.Stats().HalfOpened; got != opened {
			t.Error("a handshake was answered")
		}
		late.close()
	}, func(cfg *Config) {
		cfg.Handler = coap.HandlerFunc(func(ctx context.Context, r *coap.Request) *coap.Message {
			if len(r.Payload) > 0 {
				<-ctx.Done()
			}
			return nil
		})
	})
}

// Who observes is told to ask anew: what is saved does not know of it.
func TestShutdownEndsObservations(t *testing.T) {
	var o coap.Observation
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		m := coap.Message{Code: coap.GET, Options: path("x")}
		m.Options, _, _ = m.Options.SetUint32(make([]byte, 8), 6, 0)
		<-d.request(m)
		if _, err := w.server.Suspend(w.within(time.Minute)); err != nil {
			t.Fatal(err)
		}
		<-o.Done()
		d.mu.Lock()
		last := d.noted[len(d.noted)-1]
		d.mu.Unlock()
		if last.Code != codes.ServiceUnavailable {
			t.Errorf("the last state is %v", last.Code)
		}
		d.close()
	}, func(cfg *Config) {
		cfg.Handler = coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
			if got := r.Observe(); got != nil {
				o = got
			}
			return coap.Content(0, []byte("x"))
		})
	})
}

// The same with a folder: the sessions are there once, for the next start, unless the settings say
// otherwise; then the device is told.
func TestShutdownSaves(t *testing.T) {
	for _, save := range []bool{true, false} {
		dir := initDir(t, handshake.MLKEM512)
		onBench(t, func(t *testing.T, w *bench) {
			w.server.Close()
			<-w.done
			folder := openFolder(t, dir)
			folder.Settings.SaveSessions = save
			start := func() {
				cfg := folder.Config(w.server.cfg.Handler)
				cfg.Authorize, cfg.Workers = authorize, 1
				w.start(cfg)
			}
			start()
			w.key = folder.Keys[0]
			d := w.connect(nil)
			if err := w.server.Shutdown(w.within(time.Minute)); err != nil {
				t.Error(err)
			}
			<-w.done
			file := filepath.Join(dir, sessionsFile)
			if gone(file) == save {
				t.Errorf("save_sessions = %v, a file: %v", save, !gone(file))
			}
			start()
			if !gone(file) {
				t.Error("the file is still there while the server runs")
			}
			if save {
				d.get()
			} else if err := <-d.ended; errors.Is(err, session.ErrReset) {
				t.Errorf("the device was not told: %v", err)
			}
			if s := w.server.Stats(); s.Sessions == 1 != save || s.Plain.DatagramsIn != 0 {
				t.Errorf("save_sessions = %v: %d sessions, %d datagrams of handshakes", save, s.Sessions, s.Plain.DatagramsIn)
			}
			d.close()
		})
	}
}
