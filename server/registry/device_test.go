package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestRejectedDevice(t *testing.T) {
	r := open(t, t.TempDir())
	for what, spoil := range map[string]func(*Device){
		"no name":              func(d *Device) { d.Name = "" },
		"long name":            func(d *Device) { d.Name = strings.Repeat("a", MaxName+1) },
		"name with a slash":    func(d *Device) { d.Name = "a/b" },
		"name with a quote":    func(d *Device) { d.Name = `a"b` },
		"name with a line end": func(d *Device) { d.Name = "a\nb" },
		"name beyond ASCII":    func(d *Device) { d.Name = "é" },
		"no suite":             func(d *Device) { d.Suite = 0 },
		"unknown suite":        func(d *Device) { d.Suite = 5 },
		"no secret":            func(d *Device) { d.PSK = nil },
		"two secrets":          func(d *Device) { d.PublicKey = kemDevice("x", d.Suite, 1).PublicKey },
		"PSK of zeros":         func(d *Device) { d.PSK = &handshake.PSK{ID: d.PSK.ID} },
		"no time":              func(d *Device) { d.Enrolled = time.Time{} },
		"key of another suite": func(d *Device) { d.PSK, d.PublicKey = nil, kemDevice("x", handshake.MLKEM512, 1).PublicKey },
	} {
		d := pskDevice("a", seeded(1))
		spoil(&d)
		if err := r.Enroll(d); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	longest := pskDevice(strings.Repeat("a", MaxName), seeded(1))
	if err := r.Enroll(longest); err != nil || !found(r, longest) {
		t.Errorf("longest name: %v", err)
	}
}
