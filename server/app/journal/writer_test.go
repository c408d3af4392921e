package journal

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pqcoap/pqcoap/server/senml"
)

// A disk is a file in memory which counts and fails on demand. It keeps apart what has
// been synced and what has not.
type disk struct {
	mu      sync.Mutex
	data    []byte
	synced  []byte
	syncs   int
	gate    chan struct{} // if not nil, each Sync takes one from it
	onWrite error
	onSync  error
}

var errDisk = errors.New("the disk is broken")

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off >= int64(len(d.data)) {
		return 0, io.EOF
	}
	n := copy(p, d.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.onWrite != nil {
		p = p[:len(p)/2] // a part gets there all the same
	}
	if end := off + int64(len(p)); end > int64(len(d.data)) {
		d.data = append(d.data, make([]byte, end-int64(len(d.data)))...)
	}
	return copy(d.data[off:], p), d.onWrite
}

func (d *disk) Sync() error {
	if d.gate != nil {
		<-d.gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	if d.onSync == nil {
		d.synced = append([]byte{}, d.data...)
	}
	return d.onSync
}

func (d *disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.data = d.data[:size]
	return nil
}

func (d *disk) Close() error { return nil }

func (d *disk) damage(onWrite, onSync error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onWrite, d.onSync = onWrite, onSync
}

// openDisk opens the journal that is on the disk.
func openDisk(t *testing.T, d *disk) *Journal {
	t.Helper()
	x := index{}
	size, err := restore(d, int64(len(d.data)), "disk", x)
	if err != nil {
		t.Fatal(err)
	}
	return start(d, size, x)
}

func TestOneSyncServesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{gate: make(chan struct{})}
		j := openDisk(t, d)
		var all sync.WaitGroup
		add := func(n int) { all.Go(func() { mustAppend(t, j, "a", reading(n)) }) }
		add(0)
		synctest.Wait() // the first is being synced
		for n := range 50 {
			add(1 + n)
		}
		synctest.Wait() // the others queue up
		wantLast(t, j, "a", 100, nil)
		d.gate <- struct{}{}
		synctest.Wait()
		wantLast(t, j, "a", 100, readings(0, 1))
		d.gate <- struct{}{}
		all.Wait()
		if d.syncs != 2 {
			t.Errorf("%d syncs for 51 appends, want 2", d.syncs)
		}
		wantLast(t, j, "a", 100, readings(0, 51))
		mustClose(t, j)
	})
}

func TestAppendReturnsAfterSync(t *testing.T) {
	d := &disk{}
	j := openDisk(t, d)
	for n := range 10 {
		mustAppend(t, j, "a", reading(n))
		crashed := openDisk(t, &disk{data: append([]byte{}, d.synced...)})
		wantLast(t, crashed, "a", 100, readings(0, n+1))
		mustClose(t, crashed)
	}
	mustClose(t, j)
}

func TestCloseWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{gate: make(chan struct{}, 9)}
		j := openDisk(t, d)
		var all sync.WaitGroup
		all.Go(func() { mustAppend(t, j, "a", reading(0)) })
		synctest.Wait()
		all.Go(func() { mustAppend(t, j, "a", reading(1)) })
		synctest.Wait()
		all.Go(func() { mustClose(t, j) })
		synctest.Wait()
		d.gate <- struct{}{}
		d.gate <- struct{}{}
		all.Wait()
		j = openDisk(t, d)
		wantLast(t, j, "a", 9, readings(0, 2))
		mustClose(t, j)
	})
}

// A write or sync that fails fails all who wait for it and all who come later, also when
// the disk works again. What was confirmed before is still there.
func TestFailureLasts(t *testing.T) {
	for what, breaks := range map[string]func(*disk){
		"write": func(d *disk) { d.damage(errDisk, nil) },
		"sync":  func(d *disk) { d.damage(nil, errDisk) },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &disk{gate: make(chan struct{}, 99)}
			j := openDisk(t, d)
			d.gate <- struct{}{}
			mustAppend(t, j, "a", reading(0))

			breaks(d)
			var all sync.WaitGroup
			for n := range 10 {
				all.Go(func() {
					if err := j.Append("a", received, readings(n, n+1)); !errors.Is(err, ErrFailed) {
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			synctest.Wait() // one at the disk, nine in the queue, if they came in time
			d.gate <- struct{}{}
			all.Wait()

			d.damage(nil, nil)
			d.gate <- struct{}{}
			if err := j.Append("a", received, readings(5, 6)); !errors.Is(err, ErrFailed) {
				t.Errorf("%s: after the failure: %v", what, err)
			}
			wantLast(t, j, "a", 9, readings(0, 1))
			mustClose(t, j)
			j = openDisk(t, d)
			wantLast(t, j, "a", 9, readings(0, 1))
			mustAppend(t, j, "a", reading(1))
			wantLast(t, j, "a", 9, readings(0, 2))
			mustClose(t, j)
		})
	}
}

// bigReadings take some 2 MB in all: two times that fit a frame, three times do not.
func bigReadings(n int) []senml.Record {
	records := readings(250*n, 250*n+250)
	for i := range records {
		records[i].Kind, records[i].Data = senml.Data, make([]byte, senml.MaxText)
	}
	return records
}

func TestLargeBatchesAreSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{gate: make(chan struct{}, 99)}
		j := openDisk(t, d)
		var all sync.WaitGroup
		add := func(n int) {
			all.Go(func() { mustAppend(t, j, "a", bigReadings(n)...) })
			synctest.Wait()
		}
		for n := range 4 {
			add(n)
		}
		for range 4 {
			d.gate <- struct{}{}
		}
		all.Wait()
		mustClose(t, j)
		j = openDisk(t, d)
		if got, err := j.Last("a", Keep); err != nil || len(got) != 4*250 {
			t.Errorf("%d readings, %v", len(got), err)
		}
		mustClose(t, j)
		if d.syncs != 3 { // one, then two that fit together, then the last
			t.Errorf("%d syncs, want 3", d.syncs)
		}
	})
}

// BenchmarkAppend is on a real disk, many at once.
func BenchmarkAppend(b *testing.B) {
	j, err := Open(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := j.Append("a", received, readings(0, 1)); err != nil {
				b.Error(err)
			}
		}
	})
	if err := j.Close(); err != nil {
		b.Error(err)
	}
}
