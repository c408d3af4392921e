package registry

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// The keys of a [[device]] table, in the order they are written. A device has either of
// the last two.
var entryKeys = []string{"name", "mode", "suite", "id", "enrolled", "public_key", "psk"}

func modeText(m handshake.Mode) string {
	if m == handshake.ModePSK {
		return "psk"
	}
	return "kem"
}

// parseEntry reads one table. Its errors name the key and what would be right, and never
// quote the value, which may be a secret.
func parseEntry(e map[string]any) (*Device, error) {
	if err := onlyKnown(e, entryKeys); err != nil {
		return nil, err
	}
	d := &Device{}
	for _, step := range []func(*Device, map[string]any) error{
		parseName, parseSuite, parseEnrolled, parseSecret,
	} {
		if err := step(d, e); err != nil {
			return nil, err
		}
	}
	id, err := decode(e, "id", 16)
	if err != nil {
		return nil, err
	}
	if d.PSK != nil {
		d.PSK.ID = [16]byte(id)
	} else if d.PublicKey.DeviceID() != handshake.DeviceID(id) {
		return nil, errors.New("key id: not that of public_key")
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

func parseName(d *Device, e map[string]any) error {
	name, ok := e["name"].(string)
	if !ok || !validName(name) {
		return fmt.Errorf("key name: want 1 to %d letters, digits, \"-\", \"_\", \".\" and \":\" in quotes", MaxName)
	}
	d.Name = name
	return nil
}

func parseSuite(d *Device, e map[string]any) error {
	n, ok := e["suite"].(int64)
	if !ok || n < 0 || n > 255 || !handshake.Suite(n).Valid() {
		return errors.New("key suite: want a number from 1 to 4")
	}
	d.Suite = handshake.Suite(n)
	return nil
}

func parseEnrolled(d *Device, e map[string]any) error {
	t, ok := e["enrolled"].(time.Time)
	if !ok || t.IsZero() {
		return errors.New("key enrolled: want a time such as 2026-01-31T12:00:00Z, without quotes")
	}
	d.Enrolled = t.UTC()
	return nil
}

// parseSecret reads what the mode says that there is: a public key or a PSK.
func parseSecret(d *Device, e map[string]any) error {
	switch e["mode"] {
	case "kem":
		if e["psk"] != nil {
			return errors.New(`key psk: not with mode "kem"`)
		}
		b, err := decode(e, "public_key", d.Suite.PublicKeySize())
		if err != nil {
			return err
		}
		if d.PublicKey, err = handshake.ParsePublicKey(d.Suite, b); err != nil {
			return fmt.Errorf("key public_key: not a key of suite %d", uint8(d.Suite))
		}
	case "psk":
		if e["public_key"] != nil {
			return errors.New(`key public_key: not with mode "psk"`)
		}
		b, err := decode(e, "psk", 32)
		if err != nil {
			return err
		}
		d.PSK = &handshake.PSK{Key: handshake.PSKKey(b)}
	default:
		return errors.New(`key mode: want "kem" or "psk"`)
	}
	return nil
}

// decode reads a value of size bytes.
func decode(e map[string]any, key string, size int) ([]byte, error) {
	text, _ := e[key].(string)
	b, err := encoding.DecodeString(text)
	if err != nil || len(b) != size || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("key %s: want %d bytes in base64url without padding, in quotes", key, size)
	}
	return b, nil
}

// onlyKnown refuses a key it does not know and names the one that was likely meant. The
// unknown key itself is the operator's text and short, so it is quoted.
func onlyKnown(m map[string]any, known []string) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if slices.Contains(known, key) {
			continue
		}
		best := slices.MinFunc(known, func(a, b string) int { return distance(key, a) - distance(key, b) })
		return fmt.Errorf("unknown key %.32q: did you mean %s?", key, best)
	}
	return nil
}

// distance is Levenshtein's: how many letters to add, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
