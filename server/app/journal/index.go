package journal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/server/senml"
)

// A place is where a reading is found. A device has at most Keep of 24 bytes.
type place struct {
	time   float64
	offset int64  // of its entry
	size   uint32 // of its entry
	number uint16 // of the reading in the entry
}

// An index has the newest readings of each device, in the order of their time; those of
// the same time in the order of arrival.
type index map[string][]place

// add takes in an entry that stands at offset.
func (x index) add(e *entry, offset int64) {
	for i, t := range e.times {
		x.insert(e.device, place{t, offset, uint32(len(e.data)), uint16(i)})
	}
}

// addPayload takes in all entries of a payload that begins at offset.
func (x index) addPayload(payload []byte, offset int64) bool {
	for len(payload) > 0 {
		data, rest, ok := nextEntry(payload)
		if !ok {
			return false
		}
		device, records, ok := parseEntry(data)
		if !ok {
			return false
		}
		x.add(&entry{device: device, times: timesOf(records), data: data}, offset)
		offset += int64(len(data))
		payload = rest
	}
	return true
}

func (x index) insert(device string, p place) {
	places := x[device]
	at, _ := slices.BinarySearchFunc(places, p.time, func(q place, t float64) int {
		if q.time <= t { // behind those of the same time
			return -1
		}
		return 1
	})
	if len(places) == Keep {
		if at == 0 {
			return // older than all that is kept
		}
		copy(places, places[1:at])
		places[at-1] = p
		return
	}
	x[device] = slices.Insert(places, at, p)
}

// last gives a copy of the n newest places.
func (x index) last(device string, n int) []place {
	places := x[device]
	return slices.Clone(places[max(0, len(places)-n):])
}

// readPlaces reads readings from the file, each entry once, and gives them in the order
// of their places.
func readPlaces(f file, device string, places []place) ([]senml.Record, error) {
	byEntry := make([]int, len(places))
	for i := range byEntry {
		byEntry[i] = i
	}
	slices.SortStableFunc(byEntry, func(a, b int) int { return cmp.Compare(places[a].offset, places[b].offset) })
	found := make([]senml.Record, len(places))
	var entry []senml.Record
	for i, n := range byEntry {
		p := places[n]
		if i == 0 || p.offset != places[byEntry[i-1]].offset {
			var err error
			if entry, err = readEntry(f, device, p); err != nil {
				return nil, err
			}
		}
		if int(p.number) >= len(entry) {
			return nil, fmt.Errorf("%w: no such reading at byte %d", ErrCorrupt, p.offset)
		}
		found[n] = entry[p.number]
	}
	return found, nil
}

// readEntry reads an entry that was whole when it was indexed.
func readEntry(f file, device string, p place) ([]senml.Record, error) {
	data := make([]byte, p.size)
	if _, err := f.ReadAt(data, p.offset); err != nil {
		return nil, err
	}
	if size := binary.BigEndian.Uint32(data); size+entryHeader != p.size {
		return nil, fmt.Errorf("%w: entry at byte %d", ErrCorrupt, p.offset)
	}
	of, records, ok := parseEntry(data)
	if !ok || of != device {
		return nil, fmt.Errorf("%w: entry at byte %d", ErrCorrupt, p.offset)
	}
	return records, nil
}
