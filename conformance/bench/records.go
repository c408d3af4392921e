package bench

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"runtime"
	"time"

	"github.com/pqcoap/pqcoap/record"
)

// Records is Seal and Open of the record layer beside one AES-256-GCM operation and one AES block,
// without which there is no record. Medians; allocations are those of all of them.
type Records struct {
	Size        int     `json:"bytes"`
	Seal        float64 `json:"seal_ns"`
	BareSeal    float64 `json:"bare_seal_ns"`
	SealRatio   float64 `json:"seal_ratio"`
	Open        float64 `json:"open_ns"`
	BareOpen    float64 `json:"bare_open_ns"`
	OpenRatio   float64 `json:"open_ratio"`
	Allocations float64 `json:"allocations"`
	Up          int     `json:"overhead_up_bytes"` // to a server of up to 64 sessions, with few records under way
	Down        int     `json:"overhead_down_bytes"`
}

const (
	recordRounds = 25  // turns for each round of others
	recordBatch  = 512 // records a turn
)

// A recordBench is both ends of a session, and the bare cipher.
type recordBench struct {
	device, server *record.Conn
	block          cipher.Block
	aead           cipher.AEAD
	content        []byte
	sealed, work   [][]byte
	bareSealed     []byte
	scratch, mask  []byte
	nonce, header  []byte
	up, down       int // what the first record of each end has beyond its content
}

func newRecordBench(size int) (*recordBench, error) {
	up, down := bytes.Repeat([]byte{1}, 48), bytes.Repeat([]byte{2}, 48)
	id, err := record.NewConnectionID([]byte{7})
	if err != nil {
		return nil, err
	}
	b := &recordBench{
		content: make([]byte, size), scratch: make([]byte, 0, size+64), mask: make([]byte, 16),
		nonce: make([]byte, 12), header: make([]byte, 3), sealed: make([][]byte, recordBatch), work: make([][]byte, recordBatch),
	}
	if b.device, err = record.NewConn(record.Config{Suite: record.AES256GCMSHA384, SendSecret: up, ReceiveSecret: down, SendID: id}); err != nil {
		return nil, err
	}
	if b.server, err = record.NewConn(record.Config{Suite: record.AES256GCMSHA384, SendSecret: down, ReceiveSecret: up, ReceiveID: id}); err != nil {
		return nil, err
	}
	if b.block, err = aes.NewCipher(make([]byte, 32)); err != nil {
		return nil, err
	}
	if b.aead, err = cipher.NewGCM(b.block); err != nil {
		return nil, err
	}
	for i := range b.sealed {
		b.sealed[i], b.work[i] = make([]byte, 0, size+64), make([]byte, 0, size+64)
	}
	b.bareSealed = b.aead.Seal(nil, b.nonce, make([]byte, size+1), b.header)
	first, err := b.device.Seal(nil, record.ApplicationData, b.content, true)
	if err != nil {
		return nil, err
	}
	b.up = len(first) - size
	first, err = b.server.Seal(nil, record.ApplicationData, b.content, true)
	b.down = len(first) - size
	return b, err
}

// turn times a batch of each kind, in nanoseconds for one.
func (b *recordBench) turn() (seal, bareSeal, open, bareOpen float64, err error) {
	each := func(since time.Time) float64 { return float64(time.Since(since)) / recordBatch }
	start := time.Now()
	for i := range b.sealed {
		if b.sealed[i], err = b.device.Seal(b.sealed[i][:0], record.ApplicationData, b.content, true); err != nil {
			return
		}
	}
	seal, start = each(start), time.Now()
	size := len(b.content) + 1
	for range recordBatch {
		b.aead.Seal(b.scratch[:0], b.nonce, b.scratch[:size], b.header)
		b.block.Encrypt(b.mask, b.scratch[:16])
	}
	bareSeal, start = each(start), time.Now()
	for i := range b.sealed { // in place, of which the bare one has its copy too
		b.work[i] = append(b.work[i][:0], b.sealed[i]...)
		if _, _, err = b.server.Open(b.work[i]); err != nil {
			return
		}
	}
	open, start = each(start), time.Now()
	for i := range b.sealed {
		w := append(b.work[i][:0], b.bareSealed...)
		b.block.Encrypt(b.mask, w[:16])
		if _, err = b.aead.Open(w[:0], b.nonce, w, b.header); err != nil {
			return
		}
	}
	return seal, bareSeal, open, each(start), nil
}

func measureRecords(size, rounds int) (Records, error) {
	b, err := newRecordBench(size)
	if err != nil {
		return Records{}, err
	}
	var seals, bareSeals, opens, bareOpens, sealRatios, openRatios []float64
	var before, after runtime.MemStats
	for range rounds * recordRounds {
		runtime.ReadMemStats(&before)
		seal, bareSeal, open, bareOpen, err := b.turn()
		runtime.ReadMemStats(&after)
		if err != nil {
			return Records{}, err
		}
		seals, bareSeals = append(seals, seal), append(bareSeals, bareSeal)
		opens, bareOpens = append(opens, open), append(bareOpens, bareOpen)
		sealRatios, openRatios = append(sealRatios, seal/bareSeal), append(openRatios, open/bareOpen)
	}
	return Records{
		Size: size, Seal: median(seals), BareSeal: median(bareSeals), SealRatio: median(sealRatios),
		Open: median(opens), BareOpen: median(bareOpens), OpenRatio: median(openRatios),
		Allocations: float64((after.Mallocs - before.Mallocs) / recordBatch), Up: b.up, Down: b.down,
	}, nil
}
