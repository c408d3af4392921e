package coap

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// narrow are paths by what each end can send over them.
var narrow = [][2]int{{528, 528}, {208, 208}, {80, 80}, {528, 0}, {80, 0}, {0, 528}, {0, 80}}

// A handshake's transfer gets through where only small datagrams do, in either direction, and
// the limit that is found is one that the path carries.
func TestPlainSizes(t *testing.T) {
	for _, mtu := range narrow {
		for _, loss := range []float64{0, .1, .3} {
			for seed := range uint64(8) {
				// Without full blocks before it the last is all there is to go by.
				up, down := testBody([]int{2500, 1650, 3200, 700}[seed%4], 1), testBody([]int{2300, 1600}[seed%2], 2)
				lane := newFarLane(down, seed%3 == 0)
				p := newPlainPath(t, seed, loss, lane, Config{})
				p.mtu = mtu
				p.post(up, RequestOptions{ExpectBody: len(down)})
				e := p.result()
				if e.Kind != EventResponse || !bytes.Equal(e.Message.Payload, down) {
					t.Fatalf("MTU %v loss %v seed %d: event %d %v, error %v", mtu, loss, seed, e.Kind, e.Message.Code, e.Err)
				}
				for _, body := range lane.bodies {
					if !bytes.Equal(body, up) {
						t.Fatalf("MTU %v loss %v seed %d: another body arrived", mtu, loss, seed)
					}
				}
				if limit := p.device.Limit(); limit == defaultMaxMessage && len(up) > 1200 {
					t.Errorf("MTU %v loss %v seed %d: limit %d at the end", mtu, loss, seed, limit)
				}
			}
		}
	}
}

// What a handshake has found is where the next transfer begins: one round trip.
func TestPlainSizeKnown(t *testing.T) {
	up, down := testBody(1200, 1), testBody(600, 2)
	p := newPlainPath(t, 1, 0, newFarLane(down, false), Config{Limit: 528})
	p.mtu = [2]int{528, 528}
	p.post(up, RequestOptions{ExpectBody: len(down)})
	if e := p.result(); !bytes.Equal(e.Message.Payload, down) || p.now.Sub(testStart) > 105*ms {
		t.Errorf("event %d, error %v, after %v", e.Kind, e.Err, p.now.Sub(testStart))
	}
	p = newPlainPath(t, 1, 0, newFarLane(down, false), Config{MaxMessage: leastMessage})
	p.post(up, RequestOptions{ExpectBody: len(down)})
	if e := p.result(); !bytes.Equal(e.Message.Payload, down) || p.largest > leastMessage {
		t.Errorf("event %d, error %v, a datagram of %d bytes", e.Kind, e.Err, p.largest)
	}
}

// Random loss is not taken for a small path.
func TestPlainSizeLoss(t *testing.T) {
	up, down := testBody(2500, 1), testBody(2300, 2)
	for loss, most := range map[float64]int{.05: 0, .1: 0, .2: 4, .4: 16} {
		wrong := 0
		for seed := range uint64(400) {
			p := newPlainPath(t, seed, loss, newFarLane(down, false), Config{})
			p.post(up, RequestOptions{ExpectBody: len(down)})
			p.result()
			if p.device.Limit() < defaultMaxMessage {
				wrong++
			}
		}
		if wrong > most {
			t.Errorf("loss %v: %d of 400 took loss for size, want %d at most", loss, wrong, most)
		}
	}
}

// Inside records both ends find the size of the path, whoever asks, and every handler is
// called once; the response may come by itself.
func TestPairSizes(t *testing.T) {
	for _, mtu := range narrow {
		for _, size := range []struct{ up, down int }{{2000, 2000}, {0, 3000}, {900, 900}, {3000, 0}} {
			t.Run(fmt.Sprint(mtu, size), func(t *testing.T) {
				for seed := range uint64(12) {
					p := newTestPair(t, seed, float64(seed%3)/10, func(c *Config) { c.MinMessage = 60 })
					p.mtu = mtu
					if seed%2 == 1 {
						p.thinking = func() time.Duration { return 200 * ms }
					}
					up, down := testBody(size.up, 1), testBody(size.down, 2)
					p.respond = func(Message) Message { return Message{Code: codes.Content, Payload: down} }
					for _, end := range []int{0, 1} {
						id := p.request(end, up, RequestOptions{})
						p.finish(end, id)
						p.check(end, id, down)
						if got := p.bodies[1-end]; len(got) != 1 || !bytes.Equal(got[0], up) {
							t.Fatalf("seed %d: handler got another body", seed)
						}
					}
					last := p.now
					id := p.request(int(seed%2), up, RequestOptions{})
					p.finish(int(seed%2), id)
					if p.loss == 0 && p.now.Sub(last) > 4*time.Second {
						t.Errorf("seed %d: the third request took %v", seed, p.now.Sub(last))
					}
				}
			})
		}
	}
}

// A path that becomes smaller while requests are under way, and a day later carries all again.
func TestPathShrinks(t *testing.T) {
	for seed := range uint64(20) {
		p := newTestPair(t, seed, float64(seed%2)/10)
		p.mtu = [2]int{300, 300}
		if seed%4 < 2 { // in the middle of a transfer
			p.mtu = [2]int{}
		}
		body := testBody(20_000, 1)
		id := p.request(0, body, RequestOptions{})
		p.run(time.Minute, func() bool { return p.sent[1] > 5 })
		p.mtu = [2]int{300, 300}
		p.finish(0, id)
		p.check(0, id, body)
		if limit := p.conns[0].Limit(); limit > 600 {
			t.Errorf("seed %d: limit %d", seed, limit)
		}
		p.now, p.mtu, p.largest = p.now.Add(sizeLife), [2]int{}, 0
		id = p.request(0, body, RequestOptions{})
		p.finish(0, id)
		if p.check(0, id, body); p.largest < 1000 {
			t.Errorf("seed %d: a day later the largest datagram has %d bytes", seed, p.largest)
		}
	}
}
