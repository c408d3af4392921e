package endpoint

import (
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/alarm"
)

const (
	idleWorkers = 64  // goroutines that wait for the next request
	unusedJobs  = 256 // most that are kept for it
	mostUnsent  = 32  // responses that wait for others, to be sent together
	// A request waits for the handlers before it, and a response for those behind it, for as long
	// as quick ones take. Then they are held to be slow.
	patience = time.Millisecond
)

// workers are the goroutines that call handlers. One does while the handlers are quick, one
// after another, so that what many requests cause leaves in few system calls; when a request has
// waited for longer, there are twice as many.
type workers struct {
	ready []*job // whose handlers are to be called, the oldest first
	first int    // of them
	awake int    // workers that call handlers, and do not wait for a peer in one
	idle  int    // that wait for work
	wake  chan struct{}

	unsent int // responses since the last flush
	late   *alarm.Alarm
	turn   uint64 // counts the times that late went off

	free []*job
}

// start has the handler of a job called. The caller holds the lock.
func (o *Owner) start(now time.Time, j *job) {
	j.turn = o.turn
	o.ready = append(o.ready, j)
	if o.awake == 0 {
		o.employ()
		return
	}
	o.soon(now)
}

// soon has look called. The caller holds the lock.
func (o *Owner) soon(now time.Time) {
	if o.late == nil {
		o.late = alarm.New(o.look)
	}
	o.late.Set(now, now.Add(patience))
}

// look finds what has waited for too long.
func (o *Owner) look() {
	o.Lock.Lock()
	defer o.Lock.Unlock()
	o.late.Off()
	now := time.Now()
	o.flush(now)
	o.turn++
	if o.waiting() == 0 {
		return
	}
	if o.turn-o.ready[o.first].turn > 1 {
		for range min(max(1, o.awake), o.waiting()) {
			o.employ()
		}
	}
	o.soon(now)
}

// waiting is how many jobs nobody has begun.
func (o *Owner) waiting() int { return len(o.ready) - o.first }

// next takes the oldest job.
func (o *Owner) next() *job {
	if o.waiting() == 0 {
		return nil
	}
	j := o.ready[o.first]
	o.ready[o.first] = nil
	if o.first++; o.first == len(o.ready) {
		o.ready, o.first = o.ready[:0], 0
	}
	return j
}

// employ has one worker more at work. The caller holds the lock.
func (o *Owner) employ() {
	o.awake++
	if o.idle > 0 {
		o.idle--
		o.wake <- struct{}{} // has room for each that is idle
		return
	}
	if o.wake == nil {
		o.wake = make(chan struct{}, idleWorkers)
	}
	o.Tasks.Go(o.work)
}

// work is a worker.
func (o *Owner) work() {
	o.Lock.Lock()
	for going := true; going; {
		for j := o.next(); j != nil; j = o.next() {
			j.done(o.call(j))
		}
		o.flush(time.Now())
		o.awake--
		going = o.rest()
	}
	o.Lock.Unlock()
}

// call calls the handler of a job, with the lock given back meanwhile, unless its session has
// ended.
func (o *Owner) call(j *job) (response *coap.Message) {
	if j.endpoint.err == nil {
		o.Lock.Unlock()
		response = j.endpoint.serve(j, &j.request)
		o.Lock.Lock()
	}
	return response
}

// rest waits for work, with the lock given back meanwhile. It tells whether there is some: too
// many that wait, or the end, and there is none for this worker.
func (o *Owner) rest() bool {
	if o.idle == idleWorkers || o.Context.Err() != nil {
		return false
	}
	o.idle++
	o.Lock.Unlock()
	select {
	case <-o.wake:
		o.Lock.Lock()
		return true
	case <-o.Context.Done():
	}
	o.Lock.Lock()
	if o.idle > 0 {
		o.idle--
		return false
	}
	<-o.wake // somebody has counted on it
	return true
}

// send has a response leave, together with others that are about to come. The caller holds the
// lock.
func (o *Owner) send(now time.Time, p *Endpoint) {
	if o.Flush == nil {
		p.engine.Flush(now)
		return
	}
	if o.unsent++; o.unsent >= mostUnsent {
		o.flush(now)
	} else if o.waiting() > 0 {
		o.soon(now)
	}
}

// flush sends the responses that have waited for others. The caller holds the lock.
func (o *Owner) flush(now time.Time) {
	if o.unsent > 0 {
		o.unsent = 0
		o.Flush(now)
	}
}

// unused returns a job that has ended, or a new one. The caller holds the lock.
func (o *Owner) unused() *job {
	for len(o.free) > 0 {
		last := len(o.free) - 1
		j := o.free[last]
		o.free[last], o.free = nil, o.free[:last]
		if j.place.waiting == 0 { // else a goroutine that has outlived its handler refers to it
			return j
		}
	}
	j := new(job)
	j.register, j.postpone = j.accept, j.later
	return j
}

// reuse keeps a job that has ended, unless something refers to it: an observation, a response
// that is to come, a body. The caller holds the lock.
func (o *Owner) reuse(j *job) {
	if j.observed != nil || j.deferred || j.request.Body != nil || j.place.waiting != 0 || len(o.free) >= unusedJobs {
		return
	}
	j.endpoint, j.request, j.answered = nil, coap.Request{}, false
	o.free = append(o.free, j)
}
