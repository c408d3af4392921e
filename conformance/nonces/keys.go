package nonces

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// ErrLog is for a key log that cannot be read.
var ErrLog = errors.New("key log")

// The secrets of a session are what the key log says of one, and what has been seen of it.
type secrets struct {
	up, down direction
	cid      []byte
}

// A direction of a session has a key for each epoch.
type direction struct {
	hash   func() hash.Hash
	size   int // of a key
	epochs []*epoch
	secret []byte // of the newest of them
}

// An epoch is one key.
type epoch struct {
	number uint64
	aead   cipher.AEAD
	mask   cipher.Block
	iv     []byte
	next   uint64 // one more than the largest number
	seen   map[uint64]bool
}

// A keyLog is all sessions that devices have had, and how they have begun.
type keyLog struct {
	byID   map[string]*secrets // by connection ID, with the bytes of it
	tokens map[[16]byte]bool
	began  map[string]int
}

// parseLog reads what the device's build with the tag keylog has written.
func parseLog(b []byte) (*keyLog, error) {
	l := &keyLog{byID: make(map[string]*secrets), tokens: make(map[[16]byte]bool), began: make(map[string]int)}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && fields[0] == "waking" {
			l.began[fields[0]]++
			continue
		}
		if len(fields) != 7 {
			return nil, fmt.Errorf("%w: a line of %d fields", ErrLog, len(fields))
		}
		l.began[fields[0]]++
		if err := l.add(fields[2:]); err != nil {
			return nil, err
		}
	}
	return l, lines.Err()
}

func (l *keyLog) add(fields []string) error {
	suite, err := strconv.Atoi(fields[0])
	if err != nil {
		return fmt.Errorf("%w: suite", ErrLog)
	}
	var b [4][]byte
	for i := range b {
		if b[i], err = hex.DecodeString(fields[i+1]); err != nil {
			return fmt.Errorf("%w: %w", ErrLog, err)
		}
	}
	s := &secrets{cid: b[0], up: newDirection(suite, b[1]), down: newDirection(suite, b[2])}
	l.byID[string(s.cid)] = s
	l.tokens[[16]byte(b[3])] = true
	return nil
}

// newDirection begins with epoch 3 (docs/protocol.md section 11).
func newDirection(suite int, secret []byte) direction {
	d := direction{hash: sha256.New, size: 16}
	if suite == 0x1302 {
		d.hash, d.size = sha512.New384, 32
	}
	d.append(3, secret)
	return d
}

// append adds the keys of an epoch (RFC 8446 section 7.3, RFC 9147 section 4.2.3).
func (d *direction) append(number uint64, secret []byte) {
	block, err := aes.NewCipher(d.expand(secret, "key", d.size))
	mask, err2 := aes.NewCipher(d.expand(secret, "sn", d.size))
	if err = errors.Join(err, err2); err != nil {
		panic(err) // of a constant size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	d.secret = secret
	d.epochs = append(d.epochs, &epoch{
		number: number, aead: aead, mask: mask, iv: d.expand(secret, "iv", 12), seen: make(map[uint64]bool),
	})
}

// expand is HKDF-Expand-Label (RFC 8446 section 7.1, RFC 9147 section 5.9).
func (d *direction) expand(secret []byte, label string, size int) []byte {
	label = "dtls13" + label
	info := string([]byte{byte(size >> 8), byte(size), byte(len(label))}) + label + "\x00"
	b, err := hkdf.Expand(d.hash, secret, info, size)
	if err != nil {
		panic(err)
	}
	return b
}

// candidates are the epochs that a record with those two bits can be of: those known, the newest
// first, or else the next (RFC 8446 section 7.2).
func (d *direction) candidates(bits uint64) (list []*epoch) {
	for i := len(d.epochs) - 1; i >= 0; i-- {
		if d.epochs[i].number&3 == bits {
			list = append(list, d.epochs[i])
		}
	}
	if last := d.epochs[len(d.epochs)-1]; (last.number+1)&3 == bits {
		next := direction{hash: d.hash, size: d.size}
		next.append(last.number+1, d.expand(d.secret, "traffic upd", len(d.secret)))
		list = append(list, next.epochs[0])
	}
	return list
}

// adopt keeps an epoch that a record has shown to be in use.
func (d *direction) adopt(e *epoch) {
	if last := d.epochs[len(d.epochs)-1]; e.number > last.number {
		d.secret = d.expand(d.secret, "traffic upd", len(d.secret))
		d.epochs = append(d.epochs, e)
	}
}
