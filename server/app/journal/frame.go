package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/pqcoap/pqcoap/server/senml"
)

// The file is fileMagic and then frames, one a write:
//
//	frame = magic (4) || offset of this frame in the file (8) || length of payload (4)
//	        || CRC-32C of all before it and of the payload (4) || payload
//	payload = one or more entries
//	entry = length of body (4) || CRC-32C of the body (4) || body
//	body  = time of receipt, Unix milliseconds (8) || length of device (1) || device
//	        || SenML pack of resolved records in CBOR
//
// Integers are big-endian. The offset makes it certain that bytes which look like a frame
// are one, and at its place. An entry has its own checksum, so that it is read alone.
const (
	fileMagic   = "pqcoapj1"
	frameMagic  = "pqjf"
	frameHeader = 4 + 8 + 4 + 4
	entryHeader = 4 + 4
	bodyHeader  = 8 + 1
	maxPayload  = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An entry is what one Append records.
type entry struct {
	device  string
	times   []float64 // of its readings
	data    []byte    // as in the file, with its header
	written chan struct{}
	err     error // set before written is closed
}

// newEntry encodes readings. Each pack fits a frame: senml bounds the records and their
// fields, and this the sum.
func newEntry(device string, received time.Time, records []senml.Record) (*entry, error) {
	if len(device) == 0 || len(device) > 255 {
		return nil, fmt.Errorf("%w: a device has a name of 1 to 255 bytes", ErrInvalid)
	}
	b := make([]byte, entryHeader, entryHeader+bodyHeader+len(device)+64*len(records))
	b = binary.BigEndian.AppendUint64(b, uint64(received.UnixMilli()))
	b = append(append(b, byte(len(device))), device...)
	b, err := senml.Append(b, senml.CBOR, records)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(b) > maxPayload {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrInvalid, maxPayload)
	}
	body := b[entryHeader:]
	binary.BigEndian.PutUint32(b, uint32(len(body)))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(body, castagnoli))
	return &entry{device: device, times: timesOf(records), data: b, written: make(chan struct{})}, nil
}

func timesOf(records []senml.Record) []float64 {
	times := make([]float64, len(records))
	for i := range records {
		times[i] = records[i].Time
	}
	return times
}

// appendFrame makes the frame of entries that is to stand at offset.
func appendFrame(b []byte, offset int64, entries []*entry) []byte {
	size := 0
	for _, e := range entries {
		size += len(e.data)
	}
	b = append(b, frameMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(offset))
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = append(b, 0, 0, 0, 0)
	for _, e := range entries {
		b = append(b, e.data...)
	}
	binary.BigEndian.PutUint32(b[frameHeader-4:], frameChecksum(b))
	return b
}

func frameChecksum(frame []byte) uint32 {
	sum := crc32.Checksum(frame[:frameHeader-4], castagnoli)
	return crc32.Update(sum, castagnoli, frame[frameHeader:])
}

// frameSize gives the size of the frame whose header begins b and which stands at offset,
// if it can be one.
func frameSize(b []byte, offset int64) (int, bool) {
	if len(b) < frameHeader || string(b[:4]) != frameMagic ||
		binary.BigEndian.Uint64(b[4:]) != uint64(offset) {
		return 0, false
	}
	n := binary.BigEndian.Uint32(b[12:])
	return frameHeader + int(n), n > 0 && n <= maxPayload
}

// parseFrame gives the payload of the frame that begins b and stands at offset.
func parseFrame(b []byte, offset int64) (payload []byte, ok bool) {
	n, ok := frameSize(b, offset)
	if !ok || n > len(b) || binary.BigEndian.Uint32(b[16:]) != frameChecksum(b[:n]) {
		return nil, false
	}
	return b[frameHeader:n], true
}

// nextEntry cuts the first entry off a payload.
func nextEntry(payload []byte) (data, rest []byte, ok bool) {
	if len(payload) < entryHeader {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(payload)
	if uint64(n) > uint64(len(payload)-entryHeader) {
		return nil, nil, false
	}
	end := entryHeader + int(n)
	return payload[:end], payload[end:], true
}

// parseEntry reads an entry and nothing behind it.
func parseEntry(data []byte) (device string, records []senml.Record, ok bool) {
	data, rest, ok := nextEntry(data)
	if !ok || len(rest) != 0 {
		return "", nil, false
	}
	body := data[entryHeader:]
	if len(body) < bodyHeader || crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(data[4:]) {
		return "", nil, false
	}
	n := int(body[8])
	if n == 0 || n > len(body)-bodyHeader {
		return "", nil, false
	}
	device = string(body[bodyHeader : bodyHeader+n])
	// Times in the file are absolute: the time of reading does not matter.
	records, err := senml.Parse(senml.CBOR, body[bodyHeader+n:], time.Time{})
	return device, records, err == nil
}
