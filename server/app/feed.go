package app

import (
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

const (
	// maxViews bounds what a reading costs: how many different answers of one device may be
	// observed, each of which is made anew.
	maxViews = 8
	// feedAge is how long an observer may hear nothing. Nobody knows when a device posts.
	feedAge = 10 * time.Minute
)

// A view is what a request says about the readings that it wants.
type view struct {
	format message.MediaType
	last   int
}

// A feed is what is observed of one device's readings.
type feed struct {
	mu    sync.Mutex // also: the states of a view go out in their order
	views map[view]*coap.Observers
}

// feeds are those of all devices. The zero value is ready to use.
type feeds struct {
	mu  sync.Mutex
	all map[string]*feed
}

// of is the feed of a device, nil where there is none and none is to be made.
func (f *feeds) of(device string, create bool) *feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[device] == nil && create {
		if f.all == nil {
			f.all = make(map[string]*feed)
		}
		f.all[device] = &feed{views: make(map[view]*coap.Observers)}
	}
	return f.all[device]
}

// observe accepts the wish to observe a view, where there is one and room for it.
func (f *feeds) observe(r *coap.Request, v view) bool {
	if r.Register == nil {
		return false
	}
	d := f.of(r.Device, true)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidy()
	if d.views[v] == nil && len(d.views) == maxViews {
		return false
	}
	o := r.Observe()
	if o == nil {
		return false
	}
	if d.views[v] == nil {
		d.views[v] = new(coap.Observers)
	}
	d.views[v].Add(o)
	return true
}

// tidy forgets what nobody observes any more. The caller holds the lock.
func (d *feed) tidy() {
	for v, observers := range d.views {
		if observers.Len() == 0 {
			delete(d.views, v)
		}
	}
}

// changed tells who observes a device's readings that there are new ones.
func (a *App) changed(device string) {
	d := a.feeds.of(device, false)
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidy()
	for v, observers := range d.views {
		observers.Notify(a.state(device, v, feedAge))
	}
}
