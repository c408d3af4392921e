package coap

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A laneEnd is a Lane at the end of a testPath, with work that takes its time.
type laneEnd struct {
	*Lane
	work     time.Duration
	answer   []byte
	bodies   [][]byte
	waiting  *Transfer
	finishAt time.Time
	in, out  int // bytes
}

func newLaneEnd(config LaneConfig, answer []byte) *laneEnd {
	config.Echo = testEcho()
	return &laneEnd{Lane: NewLane(config), answer: answer}
}

func testEcho() *EchoKeys { return NewEchoKeys([32]byte{1}, [32]byte{2}) }

var testFrom = netip.MustParseAddrPort("[2001:db8::7]:40000")

func (e *laneEnd) Receive(now time.Time, datagram []byte, out *Batch) {
	e.in += len(datagram)
	if t := e.Lane.Receive(now, testFrom, datagram, out); t != nil {
		e.bodies = append(e.bodies, t.Body())
		e.waiting, e.finishAt = t, now.Add(e.work)
	}
	e.count(out)
}

func (e *laneEnd) Deadline() time.Time {
	if e.waiting != nil {
		return e.finishAt
	}
	return e.Lane.Deadline()
}

func (e *laneEnd) Advance(now time.Time, out *Batch) {
	e.Lane.Advance(now)
	if e.waiting != nil {
		e.Lane.Answer(now, e.waiting, e.answer, out)
		e.waiting = nil
	}
	e.count(out)
}

func (e *laneEnd) count(out *Batch) {
	for d := range out.All() {
		e.out += len(d)
	}
}

// TestLaneHandshake carries a body and its answer between our own device's side and the
// lane. The body reaches the server once, whole, and nothing else does; the bytes that an
// unproven address gets stay within three times its own.
func TestLaneHandshake(t *testing.T) {
	up, down := testBody(2500, 1), testBody(1300, 2)
	for _, always := range []bool{false, true} {
		for _, loss := range []float64{0, .05, .2, .4} {
			var times []time.Duration
			for seed := range uint64(300) {
				lane := newLaneEnd(LaneConfig{AlwaysEcho: always}, down)
				lane.work = time.Duration(seed%3) * time.Millisecond
				p := newPlainPath(t, seed, loss, lane, Config{})
				p.post(up, RequestOptions{ExpectBody: len(down)})
				e := p.result()
				if e.Kind != EventResponse || e.Message.Code != codes.Changed || !bytes.Equal(e.Message.Payload, down) {
					t.Fatalf("always %v loss %v seed %d: event %d %v, error %v", always, loss, seed, e.Kind, e.Message.Code, e.Err)
				}
				for _, got := range lane.bodies {
					if !bytes.Equal(got, up) {
						t.Fatalf("always %v loss %v seed %d: another body", always, loss, seed)
					}
				}
				// Bad luck may look like a path for small datagrams only, once in a while.
				if len(lane.bodies) != 1 && (loss < .2 || p.device.Limit() == defaultMaxMessage) {
					t.Fatalf("always %v loss %v seed %d: %d transfers", always, loss, seed, len(lane.bodies))
				}
				if !always && lane.out > amplify*lane.in {
					t.Fatalf("loss %v seed %d: %d bytes out for %d in", loss, seed, lane.out, lane.in)
				}
				times = append(times, p.now.Sub(testStart))
			}
			slices.Sort(times)
			t.Logf("echo %-5v loss %2.0f%%: p50 %v p95 %v", always, loss*100,
				times[len(times)/2].Round(time.Millisecond), times[len(times)*95/100].Round(time.Millisecond))
			if round := 100 * time.Millisecond; loss == 0 && !always && times[0] > round+3*time.Millisecond {
				t.Errorf("without loss: %v, want one round trip", times[0])
			}
		}
	}
}
