package coap

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// smallLane is a Lane whose limits are soon reached.
func smallLane() LaneConfig {
	limits := PoolLimits{Entries: 6, Bytes: 2000, PrefixEntries: 3}
	return LaneConfig{MaxBody: 500, Unproven: limits, Proven: limits}
}

// TestLaneRandom sends valid requests of many addresses in any order, with loss of time
// and answers that come late or never. No bound is exceeded and no count is wrong.
func TestLaneRandom(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s := newStranger(t, smallLane())
		var waiting []*Transfer
		for range 3000 {
			s.from = address(rng.IntN(3), rng.IntN(3))
			var options []message.Option
			if rng.IntN(2) == 0 {
				options = append(options, tag(string(rune('a'+rng.IntN(2)))))
			}
			if rng.IntN(4) == 0 {
				options = append(options, s.echo())
			}
			posts := upload(testBody(1+rng.IntN(600), rng.Uint32N(2)), uint8(rng.IntN(4)), options...)
			m := posts[rng.IntN(len(posts))]
			if rng.IntN(3) == 0 {
				m = pullOf(rng.Uint32N(20), uint8(rng.IntN(4)), options...)
			}
			m.Type = message.Type(rng.IntN(2))
			if _, transfer := s.send(m); transfer != nil {
				waiting = append(waiting, transfer)
			}
			if len(waiting) > 0 && rng.IntN(3) == 0 {
				k := rng.IntN(len(waiting))
				if rng.IntN(4) > 0 {
					s.answer(waiting[k], testBody(rng.IntN(700), 5))
				} else {
					var out Batch
					s.lane.Refuse(s.now, waiting[k], BadRequest, &out)
				}
			}
			s.now = s.now.Add(time.Duration(rng.IntN(200)) * time.Millisecond)
			if rng.IntN(100) == 0 {
				s.lane.Advance(s.now)
			}
			checkLane(t, s.lane)
		}
		s.lane.Advance(s.now.Add(entryLife))
		checkLane(t, s.lane)
		if st := s.lane.Stats(); st.Entries != 0 || st.Bytes != 0 || st.Transfers == 0 || st.Answered == 0 || st.Evicted == 0 {
			t.Errorf("seed %d: %+v", seed, st)
		}
	}
}

// FuzzLaneReceive gives a Lane any datagrams, one after another.
func FuzzLaneReceive(f *testing.F) {
	seed := func(messages ...Message) {
		var b []byte
		for i := range messages {
			messages[i].MessageID = int32(i)
			slices.SortStableFunc(messages[i].Options, func(a, b message.Option) int { return int(a.ID) - int(b.ID) })
			d, err := Append(nil, &messages[i])
			if err != nil {
				f.Fatal(err)
			}
			b = append(append(b, byte(i), byte(len(d))), d...)
		}
		f.Add(b)
	}
	posts := upload(testBody(150, 1), 2)
	seed(posts...)
	seed(posts[0], posts[2], pullOf(1, 2), posts[1], pullOf(1, 2), pullOf(2, 2))
	seed(hs([]byte("whole")), pullOf(1, 2))
	seed(upload(testBody(40, 1), 0, message.Option{ID: optionEcho, Value: testEcho().Append(nil, testStart, address(0, 0).Addr())}, tag("a"))...)
	seed(getOf("hs", message.Option{ID: message.URIQuery, Value: []byte("s=1")}))
	f.Add([]byte("\x00\x04\x40\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStranger(t, smallLane())
		for len(b) > 2 {
			who, n := int(b[0]), min(int(b[1]), len(b)-2)
			s.from = address(who%4, who/4%2)
			_, transfer := s.raw(b[2 : 2+n])
			checkLane(t, s.lane)
			if transfer != nil && who < 128 {
				s.answer(transfer, testBody(300, 1))
				checkLane(t, s.lane)
			}
			s.now = s.now.Add(time.Duration(who) * time.Millisecond)
			b = b[2+n:]
		}
	})
}
