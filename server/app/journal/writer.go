package journal

import "log/slog"

// write is the goroutine that alone writes to the file: whatever has queued up while one
// frame was being synced goes into the next.
func (j *Journal) write() {
	defer close(j.done)
	for {
		batch, ok := j.take()
		if !ok {
			return
		}
		j.commit(batch)
	}
}

// take waits for entries and takes as many as fit into a frame. It is over when the
// journal is closed and nobody waits.
func (j *Journal) take() ([]*entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.queue) == 0 {
		if j.closed {
			return nil, false
		}
		j.wake.Wait()
	}
	n, size := 0, 0
	for n < len(j.queue) && size+len(j.queue[n].data) <= maxPayload {
		size += len(j.queue[n].data)
		n++
	}
	batch := j.queue[:n:n]
	j.queue = j.queue[n:]
	return batch, true
}

// commit writes one frame and tells those who wait for it.
func (j *Journal) commit(batch []*entry) {
	frame := appendFrame(nil, j.size, batch)
	_, err := j.file.WriteAt(frame, j.size)
	if err == nil {
		err = j.file.Sync()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		slog.Error("journal: a write failed, no more are taken until it is opened again", "err", err)
		j.fail(batch)
		return
	}
	at := j.size + frameHeader
	for _, e := range batch {
		j.index.add(e, at)
		at += int64(len(e.data))
	}
	j.size += int64(len(frame))
	release(batch, nil)
}

// fail gives up: the kernel may have dropped pages that it could not write, and says so
// once only. What was not confirmed is cut off, so that a journal opened again does not
// go on behind bytes that only the cache has.
func (j *Journal) fail(batch []*entry) {
	j.failed = true
	j.file.Truncate(j.size) // should this fail too, Open finds the rest of the frame
	release(batch, ErrFailed)
	release(j.queue, ErrFailed)
	j.queue = nil
}

func release(entries []*entry, err error) {
	for _, e := range entries {
		e.err = err
		close(e.written)
	}
}
