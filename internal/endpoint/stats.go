package endpoint

import (
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// Stats counts the requests of an Owner's endpoints, if it is Measured.
type Stats struct {
	Overloaded uint64     // answered 5.03, since all places for handlers were taken
	Answers    Answers    // of handlers
	Latency    coap.Spans // from a request to when the owner has sent its answer

	Working  int // handlers now, but for those that wait for a peer
	Handlers int // that have not returned, now
	Waiting  int // requests whose handler has not begun, now
}

// Answers counts responses by class.
type Answers struct{ Success, ClientError, ServerError uint64 }

func (a *Answers) add(c codes.Code) {
	switch c >> 5 {
	case 2:
		a.Success++
	case 4:
		a.ClientError++
	default:
		a.ServerError++
	}
}

// Stats counts since the Owner was made. The caller holds the lock.
func (o *Owner) Stats() Stats {
	st := o.stats
	st.Working, st.Handlers, st.Waiting = o.working, o.handlers, o.waiting()+o.backlog
	return st
}

// Sent notes that the owner has sent all that there was. The caller holds the lock.
func (o *Owner) Sent() {
	if len(o.unsentSince) == 0 {
		return
	}
	now := time.Now()
	for _, came := range o.unsentSince {
		o.stats.Latency.Add(now.Sub(came))
	}
	o.unsentSince = o.unsentSince[:0]
}

// answered counts the response of a handler, which is to be sent. Nobody would take the times of
// an owner that is not Measured.
func (o *Owner) answered(came time.Time, c codes.Code) {
	if o.Measured {
		o.stats.Answers.add(c)
		o.unsentSince = append(o.unsentSince, came)
	}
}
