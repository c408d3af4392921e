package conformance

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/node"
)

// sees waits until an observer sees a state; those before it may be seen first.
func (s *sidecar) sees(watch coap.Watch, want string) {
	s.t.Helper()
	for {
		m, err := watch.Next(s.t.Context())
		if err != nil {
			s.t.Fatalf("before state %q: %v", want, err)
		}
		if string(m.Payload) == want {
			return
		}
	}
}

func (s *sidecar) observe(path string) coap.Watch {
	s.t.Helper()
	watch, err := s.client().Observe(s.t.Context(), get(path))
	if err != nil {
		s.t.Fatal(err)
	}
	return watch
}

// TestSidecarObserve: an observation goes through proxy and upstream, over a link that loses
// every tenth datagram: states in their order, the last for certain, large ones whole.
func TestSidecarObserve(t *testing.T) {
	for seed := range uint64(4) {
		beside(t, shape{link: lossy(.1), seed: seed}, func(t *testing.T, s *sidecar) {
			s.thing.set("/x", "0")
			watch := s.observe("/x")
			seen := make(chan int, 100)
			go func() {
				for {
					m, err := watch.Next(t.Context())
					if err != nil {
						return
					}
					n, err := strconv.Atoi(string(m.Payload[:min(len(m.Payload), 3)]))
					if err != nil || len(m.Payload) > 3 && len(m.Payload) != 5003 {
						t.Errorf("a state of %d bytes", len(m.Payload))
					}
					seen <- n
				}
			}()
			for n := 100; n < 140; n++ {
				state := strconv.Itoa(n)
				if n%5 == 0 && n != 139 {
					state += string(pattern(uint32(n), 5000))
				}
				s.thing.set("/x", state)
				time.Sleep(rtt * time.Duration(n%7))
			}
			last, count := -1, 0
			for last != 139 {
				n := <-seen
				if n <= last {
					t.Fatalf("state %d behind %d", n, last)
				}
				last, count = n, count+1
			}
			t.Logf("seed %d: %d of 41 states seen", seed, count)
			if count < 15 {
				t.Errorf("only %d states seen", count)
			}
			watch.Cancel()
			time.Sleep(time.Minute)
			if n := s.thing.observed("/x"); n != 0 {
				t.Errorf("%d observations go on at the upstream", n)
			}
		})
	}
}

// TestSidecarObserveEnds: an error at the upstream ends the observation of the client.
func TestSidecarObserveEnds(t *testing.T) {
	beside(t, shape{link: lossy(.1)}, func(t *testing.T, s *sidecar) {
		s.thing.set("/x", "0")
		watch := s.observe("/x")
		s.sees(watch, "0")
		s.ask(s.client(), coap.Deleted, coap.Message{Code: coap.DELETE, Options: pathOf("/x")})
		m, err := watch.Next(t.Context())
		if err != nil || m.Code != coap.NotFound {
			t.Errorf("the last state is %v, %v", m.Code, err)
		}
		if _, err := watch.Next(t.Context()); !errors.Is(err, coap.ErrObservationEnded) {
			t.Errorf("behind it: %v", err)
		}
		if m, err := s.observe("/nothing").Next(t.Context()); err != nil || m.Code != coap.NotFound {
			t.Errorf("of nothing: %v, %v", m.Code, err)
		}
	})
}

// TestSidecarObserverVanishes: the observation of a program that is gone ends at the upstream.
func TestSidecarObserverVanishes(t *testing.T) {
	beside(t, shape{link: lossy(.1)}, func(t *testing.T, s *sidecar) {
		s.thing.set("/x", "0")
		c := s.client()
		watch, err := c.Observe(t.Context(), get("/x"))
		if err != nil {
			t.Fatal(err)
		}
		s.sees(watch, "0")
		c.Close()
		s.thing.set("/x", "1")
		time.Sleep(5 * time.Minute)
		if n := s.thing.observed("/x"); n != 0 {
			t.Errorf("%d observations go on at the upstream", n)
		}
	})
}

// TestSidecarServerRestarts: requests and observations of programs outlive the server, whether
// it says goodbye or not.
func TestSidecarServerRestarts(t *testing.T) {
	for name, silent := range map[string]bool{"goodbye": false, "crash": true} {
		t.Run(name, func(t *testing.T) {
			beside(t, shape{link: quiet}, func(t *testing.T, s *sidecar) {
				s.thing.set("/x", "0")
				c, watch := s.client(), s.observe("/x")
				s.sees(watch, "0")
				if silent {
					s.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), simnet.Link{Loss: 1})
				}
				s.server.Close()
				<-s.done
				time.Sleep(10 * time.Second)
				s.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), quiet)
				s.serveAgain()
				began := time.Now()
				s.ask(c, coap.ContentCode, get("/x"))
				t.Logf("answered after %v", time.Since(began).Round(time.Millisecond))
				time.Sleep(2 * time.Minute)
				s.thing.set("/x", "1")
				s.sees(watch, "1")
			})
		})
	}
}

// serveAgain starts the server anew. That of the end of the bubble is this one.
func (s *sidecar) serveAgain() { s.world.serve() }

// TestSidecarServerAway: a request waits for a session as long as it may, and is told then that
// there is none.
func TestSidecarServerAway(t *testing.T) {
	beside(t, shape{link: simnet.Link{Loss: 1}}, func(t *testing.T, s *sidecar) {
		began := time.Now()
		s.ask(s.impatient(), coap.ServiceUnavailable, get("/x"))
		t.Logf("answered after %v", time.Since(began).Round(time.Second))
		if calls, _ := s.thing.count(); calls != 0 {
			t.Error("the upstream was asked")
		}
	})
	beside(t, shape{link: simnet.Link{Loss: 1}}, func(t *testing.T, s *sidecar) {
		time.AfterFunc(30*time.Second, func() {
			s.net.SetLink(serverAddr.Addr(), deviceAddr.Addr(), quiet)
			s.net.SetLink(deviceAddr.Addr(), serverAddr.Addr(), quiet)
			s.thing.set("/x", "1")
		})
		s.ask(s.impatient(), coap.ContentCode, get("/x"))
	})
}

// impatient is a client that waits longer than the proxy.
func (s *sidecar) impatient() coap.Peer { return patient{s.client()} }

// TestSidecarUpstreamRestarts: the upstream's absence is told in its time, and its return is
// noticed, also by who observes: the device asks anew when a state is too old.
func TestSidecarUpstreamRestarts(t *testing.T) {
	beside(t, shape{link: quiet}, func(t *testing.T, s *sidecar) {
		s.thing.set("/x", "0")
		c, watch := s.impatient(), s.observe("/x")
		s.sees(watch, "0")
		s.thingEnd()
		s.ask(c, coap.Code(5<<5|4), get("/x"))
		s.thing.forget()
		s.thingEnd = s.program(upstreamAddr, s.thing)
		s.ask(c, coap.ContentCode, get("/x"))
		time.Sleep(3 * time.Minute)
		s.thing.set("/x", "1")
		s.sees(watch, "1")
	})
}

// TestSidecarSlowUpstream: more requests than there is room for are turned away at once, and
// those that are let in are answered.
func TestSidecarSlowUpstream(t *testing.T) {
	beside(t, shape{link: quiet, change: func(c *node.ProxyConfig) { c.MaxOpen = 8 }}, func(t *testing.T, s *sidecar) {
		s.thing.set("/x", "0")
		s.ask(s.client(), coap.ContentCode, get("/x"))
		s.thing.delay(10 * time.Second)
		codes := make(chan coap.Code, 50)
		for range 50 {
			c := s.client()
			go func() {
				answer, _ := c.Do(t.Context(), get("/x"))
				codes <- answer.Code
			}()
		}
		time.Sleep(time.Second)
		if n := len(codes); n != 42 {
			t.Errorf("%d of 50 turned away at once, want 42", n)
		}
		good := 0
		for range 50 {
			if <-codes == coap.ContentCode {
				good++
			}
		}
		if good != 8 {
			t.Errorf("%d answered, want 8", good)
		}
	})
}

// TestSidecarObserversWait: many observers of a server that is away are one attempt at a time,
// ever more rarely, and all go on when it is back.
func TestSidecarObserversWait(t *testing.T) {
	beside(t, shape{link: quiet}, func(t *testing.T, s *sidecar) {
		s.thing.set("/x", "0")
		var watches []coap.Watch
		for range 20 {
			watches = append(watches, s.observe("/x"))
		}
		s.server.Close()
		<-s.done
		time.Sleep(time.Minute)
		before := s.net.Counters(deviceAddr.Addr(), serverAddr.Addr()).Datagrams
		time.Sleep(time.Hour)
		sent := s.net.Counters(deviceAddr.Addr(), serverAddr.Addr()).Datagrams - before
		t.Logf("%d datagrams in an hour", sent)
		if sent > 1500 {
			t.Errorf("%d datagrams in an hour without the server", sent)
		}
		s.serveAgain()
		time.Sleep(15 * time.Minute)
		s.thing.set("/x", "1")
		for _, w := range watches {
			s.sees(w, "1")
		}
	})
}
