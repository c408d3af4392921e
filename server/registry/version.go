package registry

import (
	"log/slog"
	"os"
	"time"
)

// reloadAfter is how long a Lookup may trust the file to be what was read.
const reloadAfter = time.Second

// Version looks at the file, and returns a number that changes with what devices are enrolled: who
// is connected, and is not among them any more, can be told by it.
func (r *Registry) Version() uint64 {
	r.look(0)
	return r.current.Load().version
}

// refresh looks at the file once a second.
func (r *Registry) refresh() { r.look(reloadAfter) }

// look looks at the file, where that was so long ago. Who finds another one at it does not wait:
// the devices known so far are good enough for a moment.
func (r *Registry) look(after time.Duration) {
	if !r.loading.TryLock() {
		return
	}
	defer r.loading.Unlock()
	now := r.now()
	if now.Sub(r.checked) < after {
		return
	}
	r.checked = now
	if err := r.reload(); err != nil {
		slog.Warn("devices not reloaded, those read before stay", "err", err)
	}
}

// reload reads the file if it is another one. One that cannot be used is complained of once.
func (r *Registry) reload() error {
	old := r.current.Load()
	stamp, err := os.Stat(r.path(fileName))
	if err != nil || same(stamp, old.stamp) {
		return nil // a file that is gone takes no device with it
	}
	t, err := load(r.path(fileName))
	if err != nil {
		kept := *old
		kept.stamp = stamp
		r.current.Store(&kept)
		return err
	}
	t.version = old.version + 1
	r.current.Store(t)
	return nil
}

// same says that nobody replaced or changed the file.
func same(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
