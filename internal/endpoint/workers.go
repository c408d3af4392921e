package endpoint

import "github.com/pqcoap/pqcoap/coap"

const (
	idleWorkers = 64  // goroutines that wait for the next request
	unusedJobs  = 256 // most that are kept for it
)

// workers are the goroutines that call handlers. Those with nothing to do wait for the next
// request, which costs less than to start one.
type workers struct {
	idle int       // that wait, and have not been given a job
	jobs chan *job // has room for one each
	free []*job
}

// start has a worker run a job. The caller holds the lock.
func (o *Owner) start(j *job) {
	if o.jobs == nil {
		o.jobs = make(chan *job, idleWorkers)
	}
	if o.idle > 0 {
		o.idle--
		o.jobs <- j
		return
	}
	o.employ(j)
}

// employ makes a worker.
func (o *Owner) employ(j *job) {
	o.Tasks.Go(func() {
		for j != nil {
			j.run()
			j = o.wait()
		}
	})
}

// wait returns the next job of a worker, nil where it is to end.
func (o *Owner) wait() *job {
	o.Lock.Lock()
	stay := o.idle < idleWorkers && o.Context.Err() == nil
	if stay {
		o.idle++
	}
	o.Lock.Unlock()
	if !stay {
		return nil
	}
	select {
	case j := <-o.jobs:
		return j
	case <-o.Context.Done():
	}
	o.Lock.Lock()
	defer o.Lock.Unlock()
	if o.idle > 0 {
		o.idle--
		return nil
	}
	return <-o.jobs // it has been given to one of those that wait
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
